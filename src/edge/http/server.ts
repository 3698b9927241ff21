import { createServer, type Server } from 'node:http';
import type { App } from './koa-app.js';
import { guardSockets, inOrder, SOCKET_BOUNDS, type SocketBounds, type SocketClosed } from './socket-guard.js';

/** A whole request, body included, arrives in this time or not at all: a megabyte needs far less. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Headers dripping in slower than this are an attack, not a network. */
const HEADERS_TIMEOUT_MS = 5_000;
/** How often Node looks for connections past those limits; its default of 30 s would be the real limit. */
const CHECK_INTERVAL_MS = 2_000;
/** Longer than load balancers keep an idle connection (60 s), so that they, not we, close it: no race, no 502. */
const KEEP_ALIVE_MS = 65_000;
const HEADER_BYTES_MAX = 16 * 1_024;
const IDLE_CHECK_MS = 50;

/** The HTTP server of an app, with every limit that slow or greedy clients meet. `onClosed`: a connection was over one. */
export function httpServer(
  app: App, onClosed: (why: SocketClosed) => void = () => undefined, bounds: SocketBounds = SOCKET_BOUNDS,
): Server {
  const handle = app.callback();
  const limits = {
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
  };
  const server = createServer(limits, inOrder((request, response) => { void handle(request, response); }, bounds, onClosed));
  guardSockets(server, bounds, onClosed);
  return server;
}

/** Listens, and answers the port: the one that was asked for, or the one that the system gave for 0. */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Stops accepting, lets requests in flight finish for `graceMs`, then closes whatever is still open. */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
  const idle = setInterval(() => { server.closeIdleConnections(); }, IDLE_CHECK_MS);
  const grace = setTimeout(() => { server.closeAllConnections(); }, graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(grace);
}
