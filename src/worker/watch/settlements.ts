import type { Queue } from 'bullmq';
import type { AmqpBridge } from '../../edge/queues/amqp-bridge.js';
import type { Gauges } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import { lastKnown, within } from '../../kit/within.js';
import type { QueueConnection } from '../../stores/redis/queue-connections.js';

export type WatchSettlementsDeps = {
  /** Undefined: no RabbitMQ is configured. */
  readonly amqp: Pick<AmqpBridge, 'isConnected' | 'inFlight' | 'countDeadLetters'> | undefined;
  /** BullMQ's dead-letter queues and their connection. */
  readonly deadLetterQueues: readonly Queue[];
  readonly connection: Pick<QueueConnection, 'status'>;
  readonly metrics: Gauges;
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
};

const EVERY_MS = 15_000;
const WITHIN_MS = 2_000;

/**
 * Reports the state of RabbitMQ, and counts the settlements in the dead-letter queues of RabbitMQ and of BullMQ. While
 * RabbitMQ is down its last known count is reported: the messages are still there. Returns a stop function.
 */
export function watchSettlements(
  { amqp, deadLetterQueues, connection, metrics, onError, everyMs = EVERY_MS }: WatchSettlementsDeps,
): () => void {
  metrics.onScrape('amqpConnected', (set) => { set({}, amqp === undefined ? -1 : amqp.isConnected() ? 1 : 0); });
  metrics.onScrape('amqpInFlight', (set) => { set({}, amqp?.inFlight() ?? 0); });

  const inRabbit = lastKnown(async () => amqp?.countDeadLetters() ?? 0, WITHIN_MS);
  const count = async (): Promise<void> => {
    // BullMQ would wait for the connection, and every later look would wait as well.
    if (connection.status !== 'ready') throw new Error(`the connection of the queues is ${connection.status}`);
    const counts = await within(WITHIN_MS, 'counting dead letters', Promise.all(
      deadLetterQueues.map((queue) => queue.getJobCountByTypes('waiting', 'prioritized', 'delayed', 'failed')),
    ));
    metrics.set('deadLetters', {}, counts.reduce((sum, each) => sum + each, 0) + (await inRabbit() ?? 0));
  };
  return repeat(everyMs, count, (error) => {
    metrics.forget('deadLetters');
    onError(error);
  });
}
