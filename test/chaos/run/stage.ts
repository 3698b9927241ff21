import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mintToken } from '../../../src/edge/auth/mint-token.js';
import { startPostgresServer, type PostgresServer } from '../../../src/stores/embedded/postgres-server.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { ANY_RATE } from '../../support/gateway.js';
import { temporaryFolder } from '../../support/servers.js';
import type { CutProxy } from './cut-proxy.js';
import { member, type Member, type MemberPlan } from './member.js';
import { slowFsync, type SlowFsync } from './slow-fsync.js';

/** What runs whatever Redis is: Postgres, and the gateway's processes. */
export type GatewayStage = {
  readonly apis: readonly Member[];
  readonly workers: readonly Member[];
  readonly postgres: PostgresServer;
  readonly fsync: SlowFsync | null;
  readonly shards: number;
  readonly namespace: string;
  /** An API key with every scope that clients need. */
  readonly apiKey: string;
  copyLogs(folder: string): void;
  close(): Promise<void>;
};

/** What a stage knows of its Redis. */
export type RedisOfStage = {
  /** An operator's, as redis-address.ts reads it. It stays the same over a failover. */
  readonly auditUrl: string;
  /** The settings by which processes of a role find it. */
  readonly settingsOf: (role: MemberPlan['role']) => Readonly<Record<string, string>>;
  readonly proxies: readonly CutProxy[];
  readonly logs: readonly { readonly name: string; readonly file: string }[];
  stop(): Promise<void>;
};

const SHARDS = 16;
export const NAMESPACE = 'chaos';
const TOKEN_TTL_SECONDS = 86_400;

/** Starts everything: servers, the gateway's processes, and the proxies between them. */
export async function openStage<Redis extends RedisOfStage>(
  logFolder: string, openRedis: () => Promise<Redis>,
): Promise<GatewayStage & Redis> {
  const folder = await temporaryFolder();
  mkdirSync(logFolder, { recursive: true });
  const fsync = await slowFsync(folder.path);
  // All servers get it; the processes of the gateway have an environment of their own.
  if (fsync !== null) process.env['LD_PRELOAD'] = fsync.library;
  const postgres = await startPostgresServer({
    dir: join(folder.path, 'postgres'), extraConfig: { synchronous_commit: 'on', max_connections: '200' },
  });
  await migrate(postgres.ownerUrl);
  const redis = await openRedis();

  const secret = randomBytes(32).toString('hex');
  const environmentOf = (role: MemberPlan['role']): Record<string, string> => ({
    JWT_ACCESS_SECRET: secret, ...redis.settingsOf(role), DATABASE_URL: postgres.url, REDIS_NAMESPACE: NAMESPACE,
    SHARDS: String(SHARDS), OPERATIONS_PORT: '0', LOG_LEVEL: 'info', REDIS_TIMEOUT_MS: '400', ...ANY_RATE,
  });
  const members = ['api-1', 'api-2', 'worker-1', 'worker-2'].map((name) => {
    const role = name.startsWith('api') ? 'api' : 'worker';
    return member({ name, role, environment: environmentOf(role), logFile: join(logFolder, `${name}.log`) });
  });
  const [apis, workers] = [members.slice(0, 2), members.slice(2)];
  await Promise.all(members.map((each) => each.start()));
  const admin = await mintToken(secret, { sub: 'operator', role: 'admin' }, TOKEN_TTL_SECONDS, Date.now());
  const apiKey = await makeKey(apis[0]?.url ?? '', admin);
  return {
    ...redis, apis, workers, postgres, fsync, shards: SHARDS, namespace: NAMESPACE, apiKey,
    copyLogs: (to) => {
      const postgresLog = { name: 'postgres', file: join(folder.path, 'postgres', 'postgres.log') };
      for (const { name, file } of [postgresLog, ...redis.logs]) {
        for (const suffix of ['', '.old']) {
          try { cpSync(`${file}${suffix}`, join(to, `${name}.log${suffix}`)); } catch { /* it has no such log */ }
        }
      }
    },
    close: async () => {
      await Promise.all(members.map((each) => each.stop()));
      await redis.stop();
      await Promise.allSettled([postgres.stop()]);
      folder.remove();
    },
  };
}

async function makeKey(url: string, token: string): Promise<string> {
  for (;;) {
    const response = await fetch(`${url}/v1/api-keys`, {
      method: 'POST', headers: { 'authorization': `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'chaos', scopes: ['holds', 'charges', 'grants', 'read'], reason: 'chaos' }),
    });
    const { key } = await response.json() as { readonly key?: string };
    if (typeof key === 'string') return key;
    if (response.status !== 503) throw new Error(`no API key: ${response.status}`);
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
}
