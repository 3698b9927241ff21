import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { AMOUNT_MAX, micros, MICROS_PER_CREDIT } from '../src/kit/money/micros.js';
import { acknowledged } from '../src/ledger/acknowledged.js';
import { fence } from '../src/ledger/fence.js';
import { keyspace } from '../src/ledger/keys.js';
import type { Ledger } from '../src/ledger/ledger.js';
import type { AccountLimits } from '../src/ledger/limits.js';
import { redisLedger } from '../src/ledger/redis-ledger.js';
import { hotPathOptions } from '../src/stores/redis/connect.js';
import { DeadlineRedis } from '../src/stores/redis/deadline-redis.js';
import { oneServer } from '../src/stores/redis/one-server.js';
import { emptyImage, memoryShardStore } from '../test/support/ledger.js';
import { throwawayRedis } from '../test/support/servers.js';
import { openAccounts } from './bench-accounts.js';
import { firstThreadMicros } from './processes.js';
import { median } from './statistics.js';

/**
 * `npm run bench:scripts`: the scripts alone, without HTTP and Postgres. One process places and settles holds through the
 * real ledger, for different numbers of lots and of limits per account. Redis' processor time per call must be the same for every
 * number of lots, and for limits that do not match; each limit that matches has a counter of its own, which costs.
 * Beside it: holds that are placed together, as those of a batch are, an empty script with the keys and arguments of a hold,
 * and how many commands each script runs.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    calls: { type: 'string', default: '4000' },
    accounts: { type: 'string', default: '32' },
    'at-once': { type: 'string', default: '64' },
  },
});
type Row = { readonly name: string; readonly lots: number; readonly limits: number; readonly matching: number };
const ROWS: readonly Row[] = [
  ...[1, 8, 64, 512].map((lots) => ({ name: `${lots} lots`, lots, limits: 0, matching: 0 })),
  { name: '1 limit', lots: 1, limits: 1, matching: 1 },
  { name: '50 limits, 1 matches', lots: 1, limits: 50, matching: 1 },
  { name: '50 limits, all match', lots: 1, limits: 50, matching: 50 },
];
const SHARDS = 64;
const LEASE_MS = 600_000;
const HELD = micros(2 * MICROS_PER_CREDIT);
const USED = micros(MICROS_PER_CREDIT / 2);
const PRICE = 'tokens/1/gpt-4';
const calls = Number(values.calls);

const server = await throwawayRedis({ appendonly: 'yes', appendfsync: 'everysec' });
const redis = new DeadlineRedis(server.url, { ...hotPathOptions(5_000), lazyConnect: true });
await redis.connect();
const keys = keyspace('bench', SHARDS);
const told = acknowledged(SHARDS);
const gate = fence({
  redis: oneServer(redis), store: memoryShardStore(SHARDS), keys, acknowledged: told, drainShard: () => Promise.resolve(true),
  log: { info: () => undefined, error: () => undefined },
});
await gate.opened();
const ledger = redisLedger({
  client: redis, keys, fence: gate, acknowledged: told, written: () => undefined, observe: () => undefined, memory: () => 'normal',
  openHoldsMax: { account: 100_000, pool: 100_000 },
  correctionWindowMs: 86_400_000,
  source: {
    loadAccount: () => Promise.resolve(emptyImage), loadEndedHold: () => Promise.resolve(null),
    recallEndedHold: () => Promise.resolve(null), loadCharge: () => Promise.resolve(null),
  },
  recallMs: 1_000, unrecalled: () => undefined,
});

const groups = await Promise.all(ROWS.map(async (row) => {
  const { ids } = await openAccounts(ledger, randomUUID(), row.lots, Number(values.accounts));
  if (row.limits > 0) await Promise.all(ids.map((accountId) => ledger.setLimits({ accountId, limits: limitsOf(row), nowMs: Date.now() })));
  return { row, ids };
}));
const results = new Map(ROWS.map((row) => [row, { place: [] as Cost[], together: [] as Cost[], settle: [] as Cost[] }]));
const empty: Cost[] = [];
const emptySha = String(await redis.script('LOAD', '#!lua\nreturn { "placed" }'));
const commands = { place: NaN, together: NaN, settle: NaN };
for (let round = -1; round < Number(values.rounds); round += 1) {
  for (const { row, ids } of round % 2 === 0 ? groups : [...groups].reverse()) {
    const holds = Array.from({
      length: calls,
    }, (_, index) => ({ accountId: ids[index % ids.length] ?? '', holdId: `bench-hold-${round + 1}-${index}` }));
    const many = holds.map(({ accountId, holdId }) => ({ accountId, holdId: `${holdId}-together` }));
    const counts = <Name extends string>(name: Name): Name | undefined => (row === ROWS[0] ? name : undefined);
    const place = await costOf(() => inTurns(holds, (hold) => placeHold(ledger, hold)), counts('place'));
    const together = await costOf(() => inTurns(many, (hold) => placeHold(ledger, hold, true)), counts('together'));
    const settle = await costOf(() => inTurns(holds, (hold) => settleHold(ledger, hold)), counts('settle'));
    await inTurns(many, (hold) => settleHold(ledger, hold));
    const nothing = await costOf(() => inTurns(holds, runEmpty));
    if (round < 0) continue;
    results.get(row)?.place.push(place);
    results.get(row)?.together.push(together);
    results.get(row)?.settle.push(settle);
    empty.push(nothing);
  }
}

console.log(`medians of ${values.rounds} rounds of `
  + `${values.calls} calls, ${values['at-once']} at once, ${values.accounts} accounts each; µs: processor time of Redis for one call\n`);
console.log(`${'account'.padEnd(22)}   place/s together/s  settle/s   place µs  together  settle µs`);
for (const [{ name }, { place, together, settle }] of results) {
  const columns = [place, together, settle].map((costs) => median(costs.map(({ perSecond }) => perSecond)).toFixed(0).padStart(10));
  const cpu = [place, together, settle].map((costs) => microsOf(costs).toFixed(1).padStart(10));
  console.log(`${name.padEnd(22)}${columns.join(' ')}${cpu.join(' ')}`);
}
console.log(`empty script with the keys and arguments of a hold: ${microsOf(empty).toFixed(1)} µs
commands of a call: place ${commands.place.toFixed(1)}, together ${commands.together.toFixed(1)}, settle ${commands.settle.toFixed(1)}`);
gate.close();
redis.disconnect();
await server.discard();

/** Calendar days; those that do not match are of other features. */
function limitsOf({ limits, matching }: Row): AccountLimits {
  return {
    version: 1,
    limits: Array.from({ length: limits }, (_, index) => ({
      limitId: `limit-${index}`, counter: index + 1, amount: AMOUNT_MAX, period: 'day', window: 'calendar', timeZone: 'UTC', mode: 'refuse',
      match: index < matching ? {} : { feature: `other-${index}` },
    })),
  };
}

