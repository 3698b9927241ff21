/**
 * Run by off.test.ts: starts the whole gateway, answers one request, and prints how many OpenTelemetry modules are
 * loaded. Its API package does not count: prom-client loads it for exemplars.
 */
import { createRequire } from 'node:module';
import { openGateway } from '../../../src/compose/gateway.js';
import { readConfig } from '../../../src/config.js';
import { createLog } from '../../../src/kit/log.js';

const config = readConfig();
const { redis, databaseUrl = '' } = config;
if (redis === undefined) throw new Error('it needs a Redis');
const gateway = await openGateway({
  config, role: config.role, servers: { redis, databaseUrl }, version: 'child', log: createLog({ level: 'silent' }),
  time: { clock: Date.now, offsetMs: () => 0 },
});
const { status } = await fetch(`http://127.0.0.1:${gateway.port ?? 0}/livez`);
const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) =>
  path.includes('/@opentelemetry/') && !path.includes('/@opentelemetry/api/'));
process.stdout.write(JSON.stringify({ status, modules: loaded.length }));
await gateway.close();
process.exit(0);
