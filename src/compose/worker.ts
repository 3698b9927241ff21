import type { Config } from '../config.js';
import type { Readiness } from '../edge/http/health.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';
import { evictIdle } from '../journal/evict-idle.js';
import { pacedDrain } from '../journal/paced-drain.js';
import { inSpan, type Tracer } from '../kit/tracing/tracer.js';
import type { QueueConnections } from '../stores/redis/queue-connections.js';
import { keepSchedules } from '../worker/jobs/keep-schedules.js';
import type { LedgerQueue } from '../worker/jobs/ledger-queue.js';
import { lookForWork } from '../worker/jobs/look-for-work.js';
import { startWorkers } from '../worker/jobs/workers.js';
import type { Core, Time } from './core.js';
import { openReconciler } from './oversight.js';
import { openSettlementQueues } from './settlements.js';
import { checkOf, storeChecks } from './store-checks.js';
import { openWatch } from './watch.js';
import { openWebhookQueue } from './webhook-worker.js';

export type WorkerSideDeps = {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly core: Core;
  readonly connections: QueueConnections;
  readonly queue: LedgerQueue;
  readonly time: Time;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Undefined: nothing is traced. */
  readonly tracer: Tracer | undefined;
};

export type WorkerSide = {
  /** The readiness checks of the worker, for a process that reports nothing else. */
  readonly checks: () => Readiness['checks'];
  close(): Promise<void>;
};

const SECOND_MS = 1_000;

/** Opens the worker side: drains, sweeps and replays, triggered by BullMQ. `close` waits for jobs in progress. */
export async function openWorker(
  { config, databaseUrl, core, connections, queue, time, log, metrics, tracer }: WorkerSideDeps,
): Promise<WorkerSide> {
  const onError = (error: unknown): void => { log.warn({ err: error }, 'queue error'); };
  const reconciler = openReconciler({
    freezes: config.reconcileFreeze, timeOffsetMs: time.offsetMs, core, redis: connections.bulk, clock: time.clock, log, metrics, onError,
  });
  const webhooks = openWebhookQueue({ config, core, connections, clock: time.clock, log, metrics });
  const paced = pacedDrain(core.drain, config.drainWithinMs);
  const workers = startWorkers({
    reconcile: reconciler.turn,
    evict: () => evictIdle({
      db: core.drainDb, redis: connections.bulk, keys: core.keys, fence: core.fence, clock: time.clock, metrics,
      idleMs: config.evictAfterMs,
    }),
    drain: paced.drain, freshen: core.freshen, keys: core.keys, ledger: core.ledger, db: core.drainDb, clock: time.clock,
    queueConnection: connections.worker,
    redis: connections.bulk,
    namespace: config.redisNamespace,
    welcomeCredits: config.welcomeCredits,
    startDeliveries: webhooks.start, lotExpiringAheadMs: config.lotExpiringAheadMs,
    epochOf: (shard) => core.fence.epochOf(shard)?.number,
    timeOffsetMs: time.offsetMs,
    around: tracer === undefined ? undefined : (name, work) => inSpan(tracer, `job ${name}`, { kind: 'consumer', isRoot: true }, work),
    observe: {
      job: (name, durationMs, error) => {
        metrics.observe('jobSeconds', { job_name: name, status: error === undefined ? 'ok' : 'failed' }, durationMs / SECOND_MS);
        if (error !== undefined) log.warn({ err: error, job: name }, 'job failed; its schedule runs it again');
      },
      error: onError,
    },
  });
  queue.addOverdue(config.shards).catch(onError); // otherwise they are found by looking, up to two seconds later
  const stopSchedules = keepSchedules({ upsert: () => queue.upsertSchedules(config.shards), areThere: queue.hasSchedules, onError });
  const stopLooking = lookForWork({
    db: core.db, redis: connections.bulk, keys: core.keys, epochOf: (shard) => core.fence.epochOf(shard)?.number,
    timeOffsetMs: time.offsetMs, clock: time.clock, evictIdleMs: config.evictAfterMs, addWanted: queue.addWanted,
    onError: (error) => { log.debug({ err: error }, 'work was not looked for; the next look finds it'); },
  });
  await workers.ready();
  await webhooks.ready();
  const settlements = openSettlementQueues({ config, core, connections, log, metrics, tracer });
  const watch = openWatch({
    config, databaseUrl, core, connections, queue, webhooks: webhooks.queue, amqp: settlements.amqp, time, log, metrics,
  });

  return {
    checks: () => ({
      ...storeChecks(core),
      queue: checkOf(connections.worker.status === 'ready', 'connected', connections.worker.status),
      ...(settlements.amqp === undefined ? {} : { rabbitmq: checkOf(settlements.amqp.isConnected(), 'connected', 'not connected') }),
    }),
    close: async () => {
      stopSchedules();
      paced.hurry();
      stopLooking();
      reconciler.stop();
      await watch.close();
      await settlements.close();
      await workers.close();
      await webhooks.close();
    },
  };
}