type Hold = { readonly accountId: string; readonly holdId: string };
type Cost = { readonly perSecond: number; readonly redisMicros: number };

function microsOf(costs: readonly Cost[]): number {
  return median(costs.map(({ redisMicros }) => redisMicros));
}

/** Commands that scripts have run so far, by themselves. */
async function commandCount(): Promise<number> {
  const calls = [...(await redis.info('commandstats')).matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)];
  return calls.reduce((total, [, name, count]) => total + (name === 'evalsha' || name === 'info' ? 0 : Number(count)), 0);
}

async function costOf(work: () => Promise<void>, script?: keyof typeof commands): Promise<Cost> {
  const countBefore = await commandCount();
  const cost = await timesOf(work);
  if (script !== undefined) commands[script] = ((await commandCount()) - countBefore) / calls;
  return cost;
}

async function runEmpty({ accountId, holdId }: Hold): Promise<void> {
  const of = keys.account(accountId, 1);
  const hold = of.hold(holdId);
  const held = String(HELD);
  await redis.evalsha(
    emptySha, 12, of.fence, of.lotsDue, of.journal, of.holdsDue, of.account, of.lots, of.lot, hold, of.open, of.limits, hold,
    of.ended(holdId),
    '1@0123456789abcdef', 0, 10_000, 16, 604_800, accountId, holdId, held, held, LEASE_MS, 'release', PRICE, 'test',
    'AAAAAAAAAAAAAAAAAAAAAA', '{"modelId":"gpt-4","estimatedTokens":200,"estimate":1000000}', 'user', '', '', '', '0', 0, accountId,
    '', '', '', '', '', '', '', '', '');
}

async function timesOf(work: () => Promise<void>): Promise<Cost> {
  const cpuBefore = firstThreadMicros(server.pid);
  const startedAt = performance.now();
  await work();
  return { perSecond: calls / (performance.now() - startedAt) * 1_000, redisMicros: (firstThreadMicros(server.pid) - cpuBefore) / calls };
}

async function inTurns(holds: readonly Hold[], call: (hold: Hold) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: Number(values['at-once']) }, async () => {
    for (let hold = holds[next]; hold !== undefined; hold = holds[next]) {
      next += 1;
      await call(hold);
    }
  }));
}

async function placeHold(to: Ledger, { accountId, holdId }: Hold, together = false): Promise<void> {
  const { status } = await to.placeHold({
    accountId, holdId, minimum: HELD, desired: HELD, leaseMs: LEASE_MS, kind: 'test', expiryPolicy: 'release', price: PRICE,
    fingerprint: 'AAAAAAAAAAAAAAAAAAAAAA', about: '{"modelId":"gpt-4","estimatedTokens":200,"estimate":1000000}', together,
  });
  if (status !== 'placed') throw new Error(`a hold was refused: ${status}`);
}

async function settleHold(to: Ledger, { accountId, holdId }: Hold): Promise<void> {
  const { status } = await to.settleHold({
    accountId, holdId, cost: USED, price: PRICE, overCapture: 'debt', debtLimit: null, fingerprint: 'BBBBBBBBBBBBBBBBBBBBBB',
    about: JSON.stringify({
      end: 'completed', tokens: 100,
      usage: { service: 'chat-streaming', operation: 'gpt-4', metadata: { sessionId: holdId, tokens: 100, streamingDuration: 1 } },
    }),
  });
  if (status !== 'settled') throw new Error(`a settle was refused: ${status}`);
}
