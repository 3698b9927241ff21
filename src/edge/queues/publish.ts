import { randomUUID } from 'node:crypto';
import type { ConfirmChannel, Message, MessageProperties, Options } from 'amqplib';

/** Publishes straight to a queue. Resolves when the broker has it for good; rejects when it has not, or when there is no such queue. */
export type Publish = (queue: string, content: Buffer, options: Options.Publish) => Promise<void>;

/** Names one publishing, so that a message which the broker returns is known. */
const TOKEN = 'x-credits-publish';

export const headersOf = (headers: unknown): Readonly<Record<string, unknown>> =>
  (typeof headers === 'object' && headers !== null ? headers as Record<string, unknown> : {});

/** The name of the publishing that put a message where it is; null: not one of ours. */
export const tokenOf = (headers: Readonly<Record<string, unknown>>): string | null => {
  const token = headers[TOKEN];
  return typeof token === 'string' ? token : null;
};

const ORIGINAL = ['contentType', 'contentEncoding', 'priority', 'correlationId', 'messageId', 'timestamp', 'type', 'appId'] as const;

/** What the publisher said about its message, for its copy. Never its expiration: a copy must not vanish. */
export const originalOf = (properties: MessageProperties): Options.Publish => {
  const given: Readonly<Record<string, unknown>> = { ...properties };
  return Object.fromEntries(ORIGINAL.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]));
};

export function publisher(channel: ConfirmChannel): Publish {
  const returned = new Set<unknown>();
  channel.on('return', (message: Message) => { returned.add(headersOf(message.properties.headers)[TOKEN]); });
  return async (queue, content, options) => {
    const token = randomUUID();
    await new Promise<void>((resolve, reject) => {
      channel.sendToQueue(queue, content, {
        ...options, persistent: true, mandatory: true, headers: { ...headersOf(options.headers), [TOKEN]: token },
      }, (error: unknown) => {
        if (error === null || error === undefined) resolve();
        else reject(error instanceof Error ? error : new Error(`${queue} did not take a message`));
      });
    });
    // The broker returns what it cannot route before it confirms it.
    if (returned.delete(token)) throw new Error(`there is no queue ${queue}`);
  };
}
