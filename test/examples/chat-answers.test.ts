import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { streamedAnswer, type Answer } from '../../examples/chat-proxy/answers.js';
import { until } from '../chaos/lab.js';

/** A streamed answer to a caller that reads nothing, or is not there any more. */

const closers: (() => void)[] = [];
afterEach(() => { for (const close of closers.splice(0)) close(); });

/** A response on a real connection whose caller reads nothing. */
async function unread(): Promise<{ readonly response: ServerResponse; readonly answer: Answer; readonly gone: AbortSignal;
  readonly hangUp: () => void }> {
  const server = createServer();
  closers.push(() => { server.close(); server.closeAllConnections(); });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const caller = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  caller.on('error', () => undefined);
  caller.write('POST / HTTP/1.1\r\nhost: chat\r\ncontent-length: 0\r\n\r\n');
  const [, response] = await once(server, 'request') as [unknown, ServerResponse];
  const gone = new AbortController();
  response.once('close', () => { gone.abort(); });
  return {
    response, gone: gone.signal, answer: streamedAnswer(response, { includesUsage: false, gone: gone.signal }),
    hangUp: () => { caller.destroy(); },
  };
}

const chunk = { choices: [{ index: 0, delta: { content: 'x'.repeat(100_000) } }] };

test('a caller that hangs up while it owes a read holds nothing up', async () => {
  const { answer, hangUp } = await unread();
  let isWaiting = false;
  const written = (async () => {
    for (let chunks = 0; chunks < 1_000; chunks += 1) {
      const added = answer.add(chunk);
      isWaiting = await Promise.race([added.then(() => false), new Promise<boolean>((resolve) => { setTimeout(resolve, 500, true); })]);
      if (isWaiting) { await added; return; }
    }
  })();
  await until('the caller has too much to read', () => Promise.resolve(isWaiting));
  hangUp();
  await written;
}, 15_000);

test('a connection that has just broken holds nothing up', async () => {
  const { response, answer, gone } = await unread();
  await answer.add({ choices: [] });
  response.socket?.destroy();
  expect(gone.aborted).toBe(false); // 'close' comes later
  await answer.add(chunk);
  expect(gone.aborted).toBe(true);
}, 15_000);
