import { Queue, type JobsOptions } from 'bullmq';
import type { Clock } from '../../kit/clock.js';
import { QUEUE_NAME, queuePrefix, type QueueConnection } from '../../stores/redis/queue-connections.js';
import { JOB_NAMES, type LedgerJobName } from './job-names.js';
import { EVERY_MS, scheduleMs } from './schedule.js';

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

/** A job that has something to do. */
export type WantedJob = { [Name in LedgerJobName]: { readonly name: Name; readonly data: LedgerJobs[Name] } }[LedgerJobName];

/** A period is over a little early, so that the look at its end finds it over. */
const EARLY_MS = 500;
/**
 * Redis forgets by its clock that a job was added: if that is set back, an hour later. So the name under which it remembers changes after
 * so many periods. A job may then be added once more, which does no harm.
 */
const PERIODS_PER_NAME = 10;

export type LedgerQueue = {
  /** For bull-board and tests. */
  readonly queue: Queue;
  readonly addDrain: (shards: readonly number[]) => Promise<void>;
  /** Ends leases and drains at once, before other jobs that wait: what has become due while no worker ran. */
  readonly addOverdue: (shardCount: number) => Promise<void>;
  /**
   * Starts what look-for-work.ts found, each job at most once in its period, however many workers found it. Leases end before other
   * jobs that wait, such as those that Postgres keeps waiting.
   */
  readonly addWanted: (jobs: readonly WantedJob[]) => Promise<void>;
  /** Writes the schedules, also after Redis has lost them. */
  readonly upsertSchedules: (shardCount: number) => Promise<void>;
  /** Whether every schedule is there, with this version's period. */
  readonly hasSchedules: () => Promise<boolean>;
  readonly close: () => Promise<void>;
};

/** The producing side of the queue. The caller owns `connection`, a producer's (connectQueue), and closes it. */
export function ledgerQueue(
  connection: QueueConnection, namespace: string, onError: (error: Error) => void, clock: Clock = Date.now,
): LedgerQueue {
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
    addWanted: async (jobs) => {
      if (jobs.length === 0) return;
      await queue.addBulk(jobs.map(({ name, data }) => {
        const id = `${name}-${Math.floor(clock() / (EVERY_MS[name] * PERIODS_PER_NAME))}`;
        return { name, data, opts: { deduplication: { id, ttl: EVERY_MS[name] - EARLY_MS }, lifo: name === 'expire-holds' } };
      }));
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
        await queue.upsertJobScheduler(name, { every: scheduleMs(name) }, { name, data: data[name], opts: JOB_OPTIONS });
      }
    },
    hasSchedules: async () => {
      const periods = new Map((await queue.getJobSchedulers()).map(({ key, every }) => [key, Number(every)]));
      return JOB_NAMES.every((name) => periods.get(name) === scheduleMs(name));
    },
    close: () => queue.close(),
  };
}

const allShards = (count: number): number[] => Array.from({ length: count }, (_, shard) => shard);
