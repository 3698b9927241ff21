import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { migrate } from '../src/stores/postgres/migrate.js';
import { throwawayPostgres, throwawayRedis } from '../test/support/servers.js';
import { openAccounts } from './bench-accounts.js';
import { openBench, type Measured, type What } from './bursts.js';
import { openLedgerView } from './ledger-view.js';
import { startBareKoa, startGatewayProcess, startLoadGenerator } from './processes.js';
import { median, percentile } from './statistics.js';

/**
 * `npm run bench:fsync`: what `appendfsync always` costs against `everysec`, through the whole gateway, in one run: the two take
 * turns on the same Redis, whose setting is changed in between. Over one connection the time of a request shows the fsync that it
 * waits for; over many, requests share one. Only the ratios are meaningful, and they are those of this disk. A bare Koa is
 * measured with each, as for the other benchmarks: it shows how steady the machine was.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    requests: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '64' },
  },
});
const SETTINGS = ['everysec', 'always'] as const;
type Setting = (typeof SETTINGS)[number];
const rounds = Number(values.rounds);
const many = Number(values.connections);
/** One connection waits for each answer, so it gets fewer requests. */
const FEWER = 10;
const SHOWN_MAX = 5;

const redis = await throwawayRedis({ appendonly: 'yes', appendfsync: 'everysec' });
const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
const operator = new Redis(redis.operatorUrl);
const secret = randomBytes(32).toString('hex');
const environment = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, JWT_ACCESS_SECRET: secret, LOG_LEVEL: 'info' };
await migrate(postgres.ownerUrl, () => undefined);
const worker = await startGatewayProcess('worker', environment);
const api = await startGatewayProcess('api', environment);
const bare = await startBareKoa();
const load = startLoadGenerator();
const view = await openLedgerView(environment);
const processes = { load, bare, api, worker, redis, postgres };
const requests = Number(values.requests);
/** Each with accounts of its own, because both number their holds from 1. */
const benchOver = async (connections: number, count: number) =>
  ({ connections, accounts: await openAccounts(view.ledger, secret, 1, 64), bench: openBench(processes, connections, count) });
const benches = [await benchOver(1, requests / FEWER), await benchOver(many, requests)];
type Leg = { readonly connections: number; readonly setting: Setting; readonly bursts: readonly Measured[] };
const legs: Leg[] = [];
for (let round = -1; round < rounds; round += 1) {
  for (const { connections, accounts, bench } of benches) {
    for (const setting of round % 2 === 0 ? SETTINGS : SETTINGS.toReversed()) {
      await operator.config('SET', 'appendfsync', setting);
      const bursts = await bench.leg(accounts, round);
      if (round >= 0) legs.push({ connections, setting, bursts });
    }
  }
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
}

console.log(`medians of ${rounds} rounds; ratio: always to everysec, of the same round\n`);
console.log(`${'connections'.padEnd(13)}${'request'.padEnd(9)}${['everysec/s', 'always/s', 'ratio', 'everysec p50 ms', 'always p50 ms',
  'everysec p99 ms', 'always p99 ms'].map((each) => each.padStart(17)).join('')}`);
for (const { connections } of benches) for (const what of ['bare', 'hold', 'settle'] as const) console.log(line(connections, what));
for (const { bench: { refused } } of benches) {
  for (const [said, count] of [...refused].slice(0, SHOWN_MAX)) console.log(`refused: ${count} × ${said}`);
}

await view.close();
operator.disconnect();
await Promise.all([load.stop(), bare.stop(), api.stop()]);
await worker.stop();
await redis.discard();
await postgres.discard();

function line(connections: number, what: What): string {
  const of = (setting: Setting): Measured[] => legs.filter((each) => each.connections === connections && each.setting === setting)
    .flatMap(({ bursts }) => bursts.filter((each) => each.what === what));
  const [relaxed, strict] = [of('everysec'), of('always')];
  const perSecond = (bursts: readonly Measured[]): string => median(bursts.map((each) => each.perSecond)).toFixed(0);
  const ratio = median(strict.map((each) => each.perSecond / (relaxed.find(({ round }) => round === each.round)?.perSecond ?? Number.NaN)));
  const latency = (bursts: readonly Measured[], share: number): string =>
    percentile(bursts.flatMap(({ latenciesMs }) => latenciesMs), share).toFixed(2);
  return `${connections.toString().padEnd(13)}${what.padEnd(9)}${[
    perSecond(relaxed), perSecond(strict), ratio.toFixed(3), latency(relaxed, 0.5), latency(strict, 0.5), latency(relaxed, 0.99),
    latency(strict, 0.99),
  ].map((each) => each.padStart(17)).join('')}`;
}
