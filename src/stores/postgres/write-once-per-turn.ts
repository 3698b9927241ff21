import type { Socket } from 'node:net';
import type { Client } from 'pg';

/** Statements of this many bytes are sent while the next ones are made. */
const SENT_AT_ONCE_BYTES = 65_536;

/**
 * Sends the small statements of one turn of the event loop in one write: the kernel takes as much time for a write as for making a small
 * statement, and the server is woken once. For connections on which several statements are under way at a time.
 */
export function writeOncePerTurn(client: Client): void {
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Socket } }).connection;
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  let isCorked = false;
  const onePerTurn = (...args: unknown[]): unknown => {
    if (!isCorked) {
      isCorked = true;
      stream.cork();
      setImmediate(() => {
        isCorked = false;
        stream.uncork();
      });
    } else if (stream.writableLength > SENT_AT_ONCE_BYTES) {
      stream.uncork();
      stream.cork();
    }
    return query(...args);
  };
  client.query = onePerTurn as typeof client.query;
}
