import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { EmbeddedError } from './embedded-error.js';

export const LOOPBACK = '127.0.0.1';

/**
 * Below every system's ephemeral range. A client that reconnects to a stopped server in that range can be given the
 * very same port as its source, connect to itself and keep the server from coming back.
 */
const PORT_MIN = 20_000;
const PORT_MAX = 29_999;
const ATTEMPTS_MAX = 50;

/** A port that is free now: `preferred` if possible, so that a restarted server keeps its URL. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await isFree(preferred))) return preferred;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = randomInt(PORT_MIN, PORT_MAX + 1);
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
