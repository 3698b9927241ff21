import type { Channel, ChannelModel } from 'amqplib';
import { closeChannel } from './close-channel.js';
import { DEAD_LETTER_EXCHANGE, deadLetterQueue, queueArguments, retryArguments, retryQueue, type ConsumedQueue } from './queues.js';

/** Something on the broker is not as it should be. The gateway goes on with what is there, and says so. */
export type TopologyProblem = { readonly name: string; readonly message: string };

/**
 * Declares what belongs to a queue and is missing. A queue that exists is used as it is, whatever its arguments: its
 * publishers declared it, and only its owner may delete it. Throws only when the connection breaks.
 */
export async function declareQueue(
  connection: ChannelModel, queue: ConsumedQueue, delaysMs: readonly number[],
): Promise<TopologyProblem[]> {
  const problems: TopologyProblem[] = [];
  const declare = async (name: string, work: (channel: Channel) => Promise<unknown>): Promise<void> => {
    const error = await onOwnChannel(connection, work);
    if (error !== null) problems.push({ name, message: explain(name, error) });
  };
  const declareQueueNamed = async (name: string, given: object): Promise<void> => {
    if (await isThere(connection, name)) return;
    const error = await onOwnChannel(connection, (channel) => channel.assertQueue(name, { durable: true, arguments: given }));
    // A publisher may have declared it in between.
    if (error !== null && !await isThere(connection, name)) problems.push({ name, message: explain(name, error) });
  };
  const dead = deadLetterQueue(queue);
  await declare(DEAD_LETTER_EXCHANGE, (channel) => channel.assertExchange(DEAD_LETTER_EXCHANGE, 'direct', { durable: true }));
  await declareQueueNamed(dead, {});
  await declare(`${DEAD_LETTER_EXCHANGE} -> ${dead}`, (channel) => channel.bindQueue(dead, DEAD_LETTER_EXCHANGE, dead));
  await declareQueueNamed(queue, queueArguments(queue));
  for (const delayMs of delaysMs) await declareQueueNamed(retryQueue(queue, delayMs), retryArguments(queue, delayMs));
  return problems;
}

/** Messages that wait in these queues together, without declaring or taking anything. Throws when one is missing. */
export async function countMessages(connection: ChannelModel, names: readonly string[]): Promise<number> {
  let count = 0;
  const error = await onOwnChannel(connection, async (channel) => {
    for (const name of names) count += (await channel.checkQueue(name)).messageCount;
  });
  if (error !== null) throw error;
  return count;
}

/** A refused declaration costs its channel, so each has one of its own. Answers what the broker refused. */
async function onOwnChannel(connection: ChannelModel, work: (channel: Channel) => Promise<unknown>): Promise<Error | null> {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined); // the broken declaration is rejected as well
  try {
    await work(channel);
    await closeChannel(channel);
    return null;
  } catch (error) {
    if (error instanceof Error && isRefusal(error)) return error;
    throw error;
  }
}

/** Whether there is such a queue, or one that may not even be looked at. */
const isThere = async (connection: ChannelModel, name: string): Promise<boolean> =>
  ((await onOwnChannel(connection, (channel) => channel.checkQueue(name))) as { readonly code?: unknown } | null)?.code !== NOT_FOUND;

const NOT_FOUND = 404;
const REFUSALS: ReadonlySet<unknown> = new Set([403, NOT_FOUND, 405, 406]);
const isRefusal = (error: Error & { readonly code?: unknown }): boolean => REFUSALS.has(error.code);

/** RabbitMQ's own words name the argument; what to do about it does not. */
function explain(name: string, { message }: Error): string {
  const match = /inequivalent arg '([^']+)' for [a-z]+ '[^']+' in vhost '[^']*': (.*?)"?$/.exec(message);
  if (match === null) return `${name}: ${message}`;
  const [, argument = '', difference = ''] = match;
  return `${name} exists with another `
    + `${argument} (${difference}); drain and delete it, or change it with its publishers: until then it is used as it is`;
}
