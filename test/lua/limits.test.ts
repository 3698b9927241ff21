import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { micros } from '../../src/kit/money/micros.js';
import { readFacts } from '../../src/ledger/facts.js';
import type { LimitDefinition, Spending } from '../../src/ledger/limits.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

let under: TestLedger;
beforeAll(async () => { under = await testLedger({ shards: 64 }); });
afterAll(async () => { await under.close(); });

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const limit = (limitId: string, amount: number, more: Partial<LimitDefinition> = {}): LimitDefinition => ({
  limitId, counter: 1, amount: micros(amount), period: 'day', window: 'calendar', timeZone: 'UTC', mode: 'refuse', match: {}, ...more,
});

/** A new account with a thousand micros, and short words for what happens to it. */
async function begin(...limits: LimitDefinition[]) {
  const accountId = `l-${randomUUID()}`;
  const { ledger } = under;
  await ledger.grantLot({
    accountId, lotId: 'l1', amount: micros(1_000), expiresAtMs: null, key: `intent:${randomUUID()}`, kind: 'grant', about: '{}',
  });
  let version = 0;
  const define = async (...next: LimitDefinition[]): Promise<string> => {
    version += 1;
    const reply = await ledger.setLimits({ accountId, limits: { version, limits: next }, nowMs: await under.nowMs() });
    return reply.status;
  };
  if (limits.length > 0) await define(...limits);
  return {
    accountId, define,
    place: async (
      holdId: string, amount: number, spending?: Spending, minimum = amount, own?: Readonly<Record<string, number>>,
    ): Promise<string> => {
      const reply = await ledger.placeHold({
        accountId, holdId, minimum: micros(minimum), desired: micros(amount), leaseMs: 10 * DAY_MS, kind: 'test',
        expiryPolicy: 'release', price: 'p', fingerprint: `${amount}`, about: '{"type":"x"}', spending,
        ownLimits: Object.entries(own ?? {}).map(([limitId, allowed]) => [limitId, micros(allowed)] as const),
      });
      if (reply.status === 'unknown_limit') return `no limit ${reply.limitId}`;
      if (reply.status === 'placed') {
        return [`placed ${reply.amount}`, ...reply.limits.map(({ limitId, remaining }) => `${limitId} ${remaining}`)].join(', ');
      }
      return reply.status === 'limit_reached' ? `${reply.limit.limitId} allows ${reply.limit.remaining}` : reply.status;
    },
    settle: async (holdId: string, cost: number): Promise<string> => (await ledger.settleHold({
      accountId, holdId, cost: micros(cost), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: `${cost}`, about: '',
    })).status,
    extend: async (holdId: string, more: number): Promise<string> => {
      const reply = await ledger.extendHold({
        accountId, holdId, mode: 'by', minimum: micros(more), desired: micros(more), leaseMs: 10 * DAY_MS, defaultLeaseMs: 1_000,
        price: 'p', key: null, fingerprint: '', about: '{"type":"x"}',
      });
      if (reply.status === 'limit_reached') return `${reply.limit.limitId} allows ${reply.limit.remaining}`;
      return reply.status !== 'extended' ? reply.status
        : ['extended', ...reply.hold.limits.map(({ limitId, remaining }) => `${limitId} ${remaining}`)].join(', ');
    },
    report: async (holdId: string, reported: number): Promise<string> => {
      const reply = await ledger.reportProgress({
        accountId, holdId, reported: micros(reported), usage: '', raiseTo: null, leaseMs: 10 * DAY_MS, defaultLeaseMs: 1_000, price: 'p',
        about: '{"type":"x"}',
      });
      return reply.status !== 'reported' ? reply.status
        : ['reported', ...reply.hold.limits.map(({ limitId, remaining }) => `${limitId} ${remaining}`)].join(', ');
    },
    void: async (holdId: string): Promise<string> => (await ledger.voidHold({ accountId, holdId, about: '{}' })).status,
    charge: async (amount: number, spending?: Spending, usage = false): Promise<string> => {
      const reply = await ledger.charge({
        accountId, amount: micros(amount), key: null, fingerprint: '', price: '', about: '{}', spending,
        ...(usage ? { purpose: 'usage' as const } : {}),
      });
      return reply.status === 'limit_reached' ? `${reply.limit.limitId} allows ${reply.limit.remaining}` : reply.status;
    },
    uses: async (spending: Spending = {}) => Object.fromEntries(
      (await ledger.readLimits(accountId, spending)).map(({ limitId, used }) => [limitId, used])),
    /** What each entry told of limits. */
    facts: async () => (await under.journal(accountId)).flatMap(({ kind, about }) =>
      readFacts(about).limits.map(({ limitId, credits, open, crossed }) => (
        `${kind} ${limitId} ${credits} ${open}${crossed ? ' crossed' : ''}`))),
    /** All counters as they are stored. */
    counters: async (): Promise<Record<string, string>> => {
      const all = await under.redis.hgetall(under.keys.account(accountId, 1).limits);
      return Object.fromEntries(Object.entries(all).filter(([name]) => /^\d/.test(name)));
    },
  };
}

