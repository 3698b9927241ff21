/**
 * One process of the gateway for `processes.ts`: the real code, with a clock that the parent moves. `src/main.ts` has no
 * such option, because it must not exist in production. Argument: the initial offset in ms; settings come from the
 * environment.
 */
import { openGateway } from '../../src/compose/gateway.js';
import { readConfig } from '../../src/config.js';
import { createLog } from '../../src/kit/log.js';
import type { FromChild, ToChild } from './processes.js';

let offsetMs = Number(process.argv[2] ?? '0');
const tell = (message: FromChild): void => { process.send?.(message); };

process.on('message', (message: ToChild) => {
  if ('blockMs' in message) {
    // From here, timers run before sockets are read when the block ends.
    setImmediate(() => { for (const until = performance.now() + message.blockMs; performance.now() < until;); });
    return;
  }
  ({ offsetMs } = message);
  tell({ offsetMs });
});
process.on('disconnect', () => { process.exit(0); }); // the parent is gone
process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the parent decides

const config = readConfig();
const { redis, databaseUrl } = config;
if (redis === undefined || databaseUrl === undefined) throw new Error('a gateway process needs a Redis and DATABASE_URL');
const gateway = await openGateway({
  config, role: config.role, servers: { redis, databaseUrl }, version: 'child', log: createLog({ level: config.logLevel }),
  time: { clock: () => Date.now() + offsetMs, offsetMs: () => offsetMs },
});
process.on('SIGTERM', () => { void gateway.close().finally(() => { process.exit(0); }); });
tell({ port: gateway.port ?? 0, operationsPort: gateway.operationsPort ?? 0 });
