import { DelayedError, Queue, Worker, type Job } from 'bullmq';
import { utf8Text } from '../../kit/utf8.js';
import { queuePrefix, WAIT_SECONDS, type QueueConnection } from '../../stores/redis/queue-connections.js';
import type { Handled, HandleMessage } from './handle-settlement.js';
import { ATTEMPTS_MAX, deadLetterQueue, delayAfter, RETRY_DELAYS_MS, CONSUMED_QUEUES, type ConsumedQueue } from './queues.js';

export type BullSettlementsDeps = {
  /** A worker's connection and a producer's (connectQueue). */
  readonly workerConnection: QueueConnection;
  readonly producerConnection: QueueConnection;
  readonly namespace: string;
  readonly handlers: Readonly<Record<ConsumedQueue, HandleMessage>>;
  readonly concurrency: number;
  readonly retryDelaysMs?: readonly number[];
  readonly observe: (queue: ConsumedQueue, handled: Handled, seconds: number) => void;
  readonly onError: (error: Error) => void;
};

/** A settlement that failed permanently, kept in `<queue>_dlq` for an operator. */
export type BullDeadLetter = {
  readonly payload: unknown;
  readonly reason: string;
  readonly code: string;
  readonly attempts: number;
  readonly deadAt: string;
  readonly unnamed: string;
};

const KEEP_COMPLETED = 1_000;
/** How the name of a replayed job begins; what follows is its usage's. */
export const NAMED = 'unnamed ';

/**
 * The same settlements for those who have no RabbitMQ: BullMQ queues of the same names, under the gateway's prefix. A
 * job's data is the message. Retries do not depend on what the producer set, and what cannot be done is copied into the
 * dead-letter queue before its job ends, because a producer may have said that failed jobs are to be forgotten.
 */
export function bullSettlements(deps: BullSettlementsDeps): { close(): Promise<void> } {
  const prefix = queuePrefix(deps.namespace);
  const delaysMs = deps.retryDelaysMs ?? RETRY_DELAYS_MS;
  const opened = CONSUMED_QUEUES.map((queue) => {
    const dead = new Queue<BullDeadLetter>(deadLetterQueue(queue), { connection: deps.producerConnection, prefix });
    dead.on('error', deps.onError);
    const worker: Worker = new Worker(queue, (job, token) => settle(deps, queue, dead, delaysMs, worker, job, token), {
      connection: deps.workerConnection, prefix, concurrency: deps.concurrency, drainDelay: WAIT_SECONDS,
      removeOnComplete: { count: KEEP_COMPLETED },
    });
    worker.on('error', deps.onError);
    return { dead, worker };
  });
  return {
    close: async () => {
      await Promise.all(opened.map(({ worker }) => worker.close()));
      await Promise.all(opened.map(({ dead }) => dead.close()));
    },
  };
}

/**
 * The message of a job, or undefined when it is not UTF-8. BullMQ has put replacement characters in the place of such bytes,
 * and an id with them could be that of another account; whether it did, only the bytes tell.
 */
async function payloadOf(connection: QueueConnection, worker: Worker, job: Job<unknown>): Promise<unknown> {
  if (!JSON.stringify(job.data).includes('\uFFFD')) return job.data;
  const bytes = await connection.hgetBuffer(worker.toKey(job.id ?? ''), 'data');
  return bytes !== null && utf8Text(bytes) === null ? undefined : job.data;
}

async function settle(
  { handlers, observe, workerConnection }: BullSettlementsDeps, queue: ConsumedQueue, dead: Queue<BullDeadLetter>,
  delaysMs: readonly number[], worker: Worker, job: Job<unknown>, token: string | undefined,
): Promise<object> {
  const startedAt = performance.now();
  // A replayed job brings its first name along. Ids begin anew when Redis is lost, times do not.
  const unnamed = job.name.startsWith(NAMED) ? job.name.slice(NAMED.length) : `bullmq ${queue} ${job.timestamp} ${job.id ?? ''}`;
  const handled = await handlers[queue](await payloadOf(workerConnection, worker, job), () => Promise.resolve(unnamed));
  observe(queue, handled, (performance.now() - startedAt) / 1_000);
  if (handled.kind === 'settled') return { settled: true, replayed: handled.replayed };
  const attempts = job.attemptsStarted;
  const { reason, code } = handled;
  if (handled.kind === 'retry' && attempts < ATTEMPTS_MAX) {
    await job.moveToDelayed(Date.now() + delayAfter(attempts, delaysMs), token);
    throw new DelayedError(reason);
  }
  // The same id: a job that runs a second time is not put aside a second time.
  await dead.add('dead', { payload: job.data, reason, code, attempts, deadAt: new Date().toISOString(), unnamed }, {
    jobId: `${job.timestamp}-${job.id ?? ''}`,
  });
  return { settled: false, reason, code };
}