/** Moves the clock to a little after the next beginning of a UTC day. */
async function tomorrow(): Promise<void> {
  const now = await under.nowMs();
  under.advance(DAY_MS - (now % DAY_MS) + MINUTE_MS);
}

test('what is spent and what is held count together; the tightest limit refuses and is named', async () => {
  const account = await begin(limit('daily', 100), limit('hourly', 60, { counter: 2, period: 'hour' }));
  expect(await account.place('h1', 50)).toBe('placed 50, daily 50, hourly 10');
  expect(await account.place('h1', 50)).toBe('placed 50, daily 50, hourly 10');
  expect(await account.place('h2', 11)).toBe('hourly allows 10');
  expect(await account.charge(11)).toBe('hourly allows 10');
  expect(await account.settle('h1', 20)).toBe('settled');
  expect(await account.charge(40)).toBe('charged');
  expect(await account.place('h3', 1)).toBe('hourly allows 0');
  // What is there, between a minimum and what is wanted.
  await account.define(limit('daily', 100));
  expect(await account.place('h4', 90, {}, 10)).toBe('placed 40, daily 0');
  expect(await account.place('h5', 0)).toBe('placed 0, daily 0');
  expect(await account.uses()).toEqual({ daily: 100 });
  expect(await account.facts()).toEqual([
    'place daily 50 1', 'place hourly 50 1', 'settle daily -30 -1', 'settle hourly -30 -1', 'charge daily 40 0',
    'charge hourly 40 0 crossed', 'place daily 40 1 crossed', 'place daily 0 1',
  ]);
});

test('a released hold is given back to the window it was taken from, also after midnight', async () => {
  const account = await begin(limit('daily', 100));
  expect(await account.place('h1', 70)).toBe('placed 70, daily 30');
  expect(await account.place('h2', 20)).toBe('placed 20, daily 10');
  await tomorrow();
  expect(await account.place('h3', 60)).toBe('placed 60, daily 40');
  expect(await account.settle('h1', 30)).toBe('settled');
  expect(await account.uses()).toEqual({ daily: 60 });
  // Beyond the hold, and a correction: in the window of the hold, and never refused.
  expect(await account.settle('h2', 25)).toBe('settled');
  expect(await account.settle('h2', 500)).toBe('settled');
  expect(await account.uses()).toEqual({ daily: 60 });
  expect(Object.values(await account.counters()).map((text) => text.split(':').slice(0, 3).join(':')).sort()).toEqual([
    '530:0:1', '60:1:0',
  ]);
  // Yesterday's window goes when another one opens: no hold can give back to it any more.
  await tomorrow();
  expect(await account.place('h4', 1)).toBe('placed 1, daily 99');
  expect(Object.values(await account.counters()).map((text) => text.split(':')[0]).sort()).toEqual(['1', '60']);
  // The one of h3 is over too, but can still be given back to.
  expect(await account.void('h3')).toBe('voided');
  await tomorrow();
  expect(await account.place('h5', 1)).toBe('placed 1, daily 99');
  expect(Object.values(await account.counters()).map((text) => text.split(':')[0]).sort()).toEqual(['1', '1']);
});

test('a limit matches by spender, model, feature and key; spender * has one counter each', async () => {
  const account = await begin(
    limit('each', 10, { match: { spender: '*' } }), limit('bob', 5, { counter: 2, match: { spender: 'bob' } }),
    limit('big', 3, { counter: 3, match: { model: 'gpt-5', feature: 'chat', key: 'proxy' } }),
  );
  expect(await account.charge(6, { spender: 'bob' })).toBe('bob allows 5');
  expect(await account.charge(5, { spender: 'bob' })).toBe('charged');
  expect(await account.charge(10, { spender: 'eve' })).toBe('charged');
  expect(await account.charge(1, { spender: 'eve' })).toBe('each allows 0');
  expect(await account.charge(10)).toBe('charged');
  expect(await account.charge(4, { spender: 'dan', model: 'gpt-5', feature: 'chat', key: 'proxy' })).toBe('big allows 3');
  expect(await account.charge(4, { spender: 'dan', model: 'gpt-5', feature: 'chat' })).toBe('charged');
  expect(await account.uses({ spender: 'bob' })).toEqual({ each: 5, bob: 5 });
});

