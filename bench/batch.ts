import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { mintToken } from '../src/edge/auth/mint-token.js';
import { MICROS_PER_CREDIT } from '../src/kit/money/micros.js';
import { migrate } from '../src/stores/postgres/migrate.js';
import { throwawayPostgres, throwawayRedis } from '../test/support/servers.js';
import { openAccounts } from './bench-accounts.js';
import { openLedgerView } from './ledger-view.js';
import type { BurstResult } from './load-generator.js';
import { startGatewayProcess, startLoadGenerator } from './processes.js';
import { median } from './statistics.js';

/**
 * `npm run bench:batch`: holds per second by `POST /v1/batch` with a thousand of them, compared with single calls over many
 * connections in the same run. The two take turns. Exits with code 1 when an account does not hold exactly what was
 * acknowledged, or when a batch is less than three times as fast.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    warmUp: { type: 'string', default: '8' },
    holds: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '64' },
    accounts: { type: 'string', default: '64' },
  },
});
const rounds = Number(values.rounds);
const warmUp = Number(values.warmUp);
const holds = Number(values.holds);
const AMOUNT = '0.01';
const RATIO_MIN = 3;
const HOUR_SECONDS = 3_600;
const say = (line: string): void => { process.stderr.write(`${line}\n`); };

say('starting Redis, Postgres, the gateway (one API process, one worker process) and the load generator ...');
const redis = await throwawayRedis({ appendonly: 'yes', appendfsync: 'everysec' });
const postgres = await throwawayPostgres({ fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' });
const secret = randomBytes(32).toString('hex');
const environment = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, JWT_ACCESS_SECRET: secret, LOG_LEVEL: 'info' };
await migrate(postgres.url, () => undefined);
const worker = await startGatewayProcess('worker', environment, []);
const api = await startGatewayProcess('api', environment, []);
const load = startLoadGenerator();
const view = await openLedgerView(environment);
const { ids } = await openAccounts(view.ledger, secret, 1, Number(values.accounts));
const key = await makeKey();

type Leg = 'single' | 'batch';
const perSecond: Record<Leg, number[]> = { single: [], batch: [] };
/** Holds that were acknowledged, by account. */
const acknowledged = new Map<string, number>();

for (let round = -warmUp; round < rounds; round += 1) {
  for (const leg of round % 2 === 0 ? (['single', 'batch'] as const) : (['batch', 'single'] as const)) {
    const bodies = Array.from({ length: holds }, (_, index) => (
      { account: ids[index % ids.length] ?? '', id: `${leg}-${round + warmUp}-${index}`, amount: AMOUNT }));
    const { durationMs } = leg === 'single' ? await single(bodies) : await batch(bodies);
    if (round >= 0) perSecond[leg].push(holds / durationMs * 1_000);
  }
}

const wrong: string[] = [];
for (const accountId of ids) {
  const { held, available, totals, seq } = await view.ledger.readAccount(accountId);
  const expected = Math.round((acknowledged.get(accountId) ?? 0) * Number(AMOUNT) * MICROS_PER_CREDIT);
  if (held !== expected || available + held !== totals.granted) wrong.push(`${accountId}: ${held} held of ${expected}, entry ${seq}`);
}
const [one, many] = [median(perSecond.single), median(perSecond.batch)];
const ratio = median(perSecond.batch.map((each, index) => each / (perSecond.single[index] ?? NaN)));
console.log(`medians of ${rounds} rounds of ${holds} holds on ${ids.length} accounts
single calls, ${values.connections} connections  ${one.toFixed(0).padStart(7)} holds/s
one batch                    ${many.toFixed(0).padStart(7)} holds/s
ratio                        ${ratio.toFixed(2).padStart(7)}
accounts that do not hold what was acknowledged: ${wrong.length}${wrong.slice(0, 5).map((line) => `\n  ${line}`).join('')}`);
process.exitCode = wrong.length === 0 && ratio >= RATIO_MIN ? 0 : 1;

await view.close();
await Promise.all([load.stop(), api.stop()]);
await worker.stop();
await redis.discard();
await postgres.discard();

type Body = { readonly account: string; readonly id: string; readonly amount: string };

async function makeKey(): Promise<string> {
  const operator = await mintToken(secret, { sub: 'bench-operator', role: 'admin' }, HOUR_SECONDS, Date.now());
  const answer = await fetch(`http://127.0.0.1:${api.port}/v1/api-keys`, {
    method: 'POST', headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', scopes: ['holds'] }),
  });
  return String(((await answer.json()) as { readonly key: unknown }).key);
}

function send(path: string, connections: number, bodies: readonly object[]): Promise<BurstResult> {
  return load.run({
    port: api.port, path, connections, tokens: [key], requests: bodies.map((body) => ({ token: 0, body: JSON.stringify(body) })),
  });
}

async function single(bodies: readonly Body[]): Promise<BurstResult> {
  const result = await send('/v1/holds', Number(values.connections), bodies);
  result.statuses.forEach((status, index) => { acknowledge(status, bodies[index]); });
  return result;
}

async function batch(bodies: readonly Body[]): Promise<BurstResult> {
  const result = await send('/v1/batch', 1, [{ operations: bodies.map((body) => ({ op: 'holds.place', body })) }]);
  const { results } = JSON.parse(result.bodies[0] ?? '') as { readonly results: readonly { readonly status: number }[] };
  results.forEach(({ status }, index) => { acknowledge(status, bodies[index]); });
  return result;
}

function acknowledge(status: number, body: Body | undefined): void {
  if (status !== 201 || body === undefined) throw new Error(`a hold was answered ${status}`);
  acknowledged.set(body.account, (acknowledged.get(body.account) ?? 0) + 1);
}
