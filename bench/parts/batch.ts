import { setTimeout } from 'node:timers/promises';
import { MICROS_PER_CREDIT } from '../../src/kit/money/micros.js';
import type { TestRedis } from '../../test/support/servers.js';
import { drained } from '../acknowledged.js';
import { openAccounts } from '../bench-accounts.js';
import { onGatewayStage } from '../gateway-stage.js';
import type { LedgerView } from '../ledger-view.js';
import type { BurstResult, LoadGenerator } from '../load/burst.js';
import type { Part, PartOptions, PartResult } from '../part.js';
import { cpuMs, type GatewayProcess } from '../processes.js';
import { median, sum } from '../statistics.js';

/**
 * A thousand holds by one `POST /v1/batch`, compared with single calls over many kept connections. Both place the same holds,
 * under ids of the caller, and take turns. A turn begins when Postgres has everything of the one before, because the worker shares
 * the processors with the gateway. What a busy gateway refused is sent again, and its round is not counted.
 *
 * Throughput is compared where each side keeps the gateway busy: 64 single calls wait for it, and two batches. One batch at a time, as
 * by a caller that needs its answer before it goes on, is shown beside it: its time includes what the gateway itself waits for, the
 * look-up of the ids and the last answers of Redis.
 */
export const batch: Part = {
  name: 'batch',
  about: 'a thousand holds in one batch, compared with single calls (P12)',
  run: ({ quick, say }) => onGatewayStage({ say }, async ({ redis, api, load, view, secret, operator }) => {
    const { ids } = await openAccounts(view.ledger, secret, 1, ACCOUNTS);
    const bench = { redis, api, load, view, ids, key: await makeKey(api, operator), acknowledged: new Map<string, number>() };
    return compare(bench, quick ? QUICK : FULL, say);
  }),
};

/** `repeats`: a round in which a busy gateway refused something is run again. */
type Size = { readonly rounds: number; readonly warmUp: number; readonly repeats: boolean };
const FULL: Size = { rounds: 15, warmUp: 8, repeats: true };
const QUICK: Size = { rounds: 1, warmUp: 1, repeats: false };
const HOLDS = 1_000;
const CONNECTIONS = 64;
const ACCOUNTS = 64;
const AMOUNT = '0.01';
const RATIO_MIN = 3;
const BUSY_MAX = 20;
const RETRY_AFTER_MS = 1_000;

type Bench = {
  readonly redis: TestRedis; readonly api: GatewayProcess; readonly load: LoadGenerator; readonly view: LedgerView;
  readonly ids: readonly string[];
  readonly key: string;
  /** Holds that were acknowledged, by account. */
  readonly acknowledged: Map<string, number>;
};
const LEGS = ['single', 'batch', 'batches'] as const;
type Leg = typeof LEGS[number];
/** How many batches are sent at once, and so how many holds a turn of a leg places. */
const AT_ONCE: Readonly<Record<Leg, number>> = { single: 1, batch: 1, batches: 2 };
const perLeg = <Value>(valueOf: (leg: Leg) => Value) => Object.fromEntries(LEGS.map((leg) => [leg, valueOf(leg)])) as Record<Leg, Value>;
type Body = { readonly account: string; readonly id: string; readonly amount: string };
type Placed = { readonly durationMs: number; readonly refused: readonly Body[] };

async function compare(bench: Bench, { rounds, warmUp, repeats }: Size, say: PartOptions['say']): Promise<PartResult> {
  const perSecond = perLeg((): number[] => []);
  const apiMicros = perLeg((): number[] => []);
  const redisMicros = perLeg((): number[] => []);
  let busy = 0;
  for (let round = -warmUp; round < rounds; round += 1) {
    if (busy === 0 && round === -warmUp) say('warming up ...');
    if (round >= 0 && round % 5 === 0) say(`round ${round + 1} of ${rounds}`);
    const measured: Partial<Record<Leg, { readonly durationMs: number; readonly api: number; readonly redis: number }>> = {};
    for (const leg of round % 2 === 0 ? LEGS : LEGS.toReversed()) {
      const count = HOLDS * AT_ONCE[leg];
      const bodies = Array.from({ length: count }, (_, index) => (
        { account: bench.ids[index % bench.ids.length] ?? '', id: `${leg}-${round + warmUp + busy}-${index}`, amount: AMOUNT }));
      await allDrained(bench);
      const before = { api: cpuMs(bench.api.pid), redis: cpuMs(bench.redis.pid) };
      const durationMs = await place(bench, leg, bodies);
      const microsOf = (process: 'api' | 'redis'): number => (cpuMs(bench[process].pid) - before[process]) * 1_000 / count;
      if (durationMs !== null) measured[leg] = { durationMs, api: microsOf('api'), redis: microsOf('redis') };
    }
    if (LEGS.some((leg) => measured[leg] === undefined)) {
      busy += 1;
      if (!repeats) continue;
      if (busy > BUSY_MAX) throw new Error(`the gateway was too busy in ${busy} rounds: this machine does too much else`);
      round -= 1;
    } else if (round >= 0) {
      for (const leg of LEGS) {
        const { durationMs, api, redis } = measured[leg] ?? { durationMs: NaN, api: NaN, redis: NaN };
        perSecond[leg].push(HOLDS * AT_ONCE[leg] / durationMs * 1_000);
        apiMicros[leg].push(api);
        redisMicros[leg].push(redis);
      }
    }
  }
  await allDrained(bench);
  const ratios = (leg: Leg): number[] => perSecond[leg].map((each, index) => each / (perSecond.single[index] ?? NaN));
  return {
    figures: [{
      id: 'P12', name: 'holds per second in batches of 1 000, two at once ÷ by single calls, 64 at once', target: { atLeast: RATIO_MIN },
      values: ratios('batches'), limitedBy: 'the script in Redis, which shares its processor with the drain',
    }, {
      id: 'P12', name: 'the same with one batch at a time', values: ratios('batch'), limitedBy: 'what the gateway waits for within a batch',
    }],
    tables: [{
      title: `${HOLDS} holds a batch on ${ACCOUNTS} accounts: medians`, columns: ['', 'holds/s', 'API µs', 'Redis µs'],
      rows: ([[`single calls, ${CONNECTIONS} connections`, 'single'], ['one batch', 'batch'], ['two batches at once', 'batches']] as const)
        .map(([name, leg]) => [name, ...[perSecond, apiMicros, redisMicros].map((values) => median(values[leg]).toFixed(0))]),
    }],
    problems: await wrongAccounts(bench),
    notes: notesOf(busy, perSecond.batch.length),
  };
}