test('a limit that warns refuses nothing, and tells once per window that it was reached', async () => {
  const account = await begin(limit('soft', 10, { mode: 'warn' }));
  expect(await account.place('h1', 9)).toBe('placed 9, soft 1');
  expect(await account.settle('h1', 12)).toBe('settled');
  expect(await account.charge(20)).toBe('charged');
  await tomorrow();
  expect(await account.charge(10)).toBe('charged');
  expect(await account.facts()).toEqual([
    'place soft 9 1', 'settle soft 3 -1 crossed', 'charge soft 20 0', 'charge soft 10 0 crossed',
  ]);
});

test('a rolling window frees what is older than its period, and never less than that', async () => {
  const account = await begin(limit('rolling', 100, { period: 'hour', window: 'rolling' }));
  under.advance(MINUTE_MS - (await under.nowMs()) % MINUTE_MS + 1_000);
  expect(await account.charge(60)).toBe('charged');
  under.advance(30 * MINUTE_MS);
  expect(await account.place('h1', 40)).toBe('placed 40, rolling 0');
  under.advance(30 * MINUTE_MS);
  // The bucket of the first charge is not over yet for a whole hour.
  expect(await account.charge(1)).toBe('rolling allows 0');
  under.advance(MINUTE_MS);
  expect(await account.charge(61)).toBe('rolling allows 60');
  expect(await account.charge(60)).toBe('charged');
  expect(await account.void('h1')).toBe('voided');
  expect(await account.uses()).toEqual({ rolling: 60 });
});

test('minutes, totals and zones: a window is known however far the clock has moved', async () => {
  const account = await begin(
    limit('minute', 10, { period: 'minute' }), limit('total', 35, { counter: 2, period: 'total' }),
    limit('month', 1_000, { counter: 3, period: 'month', timeZone: 'Asia/Kathmandu' }),
  );
  expect(await account.charge(10)).toBe('charged');
  expect(await account.charge(1)).toBe('minute allows 0');
  under.advance(MINUTE_MS);
  expect(await account.charge(10)).toBe('charged');
  // Beyond all edges that are known: the gateway makes new ones.
  under.advance(900 * DAY_MS);
  expect(await account.uses()).toEqual({ minute: 0, total: 20, month: 0 });
  expect(await account.charge(10)).toBe('charged');
  under.advance(MINUTE_MS);
  expect(await account.charge(6)).toBe('total allows 5');
});

test('definitions are replaced as a whole, in the order of their versions; what a deleted limit counted is forgotten', async () => {
  const account = await begin(limit('total', 50, { period: 'total' }));
  expect(await account.place('h1', 30)).toBe('placed 30, total 20');
  expect((await under.ledger.setLimits({
    accountId: account.accountId, limits: { version: 1, limits: [] }, nowMs: await under.nowMs(),
  })).status).toBe('unchanged');
  expect(await account.place('h2', 21)).toBe('total allows 20');
  // A higher amount keeps what was counted; another counter begins anew.
  await account.define(limit('total', 60, { period: 'total' }));
  expect(await account.place('h2', 21)).toBe('placed 21, total 9');
  await account.define(limit('total', 60, { counter: 3, period: 'total' }));
  expect(await account.place('h3', 59)).toBe('placed 59, total 1');
  // What it then spends of an open hold counts in the new one.
  expect(await account.settle('h1', 30)).toBe('settled');
  expect(await account.uses()).toEqual({ total: 89 });
  await account.define();
  expect(await account.void('h3')).toBe('voided');
  expect(await account.place('h4', 500)).toBe('placed 500');
  expect(await account.counters()).toEqual({});
});

