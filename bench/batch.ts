import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { mintToken } from '../src/edge/auth/mint-token.js';
import { MICROS_PER_CREDIT } from '../src/kit/money/micros.js';
import { migrate } from '../src/stores/postgres/migrate.js';
import { throwawayPostgres, throwawayRedis } from '../test/support/servers.js';
import { openAccounts } from './bench-accounts.js';
import { openLedgerView } from './ledger-view.js';
import type { BurstResult } from './load-generator.js';
import { cpuMs, startGatewayProcess, startLoadGenerator } from './processes.js';
import { median } from './statistics.js';

/**
 * `npm run bench:batch`: holds per second by `POST /v1/batch` with a thousand of them, compared with single calls over many
 * kept connections in the same run. Both place the same holds, under ids of the caller, and the two take turns. A turn begins
 * when Postgres has everything of the one before, because the worker shares the processors with the gateway. What a busy
 * gateway refused is sent again, and its round is not counted. Exits with code 1 when an account does not hold exactly
 * what was acknowledged, or when a batch is less than three times as fast.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    warmUp: { type: 'string', default: '8' },
    holds: { type: 'string', default: '1000' },
    connections: { type: 'string', default: '64' },
    accounts: { type: 'string', default: '64' },
    /** A folder for a profile of the API process. */
    profile: { type: 'string' },
    /** Only this leg, for a profile: `single` or `batch`. */
    only: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const warmUp = Number(values.warmUp);
const holds = Number(values.holds);
const AMOUNT = '0.01';
const RATIO_MIN = 3;
const BUSY_MAX = 20;
const RETRY_AFTER_MS = 1_000;
const POLL_MS = 20;
const HOUR_SECONDS = 3_600;
const say = (line: string): void => { process.stderr.write(`${line}\n`); };

say('starting Redis, Postgres, the gateway (one API process, one worker process) and the load generator ...');
const redis = await throwawayRedis({ appendonly: 'yes', appendfsync: 'everysec' });
const postgres = await throwawayPostgres({ fsync: 'on', full_page_writes: 'on' });
const secret = randomBytes(32).toString('hex');
const environment = { REDIS_URL: redis.url, DATABASE_URL: postgres.url, JWT_ACCESS_SECRET: secret, LOG_LEVEL: 'info' };
await migrate(postgres.ownerUrl, () => undefined);
const worker = await startGatewayProcess('worker', environment, []);
const profiling = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
const api = await startGatewayProcess('api', environment, profiling);
const load = startLoadGenerator();
const view = await openLedgerView(environment);
const { ids } = await openAccounts(view.ledger, secret, 1, Number(values.accounts));
const opening = (await Promise.all(ids.map((id) => view.ledger.readAccount(id)))).reduce((total, { seq }) => total + seq, 0);
const key = await makeKey();
const processes = { api, redis, postgres, worker, load };
const WHERES = Object.keys(processes) as Where[];
const NOTHING = { api: 0, redis: 0, postgres: 0, worker: 0, load: 0 };
const cpuNow = (): Record<Where, number> =>
  ({ api: cpuMs(api.pid), redis: cpuMs(redis.pid), postgres: cpuMs(postgres.pid), worker: cpuMs(worker.pid), load: cpuMs(load.pid) });

type Leg = 'single' | 'batch';
type Where = keyof typeof processes;
const LEGS = (['single', 'batch'] as const).filter((leg) => values.only === undefined || leg === values.only);
const perSecond: Record<Leg, number[]> = { single: [], batch: [] };
/** Holds that were acknowledged, by account. */
const acknowledged = new Map<string, number>();
/** Processor time that the measured rounds took, in ms. */
const used: Record<Leg, Record<Where, number>> = { single: { ...NOTHING }, batch: { ...NOTHING } };
/** Rounds in which the gateway refused something because it was busy. */
let busy = 0;

