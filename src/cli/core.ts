import { userInfo } from 'node:os';
import { join } from 'node:path';
import { openCore, type Core } from '../compose/core.js';
import type { Config } from '../config.js';
import { systemClock } from '../kit/clock.js';
import { createLog, type Log } from '../kit/log.js';
import { createMetrics } from '../kit/metrics/metrics.js';
import { locateServers } from '../stores/embedded/data-dir.js';
import { rememberedRedis } from '../stores/embedded/redis-server.js';
import { startEmbedded } from '../stores/embedded/start-embedded.js';
import { apiProfile, connectPostgres } from '../stores/postgres/connect.js';
import { migrate } from '../stores/postgres/migrate.js';
import { redisAt, type RedisLocation } from '../stores/redis/location.js';
import { openPatient, redisAnswers } from '../stores/redis/open-redis.js';
import { runningPostgres } from './database.js';

export type CliCore = { readonly core: Core; readonly log: Log; readonly close: () => Promise<void> };

/** A command may wait longer for a server than a request. */
const TIMEOUT_MS = 30_000;

/** The actor that the ledger records for an operator's command. */
export const commandActor = (): string => `command:${userInfo().username}`;

/**
 * The ledger for a command: over the configured servers, over the embedded servers of a running gateway, or over
 * embedded servers that run only as long as the command. The command acts as one more process of the gateway, behind the
 * same fence, and needs no token and no port.
 */
export async function openCliCore(config: Config, progress: (line: string) => void): Promise<CliCore> {
  const { redis, databaseUrl, stop } = await locate(config, progress);
  try {
    await requireSchema(databaseUrl);
    const log = createLog({ level: 'error' }, { write: progress });
    const bulkRedis = openPatient(redis, TIMEOUT_MS, (error) => { log.debug({ err: error }, 'Redis'); });
    const core = await openCore({
      config: { ...config, redisTimeoutMs: Math.max(config.redisTimeoutMs, 2_000), postgresTimeoutMs: TIMEOUT_MS },
      servers: { redis, databaseUrl }, time: { clock: systemClock, offsetMs: () => 0 }, log,
      metrics: createMetrics({ version: 'command', defaults: false }), bulkRedis, written: () => undefined,
    }).catch((error: unknown) => {
      bulkRedis.close();
      throw error;
    });
    return {
      core, log,
      close: async () => {
        await core.close();
        bulkRedis.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Located = { readonly redis: RedisLocation; readonly databaseUrl: string; readonly stop: () => Promise<void> };

async function locate(config: Config, progress: (line: string) => void): Promise<Located> {
  const { redis, databaseUrl, dataDir, redisBinary, redisNamespace } = config;
  const running = {
    redis: redis ?? await runningRedis(dataDir, progress),
    databaseUrl: databaseUrl ?? (await runningPostgres(dataDir, progress))?.url,
  };
  if (running.redis !== undefined && running.databaseUrl !== undefined) {
    return { redis: running.redis, databaseUrl: running.databaseUrl, stop: () => Promise.resolve() };
  }
  const embedded = await startEmbedded({
    redis: redis === undefined, postgres: databaseUrl === undefined, dataDir, progress, redisBinary, redisNamespace,
  });
  const located = {
    redis: redis ?? redisAt(embedded.redisUrl ?? ''), databaseUrl: databaseUrl ?? embedded.databaseUrl ?? '', stop: embedded.stop,
  };
  if (embedded.migrationDatabaseUrl !== undefined) await migrate(embedded.migrationDatabaseUrl);
  return located;
}

/** The embedded Redis of a running gateway. Undefined when the port does not answer: it may be the port of an earlier start. */
export async function runningRedis(dataDir: string, progress: (line: string) => void): Promise<RedisLocation | undefined> {
  const url = await rememberedRedis(join(await locateServers(dataDir, progress), 'redis'));
  return url !== undefined && await redisAnswers(url) ? redisAt(url) : undefined;
}

/** Throws when the schema is older than this code: a command must not migrate a database that an older gateway uses. */
async function requireSchema(databaseUrl: string): Promise<void> {
  const db = connectPostgres(databaseUrl, apiProfile(TIMEOUT_MS));
  try {
    const { rows } = await db.raw<{ rows: { found: string | null }[] }>(`select to_regclass('shard_losses')::text as found`);
    if (typeof rows[0]?.found !== 'string') {
      throw new Error('this database has the schema of an older version: start the gateway once, which migrates it');
    }
  } finally {
    await db.destroy();
  }
}
