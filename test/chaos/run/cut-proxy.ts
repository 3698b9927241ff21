import { connect, createServer, type Socket } from 'node:net';
import { LOOPBACK } from '../../../src/stores/embedded/loopback-port.js';

/**
 * A TCP proxy in front of Redis. It is the address that the gateway knows: what answers behind it can be another server, and
 * replies can be lost after Redis has executed what they answer.
 */
export type CutProxy = {
  readonly port: number;
  /** The next reply on each connection within `ms` is dropped, and its connection ends. Returns how many were, so far. */
  swallow(ms: number): void;
  readonly swallowed: () => number;
  /** From now on connections go to this port. Those that exist end. */
  retarget(port: number): void;
  close(): Promise<void>;
};

export async function cutProxy(port: number, firstTarget: number): Promise<CutProxy> {
  let target = firstTarget;
  let swallowsUntil = 0;
  let swallowed = 0;
  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => { open.delete(socket); });
  };
  const server = createServer((client) => {
    const upstream = connect(target, LOOPBACK);
    keep(client);
    keep(upstream);
    client.on('close', () => { upstream.destroy(); });
    upstream.on('close', () => { client.destroy(); });
    client.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      if (performance.now() < swallowsUntil) {
        swallowed += 1;
        client.destroy();
        return;
      }
      if (!client.write(chunk)) {
        upstream.pause();
        client.once('drain', () => { upstream.resume(); });
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, resolve);
  });
  const cut = (): void => { for (const socket of open) socket.destroy(); };
  return {
    port,
    swallow: (ms) => { swallowsUntil = performance.now() + ms; },
    swallowed: () => swallowed,
    retarget: (next) => {
      target = next;
      cut();
    },
    close: async () => {
      const closed = new Promise((resolve) => { server.close(resolve); });
      cut();
      await closed;
    },
  };
}