for (let round = -warmUp; round < rounds; round += 1) {
  const measured: Partial<Record<Leg, number>> = {};
  for (const leg of round % 2 === 0 ? LEGS : LEGS.toReversed()) {
    const bodies = Array.from({ length: holds }, (_, index) => (
      { account: ids[index % ids.length] ?? '', id: `${leg}-${round + warmUp + busy}-${index}`, amount: AMOUNT }));
    await drained();
    const before = cpuNow();
    const durationMs = await place(leg, bodies);
    const after = cpuNow();
    if (durationMs !== null) measured[leg] = holds / durationMs * 1_000;
    if (durationMs !== null && round >= 0) for (const where of WHERES) used[leg][where] += after[where] - before[where];
  }
  if (LEGS.some((leg) => measured[leg] === undefined)) {
    busy += 1;
    if (busy > BUSY_MAX) throw new Error(`the gateway was too busy in ${busy} rounds: this machine does too much else`);
    round -= 1;
  } else if (round >= 0) for (const leg of LEGS) perSecond[leg].push(measured[leg] ?? NaN);
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
processor time of a hold, in µs (${WHERES.join(', ')})
  single calls  ${costOf('single')}
  one batch     ${costOf('batch')}
rounds not counted, because the gateway was busy: ${busy}
accounts that do not hold what was acknowledged: ${wrong.length}${wrong.slice(0, 5).map((line) => `\n  ${line}`).join('')}`);
process.exitCode = wrong.length === 0 && ratio >= RATIO_MIN ? 0 : 1;

await view.close();
await Promise.all([load.stop(), api.stop()]);
await worker.stop();
await redis.discard();
await postgres.discard();

type Body = { readonly account: string; readonly id: string; readonly amount: string };

function costOf(leg: Leg): string {
  return WHERES.map((where) => (used[leg][where] * 1_000 / (holds * Math.max(1, perSecond[leg].length))).toFixed(0).padStart(6)).join('');
}

/** Until Postgres has every entry. An account has as many as its number says. */
async function drained(): Promise<void> {
  const placed = [...acknowledged.values()].reduce((total, count) => total + count, 0);
  for (;;) {
    const { rows } = await view.db.raw<{ rows: { entries: string | null }[] }>('select sum(seq) as entries from accounts');
    if (Number(rows[0]?.entries) >= opening + placed) return;
    await setTimeout(POLL_MS);
  }
}

async function makeKey(): Promise<string> {
  const operator = await mintToken(secret, { sub: 'bench-operator', role: 'admin' }, HOUR_SECONDS, Date.now());
  const answer = await fetch(`http://127.0.0.1:${api.port}/v1/api-keys`, {
    method: 'POST', headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', scopes: ['holds'], reason: 'bench' }),
  });
  return String(((await answer.json()) as { readonly key: unknown }).key);
}

function send(path: string, connections: number, bodies: readonly object[]): Promise<BurstResult> {
  return load.run({
    port: api.port, path, connections, tokens: [key], requests: bodies.map((body) => ({ token: 0, body: JSON.stringify(body) })),
  });
}

/** Places holds, and sends what was refused again. How long it took, in ms; null when something was refused. */
async function place(leg: Leg, bodies: readonly Body[]): Promise<number | null> {
  let left = bodies;
  for (let attempt = 0; ; attempt += 1) {
    const { durationMs, refused } = await (leg === 'single' ? single(left) : batch(left));
    if (refused.length === 0) return attempt === 0 ? durationMs : null;
    if (attempt === BUSY_MAX) throw new Error(`holds were refused as often as they were sent: ${attempt} times`);
    left = refused;
    await setTimeout(RETRY_AFTER_MS);
  }
}

type Placed = { readonly durationMs: number; readonly refused: readonly Body[] };

async function single(bodies: readonly Body[]): Promise<Placed> {
  const { durationMs, statuses, bodies: answers } = await send('/v1/holds', Number(values.connections), bodies);
  return { durationMs, refused: bodies.filter((body, index) => !isPlaced(body, statuses[index] ?? 0, answers[index] ?? '')) };
}

async function batch(bodies: readonly Body[]): Promise<Placed> {
  const { durationMs, statuses, bodies: answers } = await send(
    '/v1/batch', 1, [{ operations: bodies.map((body) => ({ op: 'holds.place', body })) }]);
  const [status = 0, answer = ''] = [statuses[0], answers[0]];
  if (status !== 200) {
    assertBusy(status, answer);
    return { durationMs, refused: bodies };
  }
  const { results } = JSON.parse(answer) as { readonly results: readonly { readonly status: number; readonly body: unknown }[] };
  if (results.length !== bodies.length) throw new Error(`${bodies.length} operations got ${results.length} answers`);
  return {
    durationMs,
    refused: bodies.filter((body, index) => !isPlaced(body, results[index]?.status ?? 0, JSON.stringify(results[index]?.body))),
  };
}

/** False: to be sent again, under the same id. Throws for every answer but that and a hold of the right amount. */
function isPlaced(body: Body, status: number, answer: string): boolean {
  if (status !== 201) {
    assertBusy(status, answer);
    return false;
  }
  const { id, amount } = JSON.parse(answer) as { readonly id: unknown; readonly amount: unknown };
  if (id !== body.id || amount !== body.amount) throw new Error(`hold ${body.id} was answered ${answer}`);
  acknowledged.set(body.account, (acknowledged.get(body.account) ?? 0) + 1);
  return true;
}

function assertBusy(status: number, answer: string): void {
  if (status !== 503) throw new Error(`a hold was answered ${status}: ${answer}`);
}