test('a limit that is defined while a hold is open counts it from its next operation', async () => {
  const gpt = { model: 'gpt-4', feature: 'chat; & ü', key: 'proxy', spender: 'bob' };
  const account = await begin();
  for (const holdId of ['h1', 'h2', 'h3', 'h4']) await account.place(holdId, 30, { ...gpt, otherModels: ['GPT 4 %41'] });
  await account.place('other', 30, { ...gpt, model: 'gpt-5' });
  await account.define(limit('daily', 100, { match: { model: 'GPT 4 %41', feature: 'chat; & ü', key: 'proxy', spender: '*' } }));
  // It cannot be extended past the limit; the refusal counts nothing.
  expect(await account.extend('h1', 71)).toBe('daily allows 70');
  expect(await account.uses({ ...gpt, model: 'GPT 4 %41' })).toEqual({ daily: 0 });
  expect(await account.extend('h1', 10)).toBe('extended, daily 60');
  expect(await account.report('h2', 5)).toBe('reported, daily 30');
  expect(await account.extend('other', 300)).toBe('extended');
  expect(await account.extend('h1', 31)).toBe('daily allows 30');
  // Of an end it counts what is spent, in the window of the end, and what goes beyond.
  expect(await account.settle('h3', 35)).toBe('settled');
  expect(await account.void('h4')).toBe('voided');
  expect(await account.uses({ ...gpt, model: 'GPT 4 %41' })).toEqual({ daily: 105 });
  await tomorrow();
  // What is released or corrected goes to the window that it was counted in.
  expect(await account.void('h1')).toBe('voided');
  expect(await account.settle('h2', 10)).toBe('settled');
  expect(await account.settle('h3', 36)).toBe('settled');
  expect(await account.uses({ ...gpt, model: 'GPT 4 %41' })).toEqual({ daily: 0 });
  expect(Object.values(await account.counters()).map((text) => text.split(':').slice(0, 3).join(':'))).toEqual(['46:0:1']);
  expect((await account.facts()).slice(0, 5)).toEqual([
    'extend daily 30 1', 'extend daily 10 0', 'progress daily 30 1', 'settle daily 30 1', 'settle daily 5 -1 crossed',
  ]);
});

test('a redefined limit counts open holds again, and an end after all known edges counts as well', async () => {
  const account = await begin(limit('daily', 100));
  expect(await account.place('h1', 60)).toBe('placed 60, daily 40');
  expect(await account.place('h2', 20)).toBe('placed 20, daily 20');
  await account.define(limit('daily', 100, { counter: 2, timeZone: 'Asia/Tokyo' }));
  expect(await account.extend('h1', 41)).toBe('daily allows 40');
  await account.define(limit('daily', 100, { counter: 3, mode: 'warn' }));
  expect(await account.extend('h1', 41)).toBe('extended, daily 0');
  // No process has renewed anything until then: the end has the edges made.
  under.advance(40 * DAY_MS);
  expect((await under.ledger.expireHold(account.accountId, 'h2')).status).toBe('expired');
  expect(await account.uses()).toEqual({ daily: 0 });
});

test('a hold may have stricter amounts of its own, also for its extensions; a limit that the account lacks is named', async () => {
  const account = await begin(
    limit('daily', 100), limit('soft', 90, { counter: 2, mode: 'warn' }), limit('big', 10, { counter: 3, match: { model: 'gpt-5' } }),
  );
  expect(await account.place('h1', 40, {}, 40, { daily: 39 })).toBe('daily allows 39');
  expect(await account.place('h1', 40, {}, 40, { daily: 50, big: 0 })).toBe('placed 40, daily 10, soft 50');
  expect(await account.extend('h1', 11)).toBe('daily allows 10');
  expect(await account.extend('h1', 10)).toBe('extended, daily 0, soft 40');
  // Never laxer than the limit, and what only warns refuses who names it.
  expect(await account.place('h2', 51, {}, 51, { daily: 500 })).toBe('daily allows 50');
  expect(await account.place('h2', 45, {}, 45, { soft: 500 })).toBe('soft allows 40');
  expect(await account.place('h2', 45)).toBe('placed 45, daily 5, soft 0');
  expect(await account.place('h3', 1, {}, 1, { daily: 100, none: 5 })).toBe('no limit none');
  await account.define();
  expect(await account.place('h3', 1, {}, 1, { daily: 100 })).toBe('no limit daily');
  expect(await account.extend('h1', 100)).toBe('extended');
});

test('refused usage is recorded as uncollected, whichever refused it', async () => {
  const account = await begin(limit('daily', 10));
  expect(await account.charge(11, {}, true)).toBe('daily allows 10');
  const { totals, available } = await under.ledger.readAccount(account.accountId);
  expect([available, totals.uncollected]).toEqual([1_000, 11]);
  expect((await under.ledger.remove({
    accountId: account.accountId, amount: micros(500), key: 'intent:r', kind: 'remove', about: '{}',
  })).status).toBe('removed');
  expect(await account.uses()).toEqual({ daily: 0 });
});

test('a hundred concurrent holds cannot pass a limit', async () => {
  const account = await begin(limit('daily', 250), limit('each', 1_000, { counter: 2, match: { spender: '*' } }));
  const replies = await Promise.all(Array.from({ length: 100 }, (_, index) => (
    account.place(`h${index}`, 10, { spender: `s${index % 3}` }))));
  expect(replies.filter((reply) => reply.startsWith('placed')).length).toBe(25);
  expect(replies.filter((reply) => reply === 'daily allows 0').length).toBe(75);
});
