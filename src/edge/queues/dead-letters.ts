import type { ChannelModel, ConfirmChannel, GetMessage } from 'amqplib';
import { Queue } from 'bullmq';
import { queuePrefix, type QueueConnection } from '../../stores/redis/queue-connections.js';
import { NAMED, type BullDeadLetter } from './bull-settlements.js';
import { closeChannel } from './close-channel.js';
import { letterNames } from './letter-names.js';
import { headersOf, originalOf, publisher } from './publish.js';
import { CONSUMED_QUEUES, deadLetterQueue, HEADERS, RETRY_DELAYS_MS, type ConsumedQueue } from './queues.js';
import { declareQueue } from './topology.js';
import { contentHash } from './unnamed-deliveries.js';

/** A settlement that could not be done, wherever it waits. */
export type DeadLetter = {
  readonly transport: 'rabbitmq' | 'bullmq';
  readonly queue: ConsumedQueue;
  /** The same at every look: what to name it by. */
  readonly id: string;
  readonly reason: string;
  readonly code: string;
  readonly attempts: number;
  readonly deadAt: string;
  /** As it came; text that is not JSON included. */
  readonly body: string;
};

/** What to do with a dead letter: leave it, send it to its queue again, or forget it. */
export type Verdict = 'keep' | 'replay' | 'discard';
export type Judge = (letter: DeadLetter) => Verdict;

const CONNECT_TIMEOUT_MS = 5_000;
/** Letters of a queue in one look. */
const PAGE = 1_000;

/** Connects to RabbitMQ for one look at all its dead letters. Throws when it does not answer. */
export async function judgeRabbitDeadLetters(url: string, judge: Judge, limit = PAGE): Promise<DeadLetter[]> {
  const { connect } = await import('amqplib'); // most gateways have no broker
  const connection = await connect(url, { timeout: CONNECT_TIMEOUT_MS });
  connection.on('error', () => undefined); // what broke it is rejected as well
  try {
    for (const queue of CONSUMED_QUEUES) await declareQueue(connection, queue, RETRY_DELAYS_MS);
    return await judgeAmqpDeadLetters(connection, judge, limit);
  } finally {
    await connection.close().catch(() => undefined);
  }
}

/** Headers that say how it died: a replay begins anew, but keeps the name it was given. */
const POST_MORTEM: ReadonlySet<string> = new Set([
  HEADERS.attempts, HEADERS.reason, HEADERS.code, HEADERS.deadAt, 'x-death', 'x-first-death-exchange', 'x-first-death-queue',
  'x-first-death-reason',
]);

/**
 * Looks at every dead letter of RabbitMQ once and does with each what `judge` says. Returns when the broker has every
 * acknowledgement. A replay is on the broker before the dead letter goes. Killed in between, the letter is replayed
 * again later; both copies bear the same name, so they are charged once (letter-names.ts).
 */
export async function judgeAmqpDeadLetters(connection: ChannelModel, judge: Judge, limit = PAGE): Promise<DeadLetter[]> {
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => undefined); // what broke it is rejected as well
  try {
    const letters = await judgeOn(channel, judge, limit);
    await closeChannel(channel);
    return letters;
  } catch (error) {
    await closeChannel(channel).catch(() => undefined); // it may be gone already
    throw error;
  }
}

async function judgeOn(channel: ConfirmChannel, judge: Judge, limit: number): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  const publish = publisher(channel);
  for (const queue of CONSUMED_QUEUES) {
    const { messageCount } = await channel.checkQueue(deadLetterQueue(queue));
    const kept: GetMessage[] = [];
    const nameOf = letterNames();
    for (let index = 0; index < Math.min(messageCount, limit); index += 1) {
      const message = await channel.get(deadLetterQueue(queue));
      if (message === false) break;
      const letter = fromAmqp(queue, message);
      const name = nameOf(message);
      letters.push(letter);
      const verdict = judge(letter);
      if (verdict === 'keep') {
        kept.push(message);
        continue;
      }
      if (verdict === 'replay') {
        const headers = Object.fromEntries(Object.entries(headersOf(message.properties.headers)).filter(([header]) =>
          !POST_MORTEM.has(header)));
        await publish(queue, message.content, {
          ...originalOf(message.properties), headers: { ...headers, ...(name === null ? {} : { [HEADERS.unnamed]: name }) },
        });
      }
      channel.ack(message);
    }
    // Only now, or the same ones would come again. RabbitMQ puts them back where they were.
    for (const message of kept) channel.nack(message, false, true);
  }
  return letters;
}

function fromAmqp(queue: ConsumedQueue, { content, properties }: GetMessage): DeadLetter {
  const headers = headersOf(properties.headers);
  const text = (name: string, otherwise: string): string => (typeof headers[name] === 'string' ? headers[name] : otherwise);
  const attempts = headers[HEADERS.attempts];
  return {
    transport: 'rabbitmq', queue, id: `amqp-${contentHash(content).slice(0, 16)}`,
    // A message without the gateway's headers was put there by another program, such as a consumer that rejected it.
    reason: text(HEADERS.reason, 'unknown: not put here by this gateway'), code: text(HEADERS.code, 'unknown'),
    attempts: typeof attempts === 'number' ? attempts : 0,
    deadAt: text(HEADERS.deadAt, ''), body: content.toString('utf8'),
  };
}

/** The same for the dead letters of BullMQ. */
export async function judgeBullDeadLetters(
  connection: QueueConnection, namespace: string, judge: Judge, limit = PAGE,
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  const prefix = queuePrefix(namespace);
  for (const queue of CONSUMED_QUEUES) {
    const dead = new Queue<BullDeadLetter>(deadLetterQueue(queue), { connection, prefix });
    const work = new Queue<unknown>(queue, { connection, prefix });
    try {
      for (const job of await dead.getJobs(['waiting', 'prioritized', 'delayed', 'failed'], 0, limit - 1, true)) {
        const { payload, reason, code, attempts, deadAt, unnamed } = job.data;
        const letter: DeadLetter = {
          transport: 'bullmq', queue, id: `bull-${job.id ?? ''}`, reason, code, attempts, deadAt, body: JSON.stringify(payload),
        };
        letters.push(letter);
        const verdict = judge(letter);
        if (verdict === 'replay') await work.add(NAMED + unnamed, payload, { jobId: `replay-${job.id ?? ''}-${Date.parse(deadAt)}` });
        if (verdict !== 'keep') await job.remove();
      }
    } finally {
      await dead.close();
      await work.close();
    }
  }
  return letters;
}
