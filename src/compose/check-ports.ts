import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from '../config.js';

/**
 * Throws, in one line with what to do, when a port of this process cannot be opened: noticed before anything is started. Between
 * this and the start of the server another program may still take the port; then that start fails.
 */
export async function checkPorts({ port, host, operations }: Pick<Config, 'port' | 'host' | 'operations'>): Promise<void> {
  await checkPort('', port, host);
  await checkPort('OPERATIONS_', operations.port, operations.host);
}

async function checkPort(prefix: '' | 'OPERATIONS_', port: number, host: string): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    throw new Error(explain(error, prefix, port, host), { cause: error });
  }
  server.close();
  await once(server, 'close');
}

function explain(error: unknown, prefix: string, port: number, host: string): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE': return `${prefix}PORT ${port} is in use: stop the program that uses it, or set ${prefix}PORT to a free port`;
    case 'EACCES': return `${prefix}PORT ${port} needs privileges that this account does not have: set ${prefix}PORT to 1024 or more`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND': return `${prefix}HOST ${host} is not an address of this machine: set ${prefix}HOST to one, such as 127.0.0.1`;
    case undefined:
    default: return `${prefix}PORT ${port} cannot be opened: ${error instanceof Error ? error.message : String(error)}`;
  }
}
