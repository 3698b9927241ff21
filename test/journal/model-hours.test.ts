import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { addModelHours, readModelCosts } from '../../src/books/model-hours.table.js';
import { costsOfDay } from '../../src/credits/usage/model-costs.js';
import { modelHoursAgainstEntries } from '../support/model-hours.js';
import { randomOf, type Random } from '../support/random.js';
import { ALL_SHARDS, drainLab, entryName, KNOWN_MODELS, type DrainLab } from './drain-lab.js';
import type { SimulatedAccount, SimulatedEntry } from './simulated-account.js';
import { aboutUsage } from './usage-lab.js';

let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });
beforeEach(async () => {
  await lab.admin.raw('truncate model_hours');
  expected.clear();
});

const HOUR_MS = 3_600_000;
const FROM_MS = Date.parse('2026-03-01T00:00:00Z');
const ever = { fromMs: 0, toMs: Date.parse('2030-01-01T00:00:00Z'), limit: 100 };

type Sums = { messages: number; tokens: number; held: number; captured: number };
/** The expected sums of each model, added up as the entries are made. */
const expected = new Map<string, Sums>();

function expectMore(model: string, { messages = 0, tokens = 0, held = 0, captured = 0 }: Partial<Sums>): void {
  const name = entryName(model) ?? 'unknown';
  const sums = expected.get(name) ?? { messages: 0, tokens: 0, held: 0, captured: 0 };
  expected.set(name, {
    messages: sums.messages + messages, tokens: sums.tokens + tokens, held: sums.held + held, captured: sums.captured + captured,
  });
}

const costs = async (period: Partial<typeof ever> = {}): Promise<Map<string, Sums>> =>
  new Map((await readModelCosts(lab.db, { ...ever, ...period })).map(({ model, messages, tokens, held, captured }) =>
    [model, { messages, tokens, held: Number(held), captured: Number(captured) }]));

/** Hours that differ from the entries; hours before the table was emptied are left out. */
const wrongHours = async (): Promise<object[]> =>
  lab.rows<object>(`select what from (${modelHoursAgainstEntries}) as compared where not ok`);

const MODELS = [...KNOWN_MODELS, 'openai/gpt-4', 'my-junk-17', '__proto__', 'x'.repeat(500), ' ', 'ü😀'];

/** Some entries of a user of models, with every way in which an entry can name them. */
function activity(random: Random, account: SimulatedAccount, round: number): SimulatedEntry[] {
  const atMs = FROM_MS + random.integer(0, 3 * HOUR_MS);
  const [model, hold] = [random.pick(MODELS), `h${round}`];
  const [held, cost, tokens] = [random.integer(0, 100), random.integer(0, 200), random.integer(0, 9_999)];
  const about = aboutUsage('chat-streaming', 'what was asked for', { metadata: { tokens } });
  const price = `tokens/1/${model}`;
  const entries = [account.grant(`l${round}`, 1_000, { atMs }), account.place(hold, held, { atMs, price })];
  expectMore(model, { held });
  if (random.chance(0.2)) {
    entries.push(account.voidHold(hold, { atMs, price }));
    if (random.chance(0.5)) {
      entries.push(account.correct(hold, 20, { atMs, price, about }));
      expectMore(model, { messages: 1, tokens, captured: 20 });
    }
  } else if (random.chance(0.3)) {
    entries.push(account.expireHold(hold, { atMs, price }), account.lateSettle(hold, cost, { atMs, price, about }));
    expectMore(model, { messages: 1, tokens, captured: cost });
  } else {
    entries.push(account.settle(hold, cost, { atMs, price, about }));
    expectMore(model, { messages: 1, tokens, captured: cost });
    if (random.chance(0.3)) {
      // A correction reports the total usage; the first end has reported a part of it.
      entries.push(account.correct(hold, 7, {
        atMs, price, about: aboutUsage('chat-streaming', 'x', { metadata: { tokens: tokens + 70 } }),
      }));
      entries.push(account.correct(hold, 1, {
        atMs, price, about: aboutUsage('chat-streaming', 'x', { metadata: { tokens: tokens + 80 } }),
      }));
      expectMore(model, { tokens: 80, captured: 8 });
    }
  }
  if (random.chance(0.5)) {
    entries.push(account.debit('charge', 30, {
      atMs, about: aboutUsage('chat', model, { metadata: { inputTokens: 3, outputTokens: 4 } }),
    }));
    expectMore(model, { messages: 1, tokens: 7, captured: 30 });
  }
  if (random.chance(0.5)) {
    // 10 of 100 split by 1 : 1 : 2 are 3 : 2 : 5; the remaining micro goes to the first.
    const models = [
      { model: 'gpt-4', inputTokens: 1, credits: 1 }, { model, outputTokens: 2, credits: 1 }, { model: 'claude', credits: 2 },
    ];
    entries.push(account.debit('charge', 10, { atMs, about: aboutUsage('credits-process', 'ai_chat', { metadata: { models } }) }));
    expectMore('gpt-4', { messages: 1, tokens: 1, captured: 3 });
    expectMore(model, { messages: 1, tokens: 2, captured: 2 });
    expectMore('claude', { messages: 1, captured: 5 });
  }
  entries.push(
    account.debit('charge', 1, { atMs, about: aboutUsage('image', 'no model') }),
    account.debit('remove', 1, { atMs, about: aboutUsage('chat', 'gpt-4') }),
  );
  return entries;
}

