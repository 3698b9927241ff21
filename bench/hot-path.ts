import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { migrate } from '../src/stores/postgres/migrate.js';
import { throwawayPostgres, throwawayRedis } from '../test/support/servers.js';
import { entriesInPostgres, findLosses } from './acknowledged.js';
import { openAccounts } from './bench-accounts.js';
import { openBench, type Measured } from './bursts.js';
import { openLedgerView } from './ledger-view.js';
import { startBareKoa, startGatewayProcess, startLoadGenerator } from './processes.js';
import { report } from './report.js';

/**
 * `npm run bench`: holds and settles per second through the whole gateway, with 1 lot and with many, as a ratio to a
 * bare Koa that is measured in between. Only ratios are meaningful: all processes share this machine's cores, also with
 * other users. Exits with code 1 when an acknowledged operation is missing in Postgres.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    warmup: { type: 'string', default: '2' },
    requests: { type: 'string', default: '4000' },
    connections: { type: 'string', default: '64' },
    accounts: { type: 'string', default: '64' },
    lots: { type: 'string', default: '512' },
    // For both processes of the gateway, such as --node-options='--cpu-prof --cpu-prof-dir=/tmp/profiles'.
    'node-options': { type: 'string', default: '' },
  },
});
const rounds = Number(values.rounds);
const warmup = Number(values.warmup);
const manyLots = Number(values.lots);
const say = (line: string): void => { process.stderr.write(`${line}\n`); };
const DRAIN_TIMEOUT_MS = 120_000;

// As in production: an append-only file synced every second, and commits that wait for the disk.
say('starting Redis and Postgres ...');
const redis = await throwawayRedis({ appendonly: 'yes', appendfsync: 'everysec' });
const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
const secret = randomBytes(32).toString('hex');
const environment = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, JWT_ACCESS_SECRET: secret, LOG_LEVEL: 'info' };
await migrate(postgres.ownerUrl, () => undefined);

say('starting the gateway (one API process, one worker process), a bare Koa and the load generator ...');
const nodeOptions = values['node-options'].split(' ').filter((each) => each !== '');
const worker = await startGatewayProcess('worker', environment, nodeOptions);
const api = await startGatewayProcess('api', environment, nodeOptions);
const bare = await startBareKoa();
const load = startLoadGenerator();

const view = await openLedgerView(environment);

say('opening accounts ...');
const few = await openAccounts(view.ledger, secret, 1, Number(values.accounts));
const many = await openAccounts(view.ledger, secret, manyLots, Number(values.accounts));
let entries = (1 + manyLots) * Number(values.accounts);

const bench = openBench({ load, bare, api, worker, redis, postgres }, Number(values.connections), Number(values.requests));
const measured: Measured[] = [];

for (let round = -warmup; round < rounds; round += 1) {
  // The two take turns at being first, so that a slow phase of the machine affects both.
  for (const accounts of round % 2 === 0 ? [few, many] : [many, few]) {
    await drained(); // a bare Koa has no journal: the worker must be idle while it is measured
    const leg = await bench.leg(accounts, round);
    entries += bench.takeEntries();
    if (round >= 0) measured.push(...leg);
  }
  say(round < 0 ? 'warming up ...' : `round ${round + 1} of ${rounds}`);
}
const behind = entries - await entriesInPostgres(view.db);
const loadEndedAt = performance.now();
await drained();
const drainMs = performance.now() - loadEndedAt;
const losses = await findLosses(view.db, view.ledger, [...few.ids, ...many.ids], bench.acknowledged);

process.stdout.write(`${report({
  measured, manyLots, rounds, options: values, behind, drainMs, acknowledged: bench.acknowledged, refused: bench.refused, losses,
})}\n`);
process.exitCode = losses.length === 0 ? 0 : 1;

await view.close();
await Promise.all([load.stop(), bare.stop(), api.stop()]);
await worker.stop();
await redis.discard();
await postgres.discard();

/** Waits until Postgres has every acknowledged entry. */
async function drained(): Promise<void> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  while (await entriesInPostgres(view.db) < entries) {
    if (performance.now() > deadline) throw new Error(`the journal is still behind after ${DRAIN_TIMEOUT_MS} ms: is the worker running?`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}
