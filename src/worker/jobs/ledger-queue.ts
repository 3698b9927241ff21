import { Queue, type JobsOptions } from 'bullmq';
import { QUEUE_NAME, queuePrefix, type QueueConnection } from '../../stores/redis/queue-connections.js';
import { JOB_NAMES, type LedgerJobName } from './job-names.js';

/** The data of each job. A job may run twice or not at all: the next run does the same work. */
export type LedgerJobs = {
  'drain': { readonly shards: readonly number[] };
  'expire-holds': { readonly shards: readonly number[] };
  'expire-lots': { readonly shards: readonly number[] };
  'expire-forgotten': Record<string, never>;
  'replay-money-in': Record<string, never>;
  'resume-claims': Record<string, never>;
  'resume-transfers': Record<string, never>;
  'make-partitions': Record<string, never>;
  'forget-epochs': Record<string, never>;
  'refill-plans': Record<string, never>;
  'welcome-newcomers': Record<string, never>;
  'forget-refusals': Record<string, never>;
  'keep-limits': Record<string, never>;
  'reconcile': Record<string, never>;
  'send-webhooks': Record<string, never>;
  'tell-expiring-lots': Record<string, never>;
  'forget-events': Record<string, never>;
  'evict-idle': Record<string, never>;
};

/** How many finished jobs are kept for inspection: more failures than successes. */
const JOB_OPTIONS: JobsOptions = { removeOnComplete: { count: 100 }, removeOnFail: { count: 500 } };

/**
 * The period of each job's schedule. Nudges start a drain within milliseconds; the scheduled drain finds what a crash
 * left behind. Holds must end within a second of their lease (docs/architecture.md#when-things-fail).
 */
const EVERY_MS: Readonly<Record<LedgerJobName, number>> = {
  'drain': 2_000,
  'expire-holds': 1_000,
  'expire-lots': 5_000,
  'expire-forgotten': 5_000,
  'replay-money-in': 10_000,
  'resume-claims': 10_000,
  'resume-transfers': 2_000,
  'make-partitions': 3_600_000,
  'forget-epochs': 3_600_000,
  'refill-plans': 2_000,
  'welcome-newcomers': 1_000,
  'forget-refusals': 3_600_000,
  'keep-limits': 5_000,
  'reconcile': 5_000,
  'send-webhooks': 1_000,
  'tell-expiring-lots': 60_000,
  'forget-events': 3_600_000,
  'evict-idle': 2_000,
};

export type LedgerQueue = {
  /** For bull-board and tests. */
  readonly queue: Queue;
  readonly addDrain: (shards: readonly number[]) => Promise<void>;
  /** Ends leases and drains at once, before other jobs that wait: what has become due while no worker ran. */
  readonly addOverdue: (shardCount: number) => Promise<void>;
  /** Writes the schedules, also after Redis has lost them. */
  readonly upsertSchedules: (shardCount: number) => Promise<void>;
  readonly hasSchedules: () => Promise<boolean>;
  readonly close: () => Promise<void>;
};

/** The producing side of the queue. The caller owns `connection`, a producer's (connectQueue), and closes it. */
export function ledgerQueue(connection: QueueConnection, namespace: string, onError: (error: Error) => void): LedgerQueue {
  const queue = new Queue(QUEUE_NAME, { connection, prefix: queuePrefix(namespace), defaultJobOptions: JOB_OPTIONS });
  queue.on('error', onError);
  return {
    queue,
    addDrain: async (shards) => {
      await queue.add('drain', { shards });
    },
    addOverdue: async (shardCount) => {
      const data = { shards: allShards(shardCount) };
      await queue.addBulk((['drain', 'expire-holds'] as const).map((name) => ({ name, data, opts: { lifo: true } })));
    },
    upsertSchedules: async (shardCount) => {
      const shards = allShards(shardCount);
      const data: LedgerJobs = {
        'drain': { shards }, 'expire-holds': { shards }, 'expire-lots': { shards }, 'expire-forgotten': {}, 'replay-money-in': {},
        'resume-claims': {}, 'resume-transfers': {}, 'make-partitions': {}, 'forget-epochs': {},
        'refill-plans': {}, 'welcome-newcomers': {}, 'forget-refusals': {}, 'keep-limits': {}, 'reconcile': {},
        'send-webhooks': {}, 'tell-expiring-lots': {}, 'forget-events': {}, 'evict-idle': {},
      };
      for (const name of JOB_NAMES) {
        await queue.upsertJobScheduler(name, { every: EVERY_MS[name] }, { name, data: data[name], opts: JOB_OPTIONS });
      }
    },
    hasSchedules: async () => (await queue.getJobSchedulersCount()) === JOB_NAMES.length,
    close: () => queue.close(),
  };
}

const allShards = (count: number): number[] => Array.from({ length: count }, (_, shard) => shard);