// Runs first, while these are the only entries: the recount in SQL covers all.
test('after random activity and two concurrent drains every entry counts once, in its hour and model', async () => {
  const random = randomOf(17);
  const accounts = Array.from({ length: 10 }, () => lab.account());
  const racers = [lab.drainWith({}), lab.drainWith({})];
  let isWriting = true;
  const races = racers.map(async (drain) => { while (isWriting) await drain(ALL_SHARDS); });
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(accounts.map((account) => lab.write(account, ...activity(random, account, round))));
  }
  isWriting = false;
  await Promise.all(races);
  expect((await lab.drain(ALL_SHARDS)).stopped).toEqual([]);
  expect(await costs()).toEqual(expected);
  expect([...expected.keys()].sort()).toEqual([...KNOWN_MODELS, 'unknown'].sort());
  expect(await wrongHours()).toEqual([]);
});

test('redelivered entries are not counted again', async () => {
  const random = randomOf(18);
  const account = lab.account();
  const shard = lab.keys.shardOf(account.accountId);
  const keep = lab.drainWith({ tailMs: 3_600_000 });
  await lab.write(account, ...activity(random, account, 1), ...activity(random, account, 2));
  await keep([shard]);
  await lab.db.raw(`update shards set last_id = '0-0' where shard = ?`, [shard]);
  await lab.write(account, ...activity(random, account, 3));
  expect((await keep([shard])).redelivered).toBeGreaterThan(4);
  expect(await costs()).toEqual(expected);
});

test.each([
  'after_lock', 'after_read', 'before_commit', 'after_commit', 'after_trim',
] as const)('a crash at %s counts nothing twice and leaves nothing out', async (failpoint) => {
  const random = randomOf(19);
  const accounts = ALL_SHARDS.map((shard) => lab.account(shard));
  let crashes = 0;
  const doomed = lab.drainWith({ failpoint: (at) => { if (at === failpoint && (crashes += 1) <= 2) throw new Error('crashed'); } });
  for (let round = 0; round < 3; round += 1) {
    for (const account of accounts) await lab.write(account, ...activity(random, account, round));
    await doomed(ALL_SHARDS).catch((error: unknown) => { expect(String(error)).toContain('crashed'); });
  }
  expect((await lab.drain(ALL_SHARDS)).stopped).toEqual([]);
  expect(crashes).toBeGreaterThanOrEqual(2);
  expect(await costs()).toEqual(expected);
});

test('sums beyond a bigint are exact, and token counts that are no integers stop no shard', async () => {
  const account = lab.account();
  const most = Number.MAX_SAFE_INTEGER;
  const price = 'tokens/1/gpt-4';
  const entries = [account.grant('lot', most)];
  // More than a bigint can hold.
  for (let round = 0; round < 1_100; round += 1) {
    entries.push(account.place(`h${round}`, most, { price }), account.voidHold(`h${round}`, { price }));
  }
  const odd = { models: [
    { model: 'gpt-4', inputTokens: 0.7, credits: 1e-7 }, { model: 'gpt-4', inputTokens: 1e300, outputTokens: -1, credits: '5' },
    7, null,
  ] };
  entries.push(account.debit('charge', 9, { about: aboutUsage('x', 'y', { metadata: odd }) }));
  await lab.write(account, ...entries);
  expect((await lab.drain([lab.keys.shardOf(account.accountId)])).stopped).toEqual([]);
  expect(await readModelCosts(lab.db, ever)).toEqual([
    { model: 'gpt-4', messages: 2, tokens: 1, held: BigInt(most) * 1_100n, captured: 5n },
    { model: 'unknown', messages: 2, tokens: 0, held: 0n, captured: 4n },
  ]);
});

test('a period includes every hour it touches; the most expensive models come first, up to the limit', async () => {
  const account = lab.account();
  const at = (hours: number): { readonly atMs: number } => ({ atMs: FROM_MS + hours * HOUR_MS });
  const charge = (model: string, amount: number, hours: number): SimulatedEntry =>
    account.debit('charge', amount, { ...at(hours), about: aboutUsage('chat', model) });
  await lab.write(
    account, account.grant('lot', 1_000, at(0)), charge('gpt-4', 1, 0), charge('claude', 20, 0.999), charge('gpt-4', 300, 1),
    charge('gpt-4o', 5, 2.5),
  );
  await lab.drain([lab.keys.shardOf(account.accountId)]);
  const between = async (from: number, to: number, limit = 100): Promise<unknown> =>
    (await readModelCosts(lab.db, { fromMs: at(from).atMs, toMs: at(to).atMs, limit })).map(({ model, captured }) =>
      `${model} ${captured}`);
  expect(await between(0, 3)).toEqual(['gpt-4 301', 'claude 20', 'gpt-4o 5']);
  expect(await between(0, 3, 2)).toEqual(['gpt-4 301', 'claude 20']);
  expect(await between(0.5, 1)).toEqual(['claude 20', 'gpt-4 1']);
  expect(await between(0.5, 1.001)).toEqual(['gpt-4 301', 'claude 20']);
  expect(await between(1, 2)).toEqual(['gpt-4 300']);
  expect(await between(2, 3)).toEqual(['gpt-4o 5']);
  expect(await between(3, 9)).toEqual([]);
});

test('the console sums up the last 24 hours, including the current hour', async () => {
  const nowMs = FROM_MS + 30 * HOUR_MS + 1_234_567;
  const row = (hour: number) => ({
    hourMs: FROM_MS + hour * HOUR_MS, model: 'gpt-4', shard: 0, messages: 1n, tokens: 0n, held: 0n,
    captured: BigInt(10 ** (hour % 4)),
  });
  await lab.db.transaction((trx) => addModelHours(trx, [6, 7, 30, 31].map(row)));
  // The 6 and the 31 do not count: one is a day old, the other in the future.
  expect(await costsOfDay(lab.db, nowMs, 5)).toEqual({
    fromMs: FROM_MS + 7 * HOUR_MS, models: [{ model: 'gpt-4', messages: 2, tokens: 0, held: 0n, captured: 1_000n + 100n }],
  });
});
