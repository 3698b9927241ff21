import { Redis } from 'ioredis';
import { openCore, type Core } from '../../src/compose/core.js';
import { readConfig } from '../../src/config.js';
import { createLog } from '../../src/kit/log.js';
import { createMetrics } from '../../src/kit/metrics/metrics.js';
import { oneServer } from '../../src/stores/redis/one-server.js';
import { PATIENCE } from './gateway.js';

export type CoreProcess = {
  readonly core: Core;
  /** Log lines of level error. */
  readonly errors: readonly Readonly<Record<string, unknown>>[];
  readonly close: () => Promise<void>;
};

/** Opens the core of a gateway as one process does, without a worker's jobs: a test must drain explicitly. */
export async function openCoreProcess(redisUrl: string, databaseUrl: string, shards: number): Promise<CoreProcess> {
  const errors: Record<string, unknown>[] = [];
  const bulkRedis = new Redis(redisUrl, { maxRetriesPerRequest: 1 });
  bulkRedis.on('error', () => undefined); // while it is down
  const core = await openCore({
    config: readConfig({
      JWT_ACCESS_SECRET: 'x'.repeat(32), REDIS_URL: redisUrl, DATABASE_URL: databaseUrl, REDIS_NAMESPACE: 'cg',
      SHARDS: String(shards), ...PATIENCE,
    }),
    servers: { redisUrl, databaseUrl }, time: { clock: Date.now, offsetMs: () => 0 },
    log: createLog({ level: 'error' }, { write: (line) => { errors.push(JSON.parse(line) as Record<string, unknown>); } }),
    metrics: createMetrics({ version: 'test', defaults: false }), bulkRedis: oneServer(bulkRedis), written: () => undefined,
  });
  return {
    core, errors,
    close: async () => {
      await core.close();
      bulkRedis.disconnect();
    },
  };
}
