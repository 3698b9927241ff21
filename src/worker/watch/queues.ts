import type { Job, Queue } from 'bullmq';
import type { ConsumedQueue } from '../../edge/queues/queues.js';
import type { Gauges } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import { within } from '../../kit/within.js';
import type { QUEUE_NAME, QueueConnection, WEBHOOK_QUEUE_NAME } from '../../stores/redis/queue-connections.js';

export type QueueName = typeof QUEUE_NAME | typeof WEBHOOK_QUEUE_NAME | ConsumedQueue;

export type WatchQueuesDeps = {
  /** The queues under their names in the metrics catalogue. */
  readonly queues: readonly { readonly name: QueueName; readonly queue: Queue }[];
  /** Their connection. */
  readonly connection: Pick<QueueConnection, 'status'>;
  readonly metrics: Gauges;
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
};

const EVERY_MS = 15_000;
const WITHIN_MS = 2_000;

/** Counts the jobs of each queue by state and measures the wait of the oldest, every 15 seconds. Returns a stop function. */
export function watchQueues({ queues, connection, metrics, onError, everyMs = EVERY_MS }: WatchQueuesDeps): () => void {
  const measure = async (): Promise<void> => {
    // BullMQ would wait for the connection, and every later look would wait as well.
    if (connection.status !== 'ready') throw new Error(`the connection of the queues is ${connection.status}`);
    await within(WITHIN_MS, 'looking at the queues', Promise.all(queues.map(({ name, queue }) => lookAt(name, queue, metrics))));
  };
  return repeat(everyMs, measure, (error) => {
    metrics.forget('queueJobs', 'queueOldestSeconds');
    onError(error);
  });
}

async function lookAt(name: QueueName, queue: Queue, metrics: Gauges): Promise<void> {
  const [counts, next] = await Promise.all([
    queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed', 'completed'),
    // The first of each list: the oldest without a priority, and the most urgent with one.
    queue.getJobs(['waiting', 'prioritized'], 0, 0, true),
  ]);
  const count = (state: string): number => counts[state] ?? 0;
  metrics.set('queueJobs', { queue: name, state: 'waiting' }, count('waiting') + count('prioritized'));
  for (const state of ['active', 'delayed', 'failed', 'completed'] as const) metrics.set('queueJobs', { queue: name, state }, count(state));
  const waitedMs = next.map((job) => Date.now() - waitingSinceMs(job));
  metrics.set('queueOldestSeconds', { queue: name }, Math.max(0, ...waitedMs) / 1_000);
}

/** When a job became ready to run. Delays do not count: a scheduled job is created one period early, and a retry waits. */
const waitingSinceMs = ({ timestamp, opts, processedOn }: Job): number => Math.max(timestamp + (opts.delay ?? 0), processedOn ?? 0);
