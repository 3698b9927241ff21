import { Worker, type Job } from 'bullmq';
import { moneyIn, replayPending, type MoneyInDeps } from '../../credits/grants/money-in.js';
import { keepLimits } from '../../credits/limits/manage-limits.js';
import { keepTerms } from '../../credits/terms/manage-terms.js';
import { refillPlans } from '../../credits/plans/refill-plans.js';
import { welcomeNewcomers } from '../../credits/plans/welcome-newcomers.js';
import { forgetRefusals } from '../../credits/refusals/forget-refusals.js';
import { resumeTransfers } from '../../credits/transfers/resume-transfers.js';
import { claimResumer } from '../../credits/users/resume-claims.js';
import { sweepWebhooks } from '../../credits/webhooks/deliver.js';
import { forgetEvents, tellExpiring } from '../../credits/webhooks/tell-expiring.js';
import type { Freshen } from '../../journal/freshen.js';
import type { PacedDrain } from '../../journal/paced-drain.js';
import type { Clock } from '../../kit/clock.js';
import { ZERO, type Micros } from '../../kit/money/micros.js';
import { makePartitions } from '../../stores/postgres/partitions.js';
import { QUEUE_NAME, queuePrefix, WAIT_SECONDS, type QueueConnection } from '../../stores/redis/queue-connections.js';
import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';
import { expireHolds, expireLots, type ExpireDeps } from './expire-due.js';
import { expireForgotten } from './expire-forgotten.js';
import { forgetEpochs } from './forget-epochs.js';
import type { LedgerJobName } from './job-names.js';
import type { LedgerJobs } from './ledger-queue.js';

export type WorkerDeps = ExpireDeps & MoneyInDeps & {
  readonly drain: PacedDrain['drain'];
  /** Of the process, which has one. */
  readonly freshen: Pick<Freshen, 'account'>;
  /** One batch of the reconciler. */
  readonly reconcile: () => Promise<object>;
  /** One turn of the eviction. */
  readonly evict: () => Promise<object>;
  readonly clock: Clock;
  /** A worker's connection (connectQueue); BullMQ derives its blocking connection from it. */
  readonly queueConnection: QueueConnection;
  /** A connection with a deadline that is long enough for a scan. */
  readonly redis: ShardedRedis;
  readonly namespace: string;
  /** What new users get (WELCOME_CREDITS); nothing by default. */
  readonly welcomeCredits?: Micros;
  /** Starts runs of the webhook queue (webhook-queue.ts). */
  readonly startDeliveries: (endpointId: string, lanes: number) => Promise<void>;
  /** How long before the end of a lot its owner is told. */
  readonly lotExpiringAheadMs: number;
  readonly observe?: WorkerObserver;
  /** Wraps each job; used for tracing. */
  readonly around?: AroundJob | undefined;
};

export type AroundJob = (name: LedgerJobName, work: () => Promise<object>) => Promise<object>;

export type WorkerObserver = {
  /** Called after every job, with the error if it failed. Failed jobs are not retried: the schedule runs them again. */
  job?(name: LedgerJobName, durationMs: number, error?: unknown): void;
  /** Called with errors outside of jobs, such as a lost connection. */
  error?(error: Error): void;
};

/** Jobs that run at once: a drain and the next one, which waits for it, a sweep, and one that waits for Postgres. */
const CONCURRENCY = 4;
/** An intent this old was left by a crash or an outage: its own request has ended long before. */
const REPLAY_OLDER_THAN_MS = 5_000;
const REPLAY_BATCH_MAX = 200;

export type Workers = { readonly ready: () => Promise<void>; readonly close: () => Promise<void> };

/** Starts processing the queue. `close` waits for jobs in progress. */
export function startWorkers(deps: WorkerDeps): Workers {
  const resumeClaims = claimResumer({ db: deps.db, ledger: deps.ledger, moneyIn: moneyIn(deps) });
  const transfers = { db: deps.db, ledger: deps.ledger, moneyIn: moneyIn(deps), freshen: deps.freshen };
  const handlers: { readonly [Name in LedgerJobName]: (data: LedgerJobs[Name]) => Promise<object> } = {
    'drain': async ({ shards }) => await deps.drain(shards) ?? { joined: shards.length },
    'expire-holds': ({ shards }) => expireHolds(deps, shards),
    'expire-lots': ({ shards }) => expireLots(deps, shards),
    'expire-forgotten': () => expireForgotten(deps),
    'replay-money-in': () => replayPending(deps, REPLAY_OLDER_THAN_MS, REPLAY_BATCH_MAX),
    'forget-epochs': () => forgetEpochs(deps),
    'resume-claims': resumeClaims,
    'resume-transfers': () => resumeTransfers(transfers, REPLAY_OLDER_THAN_MS, REPLAY_BATCH_MAX),
    'refill-plans': () => refillPlans({ db: deps.db, moneyIn: moneyIn(deps), clock: deps.clock }),
    'welcome-newcomers': () => welcomeNewcomers({ db: deps.db, moneyIn: moneyIn(deps), amount: deps.welcomeCredits ?? ZERO }),
    'forget-refusals': () => forgetRefusals(deps.db, deps.clock()),
    'keep-limits': async () => ({ ...(await keepLimits(deps)), terms: (await keepTerms(deps)).applied }),
    'reconcile': deps.reconcile,
    'evict-idle': deps.evict,
    'send-webhooks': () => sweepWebhooks({ db: deps.db, clock: deps.clock, start: deps.startDeliveries }),
    'tell-expiring-lots': () => tellExpiring({ db: deps.db, clock: deps.clock, aheadMs: deps.lotExpiringAheadMs }),
    'forget-events': () => forgetEvents(deps.db, deps.clock()),
    'make-partitions': async () => ({ made: await makePartitions(deps.db, deps.clock()) }),
  };

  const around: AroundJob = deps.around ?? ((_name, job) => job());
  const work = async (job: Job<LedgerJobs[LedgerJobName], object, LedgerJobName>): Promise<object> => {
    const startedMs = performance.now();
    // Job names determine their data, but TypeScript cannot see that the two unions correspond.
    const handle = handlers[job.name] as (data: LedgerJobs[LedgerJobName]) => Promise<object>;
    try {
      const result = await around(job.name, () => handle(job.data));
      deps.observe?.job?.(job.name, performance.now() - startedMs);
      return result;
    } catch (error) {
      deps.observe?.job?.(job.name, performance.now() - startedMs, error);
      throw error;
    }
  };

  const worker = new Worker<LedgerJobs[LedgerJobName], object, LedgerJobName>(QUEUE_NAME, work, {
    connection: deps.queueConnection, prefix: queuePrefix(deps.namespace), concurrency: CONCURRENCY, drainDelay: WAIT_SECONDS,
  });
  worker.on('error', (error) => { deps.observe?.error?.(error); });
  return {
    ready: async () => { await worker.waitUntilReady(); },
    // Without Redis no job can finish; BullMQ would wait for it and keep reconnecting.
    close: () => worker.close(deps.queueConnection.status !== 'ready'),
  };
}
