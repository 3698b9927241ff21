/**
 * A TCP proxy in a thread of its own, for tests that block their event loop: it keeps answering meanwhile and counts the
 * bytes in shared memory, which a blocked thread can read.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export type AnsweringServer = {
  readonly port: number;
  /** Bytes answered so far. */
  readonly answered: () => number;
  /** Blocks this thread until that many bytes were answered in total, and for at least `ms`. */
  readonly blockUntilAnswered: (bytes: number, ms: number) => void;
  readonly stop: () => Promise<unknown>;
};

/** Upper bound, so that a failing test does not hang. */
const BLOCKED_MS_MAX = 20_000;

/** A proxy in front of `target` (host:port) that counts the bytes it sends back to its clients. */
export async function answeringProxy(target: URL): Promise<AnsweringServer> {
  const counted = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(fileURLToPath(import.meta.url), { workerData: { port: Number(target.port), host: target.hostname, counted } });
  const [port] = await once(thread, 'message') as [number];
  return {
    port,
    answered: () => Atomics.load(counted, 0),
    blockUntilAnswered: (bytes, ms) => {
      const startedAt = performance.now();
      for (;;) {
        const seen = Atomics.load(counted, 0);
        const elapsedMs = performance.now() - startedAt;
        if ((seen >= bytes && elapsedMs >= ms) || elapsedMs > BLOCKED_MS_MAX) return;
        Atomics.wait(counted, 0, seen, Math.max(1, ms - elapsedMs));
      }
    },
    stop: () => thread.terminate(),
  };
}

async function serve(
  { port, host, counted }: { readonly port: number; readonly host: string; readonly counted: Int32Array },
): Promise<void> {
  const { connect, createServer } = await import('node:net');
  const server = createServer((client) => {
    const upstream = connect(port, host);
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      client.write(chunk, () => {
        Atomics.add(counted, 0, chunk.length);
        Atomics.notify(counted, 0);
      });
    });
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      one.on('close', () => other.destroy());
      one.on('error', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    parentPort?.postMessage(typeof address === 'object' ? address?.port : 0);
  });
}

if (!isMainThread && parentPort !== null) await serve(workerData as Parameters<typeof serve>[0]);
