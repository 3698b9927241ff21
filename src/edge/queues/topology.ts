import type { Channel, ChannelModel } from 'amqplib';
import { closeChannel } from './close-channel.js';
import { DEAD_LETTER_EXCHANGE, deadLetterQueue, queueArguments, retryArguments, retryQueue, type SettlementQueue } from './queues.js';

/** Something on the broker is not as it should be. The gateway goes on with what is there, and says so. */
export type TopologyProblem = { readonly name: string; readonly message: string };

/**
 * Declares all that belongs to a queue. What exists with other arguments stays as it is, because only its owner may
 * delete it: the problem names the argument, and messages are taken from the queue all the same. Throws only when the
 * connection breaks.
 */
export async function declareQueue(
  connection: ChannelModel, queue: SettlementQueue, delaysMs: readonly number[],
): Promise<TopologyProblem[]> {
  const problems: TopologyProblem[] = [];
  const declare = async (name: string, work: (channel: Channel) => Promise<unknown>): Promise<void> => {
    const error = await onOwnChannel(connection, work);
    if (error !== null) problems.push({ name, message: explain(name, error) });
  };
  const dead = deadLetterQueue(queue);
  await declare(DEAD_LETTER_EXCHANGE, (channel) => channel.assertExchange(DEAD_LETTER_EXCHANGE, 'direct', { durable: true }));
  await declare(dead, (channel) => channel.assertQueue(dead, { durable: true }));
  await declare(`${DEAD_LETTER_EXCHANGE} -> ${dead}`, (channel) => channel.bindQueue(dead, DEAD_LETTER_EXCHANGE, dead));
  await declare(queue, (channel) => channel.assertQueue(queue, { durable: true, arguments: queueArguments(queue) }));
  for (const delayMs of delaysMs) {
    const name = retryQueue(queue, delayMs);
    await declare(name, (channel) => channel.assertQueue(name, { durable: true, arguments: retryArguments(queue, delayMs) }));
  }
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

const REFUSALS: ReadonlySet<unknown> = new Set([403, 405, 406]);
const isRefusal = (error: Error & { readonly code?: unknown }): boolean => REFUSALS.has(error.code);

/** RabbitMQ's own words name the argument; what to do about it does not. */
function explain(name: string, { message }: Error): string {
  const match = /inequivalent arg '([^']+)' for [a-z]+ '[^']+' in vhost '[^']*': (.*?)"?$/.exec(message);
  if (match === null) return `${name}: ${message}`;
  const [, argument = '', difference = ''] = match;
  return `${name} exists with another `
    + `${argument} (${difference}); drain and delete it, or change it with its publishers: until then it is used as it is`;
}
