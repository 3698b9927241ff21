import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { EmbeddedError } from './embedded-error.js';

export const LOOPBACK = '127.0.0.1';

/**
 * Below every system's ephemeral range. Within that range a client that reconnects to a stopped server may get the
 * server's port as its own source port, connect to itself and keep the server from starting again.
 */
const PORT_MIN = 20_000;
const PORT_MAX = 29_999;
const ATTEMPTS_MAX = 50;

/** Ports that this process was told: two servers that start at once must not get the same one. */
const told = new Set<number>();

/** A free port: `preferred` if possible, so that a restarted server keeps its URL. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined) told.add(preferred);
  if (preferred !== undefined && (await isFree(preferred))) return preferred;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = randomInt(PORT_MIN, PORT_MAX + 1);
    if (told.has(port)) continue;
    told.add(port);
    if (await isFree(port)) return port;
  }
  throw new EmbeddedError('choosing a port', `no free port on ${LOOPBACK} between ${PORT_MIN} and ${PORT_MAX}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => { resolve(false); });
    server.listen(port, LOOPBACK, () => { server.close(() => { resolve(true); }); });
  });
}