/** `busy`: rounds in which the gateway refused something. */
function notesOf(busy: number, counted: number): string[] {
  const refused = `in ${busy} rounds the gateway refused something while it was busy`;
  if (counted === 0) return [`NOTHING WAS MEASURED: ${refused}. Only answers and books were checked; try a less busy machine`];
  return busy === 0 ? [] : [`${refused}: they do not count`];
}

/** Accounts that do not hold exactly what was acknowledged. */
async function wrongAccounts({ view, ids, acknowledged }: Bench): Promise<string[]> {
  const wrong: string[] = [];
  for (const accountId of ids) {
    const { held, available, totals, seq } = await view.ledger.readAccount(accountId);
    const expected = Math.round((acknowledged.get(accountId) ?? 0) * Number(AMOUNT) * MICROS_PER_CREDIT);
    if (held !== expected || available + held !== totals.granted) wrong.push(`${accountId}: ${held} held of ${expected}, entry ${seq}`);
  }
  return wrong;
}

/** Until Postgres has every entry. An account has as many as its number says. */
async function allDrained({ view, ids, acknowledged }: Bench): Promise<void> {
  await drained(view.db, ids.length + sum([...acknowledged.values()]));
}

async function makeKey(api: GatewayProcess, operator: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${api.port}/v1/api-keys`, {
    method: 'POST', headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', scopes: ['holds'], reason: 'bench' }),
  });
  return String(((await answer.json()) as { readonly key: unknown }).key);
}

const send = ({ api: { port }, load, key }: Bench, path: string, connections: number, bodies: readonly object[]): Promise<BurstResult> =>
  load.run({ port, connections, requests: bodies.map((body) => ({ path, token: key, body: JSON.stringify(body) })) });

/** Places holds, and sends what was refused again. How long it took, in ms; null when something was refused. */
async function place(bench: Bench, leg: Leg, bodies: readonly Body[]): Promise<number | null> {
  let left = bodies;
  for (let attempt = 0; ; attempt += 1) {
    const { durationMs, refused } = await (leg === 'single' ? single(bench, left) : inBatches(bench, left));
    if (refused.length === 0) return attempt === 0 ? durationMs : null;
    if (attempt === BUSY_MAX) throw new Error(`holds were refused as often as they were sent: ${attempt} times`);
    left = refused;
    await setTimeout(RETRY_AFTER_MS);
  }
}

async function single(bench: Bench, bodies: readonly Body[]): Promise<Placed> {
  const { durationMs, answers } = await send(bench, '/v1/holds', CONNECTIONS, bodies);
  const placed = new Set<string>();
  for (const { status, body } of answers) {
    if (isBusy(status, body)) continue;
    const answer = JSON.parse(body) as Answer;
    acknowledge(bench, answer);
    placed.add(answer.id);
  }
  return { durationMs, refused: bodies.filter(({ id }) => !placed.has(id)) };
}

async function inBatches(bench: Bench, bodies: readonly Body[]): Promise<Placed> {
  const batches = Array.from({ length: Math.ceil(bodies.length / HOLDS) }, (_, index) => bodies.slice(index * HOLDS, (index + 1) * HOLDS));
  const { durationMs, answers } = await send(
    bench, '/v1/batch', batches.length, batches.map((each) => ({ operations: each.map((body) => ({ op: 'holds.place', body })) })));
  const placed = new Set<string>();
  for (const { status, body } of answers) {
    if (status !== 200) {
      isBusy(status, body);
      continue;
    }
    const { results } = JSON.parse(body) as { readonly results: readonly { readonly status: number; readonly body: Answer }[] };
    for (const result of results) {
      if (isBusy(result.status, JSON.stringify(result.body))) continue;
      acknowledge(bench, result.body);
      placed.add(result.body.id);
    }
  }
  return { durationMs, refused: bodies.filter(({ id }) => !placed.has(id)) };
}

type Answer = { readonly id: string; readonly account: string; readonly amount: string };

function acknowledge({ acknowledged }: Bench, answer: Answer): void {
  if (answer.amount !== AMOUNT) throw new Error(`a hold was answered ${JSON.stringify(answer)}`);
  acknowledged.set(answer.account, (acknowledged.get(answer.account) ?? 0) + 1);
}

/** To be sent again, under the same id. Throws for every other failure. */
function isBusy(status: number, answer: string): boolean {
  if (status !== 201 && status !== 503) throw new Error(`a hold was answered ${status}: ${answer}`);
  return status === 503;
}
