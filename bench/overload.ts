import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { migrate } from '../src/stores/postgres/migrate.js';
import { throwawayPostgres, throwawayRedis } from '../test/support/servers.js';
import { openAccounts } from './bench-accounts.js';
import { openLedgerView } from './ledger-view.js';
import type { BurstResult } from './load-generator.js';
import { startGatewayProcess, startLoadGenerator } from './processes.js';

/**
 * `npm run bench:overload`: holds and settles with `ROLE=all` while other processes keep the processors busy. Counts the
 * answers. Exits with code 1 when an outcome was `unknown` although Redis was healthy, or when a refusal did not say that
 * nothing was executed.
 */
const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '6000' },
    connections: { type: 'string', default: '64' },
    accounts: { type: 'string', default: '64' },
    // Number of processes that keep a processor busy.
    busy: { type: 'string', default: '2' },
  },
});
const say = (line: string): void => { process.stderr.write(`${line}\n`); };
const connections = Number(values.connections);

say('starting Redis, Postgres and the gateway (ROLE=all) ...');
const redis = await throwawayRedis({ appendonly: 'yes', appendfsync: 'everysec' });
const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
const secret = randomBytes(32).toString('hex');
const environment = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, JWT_ACCESS_SECRET: secret, LOG_LEVEL: 'info' };
await migrate(postgres.ownerUrl, () => undefined);
const gateway = await startGatewayProcess('all', environment, [], { quiet: true });
const load = startLoadGenerator();
const view = await openLedgerView(environment);
const accounts = await openAccounts(view.ledger, secret, 1, Number(values.accounts));
const burners: ChildProcess[] = Array.from({
  length: Number(values.busy),
}, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
process.once('exit', () => { for (const each of burners) each.kill('SIGKILL'); });

type Told = { answered: number; notExecuted: number; unknown: number; other: Map<string, number> };

function tell({ statuses, bodies, durationMs, latenciesMs }: BurstResult, what: string): Told {
  const told: Told = { answered: 0, notExecuted: 0, unknown: 0, other: new Map() };
  for (const [index, status] of statuses.entries()) {
    const body = bodies[index] ?? '';
    if (status < 300) told.answered += 1;
    else if (body.includes('"outcome":"not_executed"')) told.notExecuted += 1;
    else if (body.includes('"outcome":"unknown"')) told.unknown += 1;
    else told.other.set(`${status} ${body.slice(0, 120)}`, (told.other.get(`${status} ${body.slice(0, 120)}`) ?? 0) + 1);
  }
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number): string => `${Math.round(sorted[Math.floor(sorted.length * share)] ?? 0)} ms`;
  process.stdout.write(`${what}: ${statuses.length} requests in `
    + `${Math.round(durationMs)} ms, answered ${told.answered}, not_executed ${told.notExecuted}, `
    + `unknown ${told.unknown}, p50 ${at(0.5)}, p99 ${at(0.99)}\n`);
  for (const [other, count] of told.other) process.stdout.write(`  ${count} x ${other}\n`);
  return told;
}

const holds = Array.from({
  length: Number(values.requests),
}, (_, index) => ({ token: index % accounts.tokens.length, sessionId: `overload-${index}` }));
const run = (path: string, requests: readonly { readonly token: number; readonly body: string }[]): Promise<BurstResult> =>
  load.run({ port: gateway.port, path: `/api/streaming-sessions/${path}`, connections, tokens: accounts.tokens, requests });

say(`${holds.length} requests over ${connections} connections, ${burners.length} busy processes beside them ...`);
const placed = await run(
  'initialize',
  holds.map(({ token, sessionId }) => ({ token, body: JSON.stringify({ sessionId, modelId: 'gpt-4', estimatedTokens: 200 }) })),
);
const open = holds.filter((_, index) => placed.statuses[index] === 201);
const settled = await run(
  'finalize',
  open.map(({ token, sessionId }) => ({ token, body: JSON.stringify({ sessionId, actualTokens: 100, success: true }) })),
);
const told = [tell(placed, 'holds'), tell(settled, 'settles')];
process.exitCode = told.every(({ unknown, other }) => unknown === 0 && other.size === 0) ? 0 : 1;

for (const each of burners) each.kill('SIGKILL');
await view.close();
await Promise.all([load.stop(), gateway.stop()]);
await redis.discard();
await postgres.discard();
