import { randomUUID } from 'node:crypto';
import { AMOUNT_MAX } from '../../src/kit/money/micros.js';
import type { AccountLimits } from '../../src/ledger/limits.js';
import { openAccounts } from '../bench-accounts.js';
import type { Figure, Part, PartOptions, PartResult } from '../part.js';
import { median, sum } from '../statistics.js';
import { emptyCall, inTurns, openScriptServer, placeHold, settleHold, type Hold, type ScriptServer } from './script-server.js';

/**
 * The scripts alone. Redis' processor time per call must be the same for every number of lots, accounts, open holds and limits that do
 * not match; each limit that matches has a counter of its own, which costs. Compared with an empty script that is called with the
 * keys and arguments of a hold: that is what Redis itself costs.
 */
export const scripts: Part = {
  name: 'scripts',
  about: 'the scripts alone, compared with an empty one, and whether they stay flat (P6, P7)',
  run: async ({ quick, say }) => {
    const size = quick ? QUICK : FULL;
    const [small, large] = [await openScriptServer(), await openScriptServer('no')];
    const few = await openScriptServer('no');
    try {
      return await measure({ small, few, large }, size, say);
    } finally {
      for (const server of [small, few, large]) await server.close();
    }
  },
};

type Size = {
  readonly rounds: number; readonly calls: number; readonly accounts: number; readonly fewAccounts: number; readonly manyAccounts: number;
  readonly openHolds: number;
};
const FULL: Size = { rounds: 7, calls: 2_000, accounts: 32, fewAccounts: 1_000, manyAccounts: 1_000_000, openHolds: 100_000 };
const QUICK: Size = { rounds: 1, calls: 200, accounts: 8, fewAccounts: 100, manyAccounts: 1_000, openHolds: 500 };
const AT_ONCE = 64;
const FLAT = 1.15;

type Servers = Readonly<Record<'small' | 'few' | 'large', ScriptServer>>;
/** `base`: the case that this one is compared with; a `target` says that it must cost the same. */
type Case = {
  readonly name: string; readonly server: ScriptServer; readonly ids: readonly string[]; readonly base?: string; readonly isFlat?: boolean;
  readonly atOnce?: number; readonly together?: boolean;
};
type Cost = { readonly micros: number; readonly perSecond: number; readonly commands: number };
type Costs = { readonly place: Cost[]; readonly settle: Cost[] };

async function measure(servers: Servers, size: Size, say: PartOptions['say']): Promise<PartResult> {
  say(`opening accounts: ${size.manyAccounts} on one server, and one with ${size.openHolds} open holds ...`);
  const cases = await openCases(servers, size);
  const costs = new Map<string, Costs>(cases.map(({ name }) => [name, { place: [], settle: [] }]));
  const empty: number[] = [];
  const sha = String(await servers.small.redis.script('LOAD', '#!lua\nreturn { "placed" }'));
  for (let round = -1; round < size.rounds; round += 1) {
    say(round < 0 ? 'warming up ...' : `round ${round + 1} of ${size.rounds}`);
    for (const each of round % 2 === 0 ? cases : cases.toReversed()) {
      const { server, ids, atOnce = AT_ONCE, together = false } = each;
      const holds = Array.from({ length: size.calls }, (_, index) => (
        { accountId: ids[index % ids.length] ?? '', holdId: `${each.name}-${round}-${index}` }));
      const place = await costOf(server, holds, atOnce, (hold) => placeHold(server.ledger, hold, together));
      const settle = await costOf(server, holds, atOnce, (hold) => settleHold(server.ledger, hold));
      if (round < 0) continue;
      costs.get(each.name)?.place.push(place);
      costs.get(each.name)?.settle.push(settle);
      if (each.name !== ONE_LOT) continue;
      empty.push((await costOf(server, holds, atOnce, (hold) => server.redis.evalsha(sha, ...emptyArgs(server, hold)))).micros);
    }
  }
  return { figures: figuresOf(cases, costs, empty), tables: [tableOf(cases, costs, empty)], problems: await wrongAccounts(cases) };
}

