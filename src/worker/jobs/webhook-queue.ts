import { Queue, Worker } from 'bullmq';
import { queuePrefix, WAIT_SECONDS, WEBHOOK_QUEUE_NAME, type QueueConnection } from '../../stores/redis/queue-connections.js';

/** A run of `deliverDue` for one endpoint. It may be lost or run twice: the rows in Postgres decide what is sent. */
type WebhookJob = { readonly endpointId: string };

/** Runs at once: they wait for servers of others, and use no processor meanwhile. */
const CONCURRENCY = 16;

export type WebhookQueueDeps = {
  /** The producer's and the worker's connection (connectQueue); the caller closes them. */
  readonly producer: QueueConnection;
  readonly worker: QueueConnection;
  readonly namespace: string;
  readonly deliver: (endpointId: string) => Promise<object>;
  readonly onError: (error: Error) => void;
};

export type WebhookQueue = {
  /** For the gauges of queues. */
  readonly queue: Queue;
  /** Starts runs for an endpoint, up to `lanes` in all: a run that waits or runs already is not started again. */
  readonly start: (endpointId: string, lanes: number) => Promise<void>;
  readonly ready: () => Promise<void>;
  /** Waits for runs in progress. */
  readonly close: () => Promise<void>;
};

/** Both sides of the queue. */
export function webhookQueue({ producer, worker: connection, namespace, deliver, onError }: WebhookQueueDeps): WebhookQueue {
  const prefix = queuePrefix(namespace);
  // A job that has ended leaves its id to the next run.
  const defaultJobOptions = { removeOnComplete: true, removeOnFail: true };
  const queue = new Queue<WebhookJob>(WEBHOOK_QUEUE_NAME, { connection: producer, prefix, defaultJobOptions });
  queue.on('error', onError);
  const worker = new Worker<WebhookJob>(WEBHOOK_QUEUE_NAME, ({ data: { endpointId } }) => deliver(endpointId), {
    connection, prefix, concurrency: CONCURRENCY, drainDelay: WAIT_SECONDS,
  });
  worker.on('error', onError);
  worker.on('failed', (_job, error) => { onError(error); });
  return {
    queue,
    start: async (endpointId, lanes) => {
      await queue.addBulk(Array.from({ length: lanes }, (_, lane) => (
        { name: 'deliver', data: { endpointId }, opts: { jobId: `${endpointId}-${lane}` } })));
    },
    ready: async () => { await worker.waitUntilReady(); },
    close: async () => {
      await worker.close(connection.status !== 'ready');
      await queue.close();
    },
  };
}
