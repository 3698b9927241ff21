import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DateTime } from 'luxon';
import { USAGE_GROUPS, USAGE_INTERVALS, readUsage, type UsageGroup, type UsageQuery } from '../../src/books/usage-minutes.table.js';
import { writeFacts } from '../../src/ledger/facts.js';
import { randomOf, type Random } from '../support/random.js';
import { ALL_SHARDS, drainLab, KNOWN_MODELS, type DrainLab } from './drain-lab.js';
import { forged, type SimulatedAccount, type SimulatedEntry } from './simulated-account.js';
import { aboutUsage } from './usage-lab.js';

let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });

/** The night in which clocks go back in Berlin, with the days around it. */
const FROM_MS = Date.parse('2025-10-24T00:00:00Z');
const SPAN_MS = 9 * 86_400_000;
const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns'];

/** What was used, one record per model of an entry, added up by the test itself. */
type Use = Readonly<Record<UsageGroup, string>> & {
  readonly atMs: number; readonly uses: number; readonly tokens: number; readonly captured: number;
};
const used: Use[] = [];

const FEATURES = ['chat', 'image', ''];
const SPENDERS = ['ann', 'bob', ''];
const MODELS = [...KNOWN_MODELS, 'junk'];

function activity(random: Random, account: SimulatedAccount, round: number): SimulatedEntry[] {
  const atMs = FROM_MS + random.integer(0, SPAN_MS);
  const { accountId } = account;
  const [feature, spender, key, model] = [
    random.pick(FEATURES), random.pick(SPENDERS), random.pick(['proxy', '']), random.pick(MODELS),
  ];
  const [cost, inputTokens, outputTokens] = [random.integer(1, 200), random.integer(0, 500), random.integer(0, 500)];
  const spending = Object.fromEntries(Object.entries({ feature, spender, key }).filter(([, name]) => name !== ''));
  const reason = random.pick(['completed', 'timeout']);
  const use: Use = {
    account: accountId, model: KNOWN_MODELS.has(model) ? model : 'unknown', feature, spender: spender === '' ? accountId : spender, key,
    reason, atMs, uses: 1, tokens: inputTokens + outputTokens, captured: cost,
  };
  const hold = `h${round}`;
  const grant = account.grant(`l${round}`, 1_000, { atMs });
  const place = (): SimulatedEntry => account.place(hold, 100, {
    atMs, price: `native/1/${model}`, about: writeFacts({ lease: { model }, spending, type: 'lease' }),
  });
  if (random.chance(0.4)) {
    used.push(use);
    return [grant, place(), account.settle(hold, cost, {
      atMs: atMs + 1, price: `native/1/${model}`,
      about: writeFacts({
        reason, usage: { service: 'model', operation: model, metadata: { inputTokens, outputTokens } }, type: 'lease_end',
      }),
    })];
  }
  if (random.chance(0.3)) {
    // Ends without a charge: no use at all.
    return [grant, place(), account.voidHold(hold, { atMs, about: writeFacts({ reason: 'user_stop', type: 'lease_end' }) })];
  }
  if (random.chance(0.3)) {
    used.push({ ...use, model: '', feature: 'chat-app', spender: accountId, key: '', reason: '', tokens: 0, captured: 30 });
    const about = writeFacts({ type: 'use', usage: { service: 'chat-app', operation: 'x', metadata: {} } });
    return [grant, account.debit('charge', 30, { atMs, about })];
  }
  used.push(
    { ...use, model: 'gpt-4', tokens: 7, captured: 3 }, { ...use, model: 'claude', tokens: 0, captured: 7 },
  );
  const models = [{ model: 'gpt-4', inputTokens: 3, outputTokens: 4, credits: 0.000003 }, { model: 'claude', credits: 0.000007 }];
  return [grant, account.debit('charge', 10, {
    atMs, about: writeFacts({
      type: 'charge', source: 'charge', actor: 'x', reason, spending,
      usage: { service: 'model-usage', operation: '2 models', metadata: { models } },
    }),
  })];
}

type Bucket = { at: number; group: string; uses: number; tokens: number; captured: number };

/** The same from the list of uses. A day that begins twice or not at all is the calendar's business, not the test's. */
function recount({ of, fromMs, toMs, interval, timeZone, groupBy, only }: UsageQuery): Bucket[] {
  const buckets = new Map<string, Bucket>();
  for (const use of used) {
    const isOf = 'accountId' in of ? use.account === of.accountId : use.account.startsWith(of.prefix);
    const minuteMs = Math.floor(use.atMs / 60_000) * 60_000;
    const isWanted = Object.entries(only).every(([name, value]) => use[name as UsageGroup] === value);
    if (!isOf || !isWanted || minuteMs < Math.floor(fromMs / 60_000) * 60_000 || minuteMs >= toMs) continue;
    const at = DateTime.fromMillis(minuteMs, { zone: timeZone }).startOf(interval).toMillis();
    const group = JSON.stringify(groupBy.map((name) => use[name]));
    const bucket = buckets.get(`${at} ${group}`) ?? { at, group, uses: 0, tokens: 0, captured: 0 };
    buckets.set(`${at} ${group}`, bucket);
    bucket.uses += use.uses;
    bucket.tokens += use.tokens;
    bucket.captured += use.captured;
  }
  return [...buckets.values()].sort(byPlace);
}