const emptyArgs = (server: ScriptServer, hold: Hold): [number, ...(string | number)[]] =>
  emptyCall(server, hold) as [number, ...(string | number)[]];

const ONE_LOT = '1 lot';

async function openCases({ small, few, large }: Servers, size: Size): Promise<Case[]> {
  const open = async (server: ScriptServer, lots: number): Promise<readonly string[]> =>
    (await openAccounts(server.ledger, randomUUID(), lots, size.accounts)).ids;
  const withLimits = async (limits: number, matching: number): Promise<readonly string[]> => {
    const ids = await open(small, 1);
    await Promise.all(ids.map((accountId) => small.ledger.setLimits({ accountId, limits: limitsOf(limits, matching), nowMs: Date.now() })));
    return ids;
  };
  const withOpenHolds = async (count: number): Promise<readonly string[]> => {
    const [id = ''] = (await openAccounts(small.ledger, randomUUID(), 1, 1, OPEN_HOLDS_CREDITS)).ids;
    const holds = Array.from({ length: count }, (_, index) => ({ accountId: id, holdId: `open-${index}` }));
    await inTurns(holds, AT_ONCE, (hold) => placeHold(small.ledger, hold, true));
    return [id];
  };
  const [inFew, inLarge] = [await open(few, 1), await open(large, 1)];
  await multiply(few, inFew, size.fewAccounts);
  await multiply(large, inLarge, size.manyAccounts);
  const one = await open(small, 1);
  return [
    { name: ONE_LOT, server: small, ids: one },
    { name: '1 lot, one call at a time', server: small, ids: one, atOnce: 1 },
    { name: '1 lot, placed together', server: small, ids: one, together: true },
    { name: '8 lots', server: small, ids: await open(small, 8), base: ONE_LOT },
    { name: '512 lots', server: small, ids: await open(small, 512), base: ONE_LOT, isFlat: true },
    { name: '1 limit', server: small, ids: await withLimits(1, 1), base: ONE_LOT },
    { name: '50 limits, 1 matches', server: small, ids: await withLimits(50, 1), base: '1 limit', isFlat: true },
    { name: '50 limits, all match', server: small, ids: await withLimits(50, 50), base: '1 limit' },
    { name: '10 open holds', server: small, ids: await withOpenHolds(10) },
    { name: `${size.openHolds} open holds`, server: small, ids: await withOpenHolds(size.openHolds), base: '10 open holds', isFlat: true },
    { name: `${size.fewAccounts} accounts`, server: few, ids: inFew },
    { name: `${size.manyAccounts} accounts`, server: large, ids: inLarge, base: `${size.fewAccounts} accounts`, isFlat: true },
  ];
}

/** Enough for every hold of the account to be open at once. */
const OPEN_HOLDS_CREDITS = 1_000_000;

/** Calendar days; those that do not match are of other features. */
function limitsOf(limits: number, matching: number): AccountLimits {
  return {
    version: 1,
    limits: Array.from({ length: limits }, (_, index) => ({
      limitId: `limit-${index}`, counter: index + 1, amount: AMOUNT_MAX, period: 'day', window: 'calendar', timeZone: 'UTC', mode: 'refuse',
      match: index < matching ? {} : { feature: `other-${index}` },
    })),
  };
}

/** Copies of accounts under other names, until there are so many: every key that an idle account has. */
const COPY = `
local copies, from = tonumber(ARGV[2]), tonumber(ARGV[3])
for copy = from, from + copies - 1 do
  local name = ARGV[1] .. '-' .. copy
  for _, key in ipairs({ KEYS[1], KEYS[2], KEYS[3] }) do
    local at, to = string.find(key, ARGV[1], 1, true)
    redis.call('COPY', key, string.sub(key, 1, at - 1) .. name .. string.sub(key, to + 1))
  end
  redis.call('ZADD', KEYS[4], 2000000000000 + copy, name)
end`;
const COPIES_AT_ONCE = 5_000;

