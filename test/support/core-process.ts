import { openCore, type Core } from '../../src/compose/core.js';
import { readConfig } from '../../src/config.js';
import { createLog } from '../../src/kit/log.js';
import { openPatient } from '../../src/stores/redis/open-redis.js';
import { testMetrics, type TestMetrics } from './gauges.js';
import { PATIENCE } from './gateway.js';
import { locationOf, redisSettings } from './redis-address.js';

export type CoreProcess = {
  readonly core: Core;
  /** Log lines of level error. */
  readonly errors: readonly Readonly<Record<string, unknown>>[];
  readonly metrics: TestMetrics;
  readonly close: () => Promise<void>;
};

const PATIENCE_MS = 60_000;

/** Opens the core of a gateway as one process does, without a worker's jobs: a test must drain explicitly. */
export async function openCoreProcess(redisUrl: string, databaseUrl: string, shards: number): Promise<CoreProcess> {
  const errors: Record<string, unknown>[] = [];
  const metrics = testMetrics();
  const bulkRedis = openPatient(locationOf(redisUrl), PATIENCE_MS, () => undefined);
  const core = await openCore({
    config: readConfig({
      JWT_ACCESS_SECRET: 'x'.repeat(32), ...redisSettings(redisUrl), DATABASE_URL: databaseUrl, REDIS_NAMESPACE: 'cg',
      SHARDS: String(shards), ...PATIENCE,
    }),
    servers: { redis: locationOf(redisUrl), databaseUrl }, time: { clock: Date.now, offsetMs: () => 0 },
    log: createLog({ level: 'error' }, { write: (line) => { errors.push(JSON.parse(line) as Record<string, unknown>); } }),
    metrics, bulkRedis, written: () => undefined,
  }).catch((error: unknown) => {
    bulkRedis.close();
    throw error;
  });
  return {
    core, errors, metrics,
    close: async () => {
      await core.close();
      bulkRedis.close();
    },
  };
}
