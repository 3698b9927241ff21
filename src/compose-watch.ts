import { Queue } from 'bullmq';
import type { AmqpBridge } from './amqp/amqp-bridge.js';
import { deadLetterQueue, SETTLEMENT_QUEUES } from './amqp/queues.js';
import { watchSettlements } from './amqp/watch-settlements.js';
import type { Core, Time } from './compose-core.js';
import type { Config } from './config.js';
import { watchBooks } from './journal/watch-books.js';
import { watchJournal } from './journal/watch-journal.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics/metrics.js';
import { connectPostgres, watchProfile } from './postgres/connect.js';
import { watchPostgres } from './postgres/watch-postgres.js';
import { queuePrefix, type QueueConnections } from './queue/queue-connections.js';
import type { LedgerQueue } from './queue/ledger-queue.js';
import { watchHolds } from './queue/watch-holds.js';
import { watchQueues } from './queue/watch-queues.js';
import { settleWithin } from './settle-within.js';

export type WatchDeps = {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly core: Core;
  readonly connections: QueueConnections;
  readonly queue: LedgerQueue;
  readonly amqp: AmqpBridge | undefined;
  readonly time: Time;
  readonly log: Log;
  readonly metrics: Metrics;
};

export type Watch = {
  readonly isPostgresUp: () => boolean;
  close(): Promise<void>;
};

/** A look that fails says so in a gauge; the log has the reason, at most this often. */
const TELL_EVERY_MS = 60_000;
const CLOSE_WITHIN_MS = 2_000;

/**
 * Everything that measures what is there now. Nothing waits for a watcher and none waits for a hanging server: each
 * has a deadline, and goes silent or says `down` when it is past it.
 */
export function openWatch({ config, databaseUrl, core, connections, queue, amqp, time, log, metrics }: WatchDeps): Watch {
  const redis = connections.producer;
  const watchDb = connectPostgres(databaseUrl, watchProfile(config.postgresTimeoutMs));
  const prefix = queuePrefix(config.redisNamespace);
  const opened = (name: string): Queue => {
    const made = new Queue(name, { connection: redis, prefix });
    made.on('error', onError);
    return made;
  };
  const onError = atMostEvery(TELL_EVERY_MS, (error) => { log.warn({ err: error }, 'a watcher could not look; its gauges are silent'); });
  const settlements = SETTLEMENT_QUEUES.map((name) => ({ name, queue: opened(name) }));
  const deadLetterQueues = SETTLEMENT_QUEUES.map((name) => opened(deadLetterQueue(name)));

  const postgres = watchPostgres({ db: watchDb, metrics, onError });
  const stops = [
    postgres.stop,
    watchJournal({ db: watchDb, redis, keys: core.keys, metrics, onError }),
    watchHolds({ redis, keys: core.keys, epochOf: (shard) => core.fence.epochOf(shard)?.number, timeOffsetMs: time.offsetMs, metrics, onError }),
    watchBooks({ db: core.drainDb, clock: time.clock, metrics, onError }),
    watchQueues({ queues: [{ name: 'ledger', queue: queue.queue }, ...settlements], redis, metrics, onError }),
    watchSettlements({ amqp, deadLetterQueues, redis, metrics, onError }),
  ];
  return {
    isPostgresUp: postgres.isUp,
    close: async () => {
      for (const stop of stops) stop();
      const queues = [...settlements.map(({ queue: each }) => each), ...deadLetterQueues];
      await settleWithin(CLOSE_WITHIN_MS, Promise.all([watchDb.destroy(), ...queues.map((each) => each.close())]));
    },
  };
}

/** Passes on what it is told unless it did so a short while ago. */
function atMostEvery<T>(ms: number, tell: (what: T) => void): (what: T) => void {
  let toldAt = -Infinity;
  return (what) => {
    if (performance.now() - toldAt < ms) return;
    toldAt = performance.now();
    tell(what);
  };
}