const byPlace = (a: Bucket, b: Bucket): number => a.at - b.at || (a.group < b.group ? -1 : 1);

async function series(query: UsageQuery): Promise<Bucket[]> {
  const found: Bucket[] = [];
  for await (const { startsAtMs, group, uses, tokens, captured } of readUsage(lab.db, query)) {
    found.push({
      at: startsAtMs, group: JSON.stringify(query.groupBy.map((name) => group[name])), uses: Number(uses), tokens: Number(tokens),
      captured: Number(captured),
    });
  }
  return found.sort(byPlace);
}

test('every interval, zone, group and filter gives what adding up all uses gives; redelivered entries count once', async () => {
  const random = randomOf(31);
  const accounts = Array.from({ length: 6 }, () => lab.account());
  for (let round = 0; round < 60; round += 1) {
    for (const account of accounts) await lab.write(account, ...activity(random, account, round));
  }
  const keep = lab.drainWith({ tailMs: 3_600_000 });
  expect((await keep(ALL_SHARDS)).stopped).toEqual([]);
  await lab.db.raw(`update shards set last_id = '0-0'`);
  const [again] = accounts;
  if (again === undefined) throw new Error('no account');
  await lab.write(again, ...activity(random, again, 99));
  expect((await keep(ALL_SHARDS)).redelivered).toBeGreaterThan(100);

  const whole = { fromMs: FROM_MS, toMs: FROM_MS + SPAN_MS + 60_000, timeZone: 'UTC', only: {}, groupBy: [] } as const;
  const everywhere = { ...whole, of: { prefix: '' } } as const;
  expect(recount({ ...everywhere, interval: 'minute' }).length).toBeGreaterThan(200);
  const queries: UsageQuery[] = [
    ...USAGE_INTERVALS.flatMap((interval) => ZONES.map((timeZone): UsageQuery => ({ ...everywhere, interval, timeZone }))),
    ...USAGE_GROUPS.map((group): UsageQuery => ({ ...everywhere, interval: 'day', groupBy: [group] })),
    { ...everywhere, interval: 'week', groupBy: [...USAGE_GROUPS] },
    { ...everywhere, interval: 'month', groupBy: ['feature'], only: { model: 'gpt-4', key: '', reason: 'completed' } },
    { ...everywhere, interval: 'month', only: { spender: 'ann' } },
    ...accounts.map(({ accountId }): UsageQuery => ({ ...whole, of: { accountId }, interval: 'hour', groupBy: ['model', 'spender'] })),
    { ...whole, of: { prefix: 'user-1' }, interval: 'day' },
    { ...whole, of: { prefix: '' }, fromMs: FROM_MS + 90_061_500, toMs: FROM_MS + 300_000_001, interval: 'minute' },
  ];
  for (const query of queries) expect([query, await series(query)]).toEqual([query, recount(query)]);
  const [sums] = await lab.rows<{ booked: string; charged: string }>(`
    select (select sum(captured) from usage_minutes)::text as booked, (select sum(captured) from entries)::text as charged`);
  expect(sums?.booked).toBe(sums?.charged);
});

test('a deduction is told of its model when its usage is recorded, and counts once', async () => {
  const account = lab.account();
  const atMs = FROM_MS;
  const grant = account.grant('l', 100, { atMs });
  const deduction = account.debit('charge', 40, { atMs, about: writeFacts({ type: 'deduction', source: 'deduction' }) });
  await lab.write(account, grant, deduction, forged(account.debit('charge', 0, {
    atMs: atMs + 60_000,
    about: aboutUsage('chat', 'gpt-4', { metadata: { tokens: 9 } }).replace(/\}$/, ',"deduction":{"seq":2,"credits":40}}'),
  }), { kind: 'attribute' }));
  expect((await lab.drain(ALL_SHARDS)).stopped).toEqual([]);
  const query: UsageQuery = {
    of: { accountId: account.accountId }, fromMs: atMs, toMs: atMs + 3_600_000, interval: 'hour', timeZone: 'UTC',
    groupBy: ['model'], only: {},
  };
  expect(await series(query)).toEqual([
    { at: atMs, group: '[""]', uses: 0, tokens: 0, captured: 0 }, { at: atMs, group: '["gpt-4"]', uses: 1, tokens: 9, captured: 40 },
  ]);
});
