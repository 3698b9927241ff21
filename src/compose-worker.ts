import type { Core, Time } from './compose-core.js';
import { openSettlementQueues } from './compose-settlements.js';
import type { Config } from './config.js';
import { watchJournal } from './journal/watch-journal.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics/metrics.js';
import { parseCredits } from './money/credits.js';
import type { Micros } from './money/micros.js';
import { keepSchedules } from './queue/keep-schedules.js';
import type { LedgerQueue } from './queue/ledger-queue.js';
import type { QueueConnections } from './queue/queue-connections.js';
import { startWorkers } from './queue/workers.js';

export type WorkerSideDeps = {
  readonly config: Config;
  readonly core: Core;
  readonly connections: QueueConnections;
  readonly queue: LedgerQueue;
  readonly time: Time;
  readonly log: Log;
  readonly metrics: Metrics;
};

export type WorkerSide = { close(): Promise<void> };

const SECOND_MS = 1_000;

/** Opens the background side: drains, sweeps and replays, triggered by BullMQ. `close` lets jobs under way finish. */
export async function openWorker({ config, core, connections, queue, time, log, metrics }: WorkerSideDeps): Promise<WorkerSide> {
  const onError = (error: unknown): void => { log.warn({ err: error }, 'queue'); };
  const workers = startWorkers({
    drain: core.drain, keys: core.keys, ledger: core.ledger, db: core.drainDb, clock: time.clock, queueRedis: connections.worker,
    redis: connections.producer, scanRedis: connections.producer,
    namespace: config.redisNamespace,
    welcomeCredits: creditsOf('WELCOME_CREDITS', config.welcomeCredits),
    epochOf: (shard) => core.fence.epochOf(shard)?.number,
    timeOffsetMs: time.offsetMs,
    observe: {
      job: (name, durationMs, error) => {
        metrics.observe('jobSeconds', { job_name: name, status: error === undefined ? 'ok' : 'failed' }, durationMs / SECOND_MS);
        if (error !== undefined) log.warn({ err: error, job: name }, 'job failed; its schedule brings it back');
      },
      error: onError,
    },
  });
  const stopSchedules = keepSchedules({ upsert: () => queue.upsertSchedules(config.shards), areThere: queue.hasSchedules, onError });
  const stopWatching = watchJournal({ db: core.drainDb, redis: connections.producer, keys: core.keys, metrics, onError });
  await workers.ready();
  const settlements = openSettlementQueues({ config, core, connections, log, metrics });

  return {
    close: async () => {
      stopSchedules();
      stopWatching();
      await settlements.close();
      await workers.close();
    },
  };
}

/** Checked by config.ts: this cannot fail. */
function creditsOf(name: string, text: string): Micros {
  const amount = parseCredits(text);
  if (typeof amount === 'string') throw new Error(`${name} is ${amount}`);
  return amount;
}
