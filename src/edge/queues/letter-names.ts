import type { GetMessage } from 'amqplib';
import { headersOf, tokenOf } from './publish.js';
import { HEADERS } from './queues.js';
import { contentHash } from './unnamed-deliveries.js';

/**
 * Names for the usage of dead letters, for one look at a queue: a letter gets the same name at every look, so that its
 * usage is charged once however often it is replayed. Null: it has a name, or nothing to make one of.
 *
 * - A letter with a usage_key is charged under that key; the name made here is not used for it.
 * - One that has our header, or its publisher's message id, keeps that as its name.
 * - One that this gateway put aside before it had a name is named by the token of that publishing.
 * - One that the broker put aside is named by its content, time and death. Equal ones that died in the same second are
 *   told apart by their order in the queue; if a replay is killed among those, one of them may not be charged.
 * - One of which nothing else is known is not named, because an equal one may be another usage: if its replay is killed
 *   between the copy and the acknowledgement, it is charged once for each copy.
 */
export function letterNames(): (message: GetMessage) => string | null {
  const seen = new Map<string, number>();
  return ({ content, properties }) => {
    const headers = headersOf(properties.headers);
    const id: unknown = properties.messageId;
    if (typeof headers[HEADERS.unnamed] === 'string' || (typeof id === 'string' && id !== '')) return null;
    const token = tokenOf(headers);
    if (token !== null) return `letter ${contentHash(Buffer.from(token))}`;
    const timestamp: unknown = properties.timestamp;
    const facts = [timestamp ?? null, headers['x-death'] ?? null];
    if (facts.every((fact) => fact === null)) return null;
    const digest = contentHash(Buffer.from(JSON.stringify([contentHash(content), ...facts])));
    const nth = seen.get(digest) ?? 0;
    seen.set(digest, nth + 1);
    return `letter ${digest} ${nth}`;
  };
}
