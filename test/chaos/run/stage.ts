import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { mintToken } from '../../../src/edge/auth/mint-token.js';
import { freePort } from '../../../src/stores/embedded/loopback-port.js';
import { startPostgresServer, type PostgresServer } from '../../../src/stores/embedded/postgres-server.js';
import { startRedisServer, type RedisServer } from '../../../src/stores/embedded/redis-server.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { ANY_RATE } from '../../support/gateway.js';
import { memoryFolder, temporaryFolder, type Folder } from '../../support/servers.js';
import { cutProxy, type CutProxy } from './cut-proxy.js';
import { member, type Member } from './member.js';
import { slowFsync, type SlowFsync } from './slow-fsync.js';

/** Everything that runs: servers, the gateway's processes, and the proxies between them. */
export type Stage = {
  readonly apis: readonly Member[];
  readonly workers: readonly Member[];
  /** The Redis that serves, and the one that copies it. They swap at a failover. */
  readonly redis: () => RedisServer;
  readonly replica: () => RedisServer;
  readonly postgres: PostgresServer;
  readonly proxies: readonly [ofApis: CutProxy, ofWorkers: CutProxy];
  readonly fsync: SlowFsync | null;
  readonly shards: number;
  readonly namespace: string;
  /** An operator's, through the proxy, so it stays the same over a failover. */
  readonly redisUrl: string;
  /** An API key with every scope that clients need. */
  readonly apiKey: string;
  /** Direct connections, for the hand that breaks things. */
  readonly direct: (server: RedisServer) => Redis;
  /** The replica serves from now on; the former master is its replica once it has been emptied (`resetReplica`). */
  promote(): void;
  /** Empties the former master and lets it copy the current one. */
  resetReplica(): Promise<void>;
  copyLogs(folder: string): void;
  close(): Promise<void>;
};

const SHARDS = 16;
const NAMESPACE = 'chaos';
const TOKEN_TTL_SECONDS = 86_400;
const REPLICATING_TIMEOUT_MS = 60_000;

export async function openStage(logFolder: string): Promise<Stage> {
  const folder = await temporaryFolder();
  mkdirSync(logFolder, { recursive: true });
  const fsync = await slowFsync(folder.path);
  // All servers get it; the processes of the gateway have an environment of their own.
  if (fsync !== null) process.env['LD_PRELOAD'] = fsync.library;
  const postgres = await startPostgresServer({
    dir: join(folder.path, 'postgres'), extraConfig: { synchronous_commit: 'on', max_connections: '200' },
  });
  await migrate(postgres.ownerUrl);
  const { first, second, memory } = await redisPair();
  const ports = await Promise.all(Array.from({ length: 6 }, () => freePort()));
  const [proxyA = 0, proxyB = 0, ...memberPorts] = ports;
  const proxies = [await cutProxy(proxyA, first.port), await cutProxy(proxyB, first.port)] as const;
  const urlAt = (port: number): string => first.url.replace(/:\d+$/, `:${port}`);

  const secret = randomBytes(32).toString('hex');
  const environment = (proxy: CutProxy): Record<string, string> => ({
    JWT_ACCESS_SECRET: secret, REDIS_URL: urlAt(proxy.port), DATABASE_URL: postgres.url, REDIS_NAMESPACE: NAMESPACE,
    SHARDS: String(SHARDS), OPERATIONS_PORT: '0', LOG_LEVEL: 'info', REDIS_TIMEOUT_MS: '400', ...ANY_RATE,
  });
  const members = ['api-1', 'api-2', 'worker-1', 'worker-2'].map((name, index) => {
    const role = name.startsWith('api') ? 'api' : 'worker';
    return member({
      name, role, port: memberPorts[index] ?? 0, environment: environment(proxies[role === 'api' ? 0 : 1]),
      logFile: join(logFolder, `${name}.log`),
    });
  });
  const [apis, workers] = [members.slice(0, 2), members.slice(2)];
  await Promise.all(members.map((each) => each.start()));
  const admin = await mintToken(secret, { sub: 'operator', role: 'admin' }, TOKEN_TTL_SECONDS, Date.now());
  const apiKey = await makeKey(apis[0]?.url ?? '', admin);

  let [master, copy] = [first, second];
  const connections = new Map<number, Redis>();
  return {
    apis, workers, redis: () => master, replica: () => copy, postgres, proxies, fsync, shards: SHARDS, namespace: NAMESPACE,
    redisUrl: first.operatorUrl.replace(/:\d+$/, `:${proxyB}`), apiKey,
    direct: (server) => {
      const known = connections.get(server.port);
      if (known !== undefined) return known;
      const redis = new Redis(server.operatorUrl, { maxRetriesPerRequest: null });
      redis.on('error', () => undefined); // it is killed and restarted
      connections.set(server.port, redis);
      return redis;
    },
    promote() {
      [master, copy] = [copy, master];
      for (const proxy of proxies) proxy.retarget(master.port);
    },
    resetReplica: () => replicate(copy, master),
    copyLogs: (to) => {
      for (const [name, server] of [['postgres', 'postgres'], ['redis-a', 'redis'], ['redis-b', 'redis']] as const) {
        for (const suffix of ['', '.old']) {
          const file = join(name === 'postgres' ? folder.path : memory.path, name, `${server}.log${suffix}`);
          try { cpSync(file, join(to, `${name}.log${suffix}`)); } catch { /* it has no such log */ }
        }
      }
    },
    close: async () => {
      await Promise.all(members.map((each) => each.stop()));
      for (const redis of connections.values()) redis.disconnect();
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await Promise.allSettled([first.stop(), second.stop(), postgres.stop()]);
      for (const each of [folder, memory]) each.remove();
    },
  };
}

type RedisPair = { readonly first: RedisServer; readonly second: RedisServer; readonly memory: Folder };

/**
 * Two servers with the same passwords. The second copies the first. Their files are in memory: on a slow disk each kill of Redis could
 * lose what it has acknowledged, and only faults that are to lose something shall.
 */
async function redisPair(): Promise<RedisPair> {
  const memory = await memoryFolder();
  const [dirA, dirB] = [join(memory.path, 'redis-a'), join(memory.path, 'redis-b')];
  const extraConfig = { 'repl-diskless-sync': 'yes', 'repl-diskless-sync-delay': '0', 'repl-backlog-size': '16mb' };
  const first = await startRedisServer({ dir: dirA, extraConfig, namespace: NAMESPACE });
  mkdirSync(dirB);
  for (const name of readdirSync(dirA).filter((each) => each.includes('password'))) cpSync(join(dirA, name), join(dirB, name));
  const second = await startRedisServer({ dir: dirB, extraConfig, namespace: NAMESPACE });
  await replicate(second, first);
  return { first, second, memory };
}

async function replicate(copy: RedisServer, master: RedisServer): Promise<void> {
  const { username, password, port } = new URL(master.operatorUrl);
  const redis = new Redis(copy.operatorUrl, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  try {
    await redis.config('SET', 'masteruser', username);
    await redis.config('SET', 'masterauth', password);
    await redis.replicaof('127.0.0.1', Number(port));
    const deadline = Date.now() + REPLICATING_TIMEOUT_MS;
    while (!(await redis.info('replication')).includes('master_link_status:up')) {
      if (Date.now() > deadline) throw new Error('the replica does not copy the master');
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  } finally {
    redis.disconnect();
  }
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
