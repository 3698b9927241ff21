import type { RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import { repeat } from '../../kit/repeat.js';

/** Why a connection was closed, or not accepted. */
export type SocketClosed = 'pipelined' | 'unsent' | 'send_timeout' | 'connections';

export type SocketBounds = {
  /** Requests of one connection that wait for the answer before theirs. */
  readonly pipelinedMax: number;
  /** An answer of which no part could be sent for so long is given up. */
  readonly sendTimeoutMs: number;
  /** Bytes of answers of all connections of the process that wait for their readers. */
  readonly unsentBytesMax: number;
  /** Connections of the process. */
  readonly connectionsMax: number;
  readonly checkEveryMs: number;
};

export const SOCKET_BOUNDS: SocketBounds = {
  pipelinedMax: 64, // about a megabyte of requests that were read and wait
  sendTimeoutMs: 30_000, // the largest answers are a megabyte: a reader of 35 KB a second gets them
  unsentBytesMax: 128 * 1_048_576,
  connectionsMax: 10_000, // each costs about 20 KB
  checkEveryMs: 1_000,
};

/**
 * Handles the requests of a connection one after the other: a pipelined one begins when the answer before it was handed to
 * the network. So a client that asks and does not read makes the process keep one answer, however much it asks for.
 */
export function inOrder(
  handle: RequestListener, { pipelinedMax }: Pick<SocketBounds, 'pipelinedMax'>, onClosed: (why: SocketClosed) => void,
): RequestListener {
  const waiting = new WeakMap<Socket, number>();
  return (request, response) => {
    const { socket } = request;
    // Node gives a response its socket when all before it are sent.
    if (response.socket !== null) {
      handle(request, response);
      return;
    }
    const count = (waiting.get(socket) ?? 0) + 1;
    if (socket.destroyed) return;
    if (count > pipelinedMax) {
      onClosed('pipelined');
      socket.destroy();
      return;
    }
    waiting.set(socket, count);
    response.once('socket', () => {
      waiting.set(socket, (waiting.get(socket) ?? 1) - 1);
      handle(request, response);
    });
  };
}

/** What was sent of a connection's answers when it was last seen to move. */
type Progress = { readonly sent: number; readonly atMs: number };

/** Closes connections whose clients do not read, and refuses those that are too many, until the server closes. */
export function guardSockets(
  server: Server, { sendTimeoutMs, unsentBytesMax, connectionsMax, checkEveryMs }: SocketBounds, onClosed: (why: SocketClosed) => void,
): void {
  const sockets = new Map<Socket, Progress | null>();
  const close = (socket: Socket, why: SocketClosed): void => {
    sockets.delete(socket);
    onClosed(why);
    socket.destroy();
  };
  const check = (): Promise<void> => {
    const nowMs = performance.now();
    let unsent = 0;
    for (const [socket, before] of sockets) {
      const sent = socket.bytesWritten - socket.writableLength;
      if (socket.writableLength === 0) sockets.set(socket, null);
      else if (before?.sent !== sent) sockets.set(socket, { sent, atMs: nowMs });
      else if (nowMs - before.atMs > sendTimeoutMs) close(socket, 'send_timeout');
      unsent += socket.destroyed ? 0 : socket.writableLength;
    }
    if (unsent > unsentBytesMax) {
      for (const [socket] of slowestFirst(sockets)) {
        if (unsent <= unsentBytesMax) break;
        unsent -= socket.writableLength;
        close(socket, 'unsent');
      }
    }
    return Promise.resolve();
  };

  server.maxConnections = connectionsMax;
  server.on('drop', () => { onClosed('connections'); });
  server.on('connection', (socket) => {
    sockets.set(socket, null);
    socket.once('close', () => { sockets.delete(socket); });
  });
  const stop = repeat(checkEveryMs, check, () => undefined);
  server.once('close', stop);
}

const slowestFirst = (sockets: ReadonlyMap<Socket, Progress | null>): [Socket, Progress][] =>
  [...sockets].filter((each): each is [Socket, Progress] => each[1] !== null).sort(([, a], [, b]) => a.atMs - b.atMs);