async function multiply({ operator, keys }: ScriptServer, ids: readonly string[], total: number): Promise<void> {
  const copies = Math.max(0, Math.ceil(total / ids.length) - 1);
  for (const id of ids) {
    const of = keys.account(id, 1);
    for (let from = 0; from < copies; from += COPIES_AT_ONCE) {
      await operator.eval(COPY, 4, of.account, of.lots, of.lot, of.lotsDue, id, Math.min(COPIES_AT_ONCE, copies - from), from);
    }
  }
}

async function costOf(
  server: ScriptServer, holds: readonly Hold[], atOnce: number, call: (hold: Hold) => Promise<unknown>,
): Promise<Cost> {
  const commandsBefore = await commandCount(server);
  const cpuBefore = server.cpuMicros();
  const startedAt = performance.now();
  await inTurns(holds, atOnce, call);
  const perSecond = holds.length / (performance.now() - startedAt) * 1_000;
  const micros = (server.cpuMicros() - cpuBefore) / holds.length;
  return { micros, perSecond, commands: (await commandCount(server) - commandsBefore) / holds.length };
}

/** Commands that scripts have run so far, by themselves. */
async function commandCount({ operator }: ScriptServer): Promise<number> {
  const counts = [...(await operator.info('commandstats')).matchAll(/^cmdstat_([\w|]+):calls=(\d+)/gm)];
  return sum(counts.map(([, name, count]) => (name === 'evalsha' || name === 'info' ? 0 : Number(count))));
}

function figuresOf(cases: readonly Case[], costs: ReadonlyMap<string, Costs>, empty: readonly number[]): Figure[] {
  const micros = (name: string, what: keyof Costs): number[] => (costs.get(name)?.[what] ?? []).map((cost) => cost.micros);
  const ratio = (ours: readonly number[], theirs: readonly number[]): number[] =>
    ours.map((each, round) => each / (theirs[round] ?? NaN));
  return [
    {
      id: 'P6', name: 'processor time of Redis per hold ÷ per empty script', target: { atMost: 4 },
      values: ratio(micros(ONE_LOT, 'place'), empty), limitedBy: 'the commands of the script',
    },
    { id: 'P6', name: 'the same per settle', target: { atMost: 4 }, values: ratio(micros(ONE_LOT, 'settle'), empty) },
    ...cases.filter(({ isFlat = false }) => isFlat).flatMap(({ name, base = '' }) => (['place', 'settle'] as const).map((what): Figure => ({
      id: 'P7', name: `${what === 'place' ? 'hold' : 'settle'}: ${name} ÷ ${base}`, target: { atMost: FLAT },
      values: ratio(micros(name, what), micros(base, what)), limitedBy: 'caches of the processor',
    }))),
  ];
}

function tableOf(cases: readonly Case[], costs: ReadonlyMap<string, Costs>, empty: readonly number[]) {
  const of = (name: string, what: keyof Costs, which: keyof Cost, digits: number): string =>
    median((costs.get(name)?.[what] ?? []).map((cost) => cost[which])).toFixed(digits);
  return {
    title: `Scripts, ${AT_ONCE} calls at once from one client: medians; µs: processor time of Redis for one call`,
    columns: ['', 'holds/s', 'settles/s', 'hold µs', 'settle µs', 'hold commands', 'settle commands'],
    rows: [
      ['empty script', '', '', median(empty).toFixed(1), '', '', ''],
      ...cases.map(({ name }) => [
        name, of(name, 'place', 'perSecond', 0), of(name, 'settle', 'perSecond', 0), of(name, 'place', 'micros', 1),
        of(name, 'settle', 'micros', 1), of(name, 'place', 'commands', 1), of(name, 'settle', 'commands', 1),
      ]),
    ],
  };
}

/** After all settles nothing is held that is not open, and every account adds up. */
async function wrongAccounts(cases: readonly Case[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, server, ids } of cases) for (const id of ids) {
    const { available, held, debt, totals } = await server.ledger.readAccount(id);
    const { granted, captured, expired, removed } = totals;
    if (granted !== available + held + captured + expired + removed - debt) wrong.push(`${name}: account ${id} does not add up`);
    if (held !== 0 && !name.includes('open holds')) wrong.push(`${name}: account ${id} still holds ${held}`);
  }
  return wrong;
}
