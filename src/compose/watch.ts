import { Queue } from 'bullmq';
import type { Config } from '../config.js';
import type { AmqpBridge } from '../edge/queues/amqp-bridge.js';
import { deadLetterQueue, CONSUMED_QUEUES } from '../edge/queues/queues.js';
import { atMostEvery } from '../kit/at-most-every.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';
import { settleWithin } from '../kit/settle-within.js';
import { connectPostgres, watchProfile } from '../stores/postgres/connect.js';
import { queuePrefix, type QueueConnections } from '../stores/redis/queue-connections.js';
import type { LedgerQueue } from '../worker/jobs/ledger-queue.js';
import { watchBooks } from '../worker/watch/books.js';
import { watchHolds } from '../worker/watch/holds.js';
import { watchJournal } from '../worker/watch/journal.js';
import { measurePostgres } from '../worker/watch/postgres.js';
import { watchQueues } from '../worker/watch/queues.js';
import { watchSettlements } from '../worker/watch/settlements.js';
import { watchWebhooks } from '../worker/watch/webhooks.js';
import type { Core, Time } from './core.js';

export type WatchDeps = {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly core: Core;
  readonly connections: QueueConnections;
  readonly queue: LedgerQueue;
  readonly webhooks: Queue;
  readonly amqp: AmqpBridge | undefined;
  readonly time: Time;
  readonly log: Log;
  readonly metrics: Metrics;
};

export type Watch = { close(): Promise<void> };

/** A failed look is visible in a gauge; the reason is logged at most this often. */
const TELL_EVERY_MS = 60_000;
const CLOSE_WITHIN_MS = 2_000;

/**
 * Everything that measures current state. Nothing waits for a watcher, and no watcher waits for a server that hangs: each
 * look has a deadline, after which its gauges are removed or report `down`.
 */
export function openWatch({ config, databaseUrl, core, connections, queue, webhooks, amqp, time, log, metrics }: WatchDeps): Watch {
  const { producer: connection, bulk: redis } = connections;
  const watchDb = connectPostgres(databaseUrl, watchProfile(config.postgresTimeoutMs));
  const prefix = queuePrefix(config.redisNamespace);
  const opened = (name: string): Queue => {
    const made = new Queue(name, { connection, prefix });
    made.on('error', onError);
    return made;
  };
  const onError = atMostEvery(TELL_EVERY_MS, (error) => { log.warn({ err: error }, 'a watcher failed; its gauges are not reported'); });
  const settlements = CONSUMED_QUEUES.map((name) => ({ name, queue: opened(name) }));
  const deadLetterQueues = CONSUMED_QUEUES.map((name) => opened(deadLetterQueue(name)));

  const stops = [
    measurePostgres({ db: watchDb, metrics, onError }),
    watchJournal({ db: watchDb, redis, keys: core.keys, metrics, onError }),
    watchHolds({
      redis, keys: core.keys, epochOf: (shard) => core.fence.epochOf(shard)?.number, timeOffsetMs: time.offsetMs, metrics,
      onError,
    }),
    watchBooks({ db: core.drainDb, clock: time.clock, metrics, onError }),
    watchQueues({
      queues: [{ name: 'ledger', queue: queue.queue }, { name: 'webhooks', queue: webhooks }, ...settlements], connection, metrics, onError,
    }),
    watchWebhooks({ db: watchDb, clock: time.clock, metrics, onError }),
    watchSettlements({ amqp, deadLetterQueues, connection, metrics, onError }),
  ];
  return {
    close: async () => {
      for (const stop of stops) stop();
      const queues = [...settlements.map(({ queue: each }) => each), ...deadLetterQueues];
      await settleWithin(CLOSE_WITHIN_MS, Promise.all([watchDb.destroy(), ...queues.map((each) => each.close())]));
    },
  };
}
