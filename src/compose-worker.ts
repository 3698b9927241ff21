import type { Core, Time } from './compose-core.js';
import type { Config } from './config.js';
import { createDrain } from './journal/drain.js';
import { watchJournal } from './journal/watch-journal.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics/metrics.js';
import { connectPostgres, drainProfile } from './postgres/connect.js';
import { keepSchedules } from './queue/keep-schedules.js';
import { ledgerQueue } from './queue/ledger-queue.js';
import { connectQueue } from './queue/queue-connections.js';
import { startWorkers } from './queue/workers.js';

export type WorkerSideDeps = {
  readonly config: Config;
  readonly core: Core;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly time: Time;
  readonly log: Log;
  readonly metrics: Metrics;
};

export type WorkerSide = { close(): Promise<void> };

const SECOND_MS = 1_000;

/** Opens the background side: drains, sweeps and replays, triggered by BullMQ. `close` lets jobs under way finish. */
export async function openWorker(deps: WorkerSideDeps): Promise<WorkerSide> {
  const { config, core, time, log, metrics } = deps;
  const onError = (error: unknown): void => { log.warn({ err: error }, 'queue'); };
  const connections = connectQueue(deps.redisUrl, onError);
  const queue = ledgerQueue(connections.producer, config.redisNamespace, onError);
  const drainDb = connectPostgres(deps.databaseUrl, drainProfile(config.postgresTimeoutMs));
  // Redis' clock is what entries are stamped with; without an offset the two agree.
  const drain = createDrain({
    db: drainDb, redis: connections.producer, keys: core.keys, clock: Date.now, tailSeconds: config.journalTailSeconds,
    observe: {
      batch: ({ entries, durationMs }) => { metrics.drained(entries, durationMs / SECOND_MS); },
      stopped: (shard, reason) => { log.error({ shard, reason }, 'shard stopped: its journal contradicts Postgres and needs a decision'); },
      quarantined: (count) => { log.error({ count }, 'texts quarantined: their money is in the ledger, what they said is in the table quarantine'); },
    },
  });
  const jobs = new Map<string, ReturnType<Metrics['job']>>();
  const workers = startWorkers({
    drain, keys: core.keys, ledger: core.ledger, db: core.db, clock: time.clock, queueRedis: connections.worker,
    redis: connections.producer,
    namespace: config.redisNamespace,
    epochOf: (shard) => core.fence.epochOf(shard)?.number,
    timeOffsetMs: time.offsetMs,
    observe: {
      job: (name, durationMs, error) => {
        const observe = jobs.get(name) ?? metrics.job(name);
        jobs.set(name, observe);
        observe(error === undefined ? 'ok' : 'failed', durationMs / SECOND_MS);
        if (error !== undefined) log.warn({ err: error, job: name }, 'job failed; its schedule brings it back');
      },
      error: onError,
    },
  });
  const stopSchedules = keepSchedules({ upsert: () => queue.upsertSchedules(config.shards), onError });
  const stopWatching = watchJournal({ db: drainDb, redis: connections.producer, keys: core.keys, metrics, onError });
  await workers.ready();

  return {
    close: async () => {
      stopSchedules();
      stopWatching();
      await workers.close();
      await queue.close();
      connections.close();
      await drainDb.destroy();
    },
  };
}
