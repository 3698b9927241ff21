import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { keepLimits, removeLimit, setLimit, type LimitSpec } from '../../../src/credits/limits/manage-limits.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { micros } from '../../../src/kit/money/micros.js';
import type { Spending } from '../../../src/ledger/limits.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';

let under: DurableLedger;
beforeAll(async () => { under = await durableLedger(); });
afterAll(async () => { await under.close(); });

const DAY_MS = 86_400_000;
const spec = (limitId: string, amount: number, more: Partial<LimitSpec> = {}): LimitSpec => ({
  limitId, amount: micros(amount), period: 'day', window: 'calendar', timeZone: 'UTC', mode: 'refuse', match: {}, ...more,
});
const any = { check: () => undefined, actor: 'test' };

async function account() {
  const accountId = `r-${randomUUID()}`;
  const { ledger } = under;
  const deps = { db: under.db, ledger, clock: () => Date.now() };
  await ledger.grantLot({
    accountId, lotId: 'l1', amount: micros(1_000), expiresAtMs: null, key: `intent:${randomUUID()}`, kind: 'grant', about: '{}',
  });
  return {
    accountId, deps,
    set: async (limit: LimitSpec) => setLimit(deps, accountId, limit, any),
    place: async (holdId: string, amount: number, spending?: Spending) => ledger.placeHold({
      accountId, holdId, minimum: micros(amount), desired: micros(amount), leaseMs: 10 * DAY_MS, kind: 'test', expiryPolicy: 'release',
      price: 'p', fingerprint: `${amount}`, about: '{"type":"x"}', spending,
    }),
    settle: async (holdId: string, cost: number) => ledger.settleHold({
      accountId, holdId, cost: micros(cost), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: `${cost}`,
      about: '{"type":"y"}',
    }),
    uses: async (spending: Spending = {}) => Object.fromEntries(
      (await ledger.readLimits(accountId, spending)).map(({ limitId, used }) => [limitId, used])),
    stored: async () => (await under.redis.hgetall(under.keys.account(accountId, (await epoch())).limits)),
  };
}

const epoch = async (): Promise<number> => {
  const { rows } = await under.db.raw<{ rows: { epoch: number }[] }>('select max(epoch) as epoch from shards');
  return rows[0]?.epoch ?? 1;
};

/** What the counters say, without the clean-up's cursor and with the edges left out, which depend on when they were made. */
const counters = (stored: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(stored).filter(([name]) => /^(\d|version)/.test(name)));

test('a lost Redis comes back with definitions, counters, and holds that give back to their own windows', async () => {
  const alice = await account();
  await alice.set(spec('daily', 100));
  await alice.set(spec('rolling', 500, { period: 'month', window: 'rolling', match: { spender: '*' } }));
  await alice.set(spec('total', 1_000, { period: 'total', mode: 'warn' }));
  const placed = await alice.place('h1', 60, { spender: 'bob' });
  expect(placed).toMatchObject({ status: 'placed', limits: [{ limitId: 'daily', remaining: 40 }, { limitId: 'rolling', remaining: 440 },
    { limitId: 'total', remaining: 940 }] });
  await alice.place('h2', 30, { spender: 'bob' });
  await alice.settle('h2', 35);
  const before = counters(await alice.stored());

  await under.drain();
  await under.loseRedis();
  expect(await alice.uses({ spender: 'bob' })).toEqual({ daily: 95, rolling: 95, total: 95 });
  expect(counters(await alice.stored())).toEqual(before);
  // A repeat answers what it was told first, limits included; a correction and an end count as if nothing had happened.
  expect(await alice.place('h1', 60, { spender: 'bob' })).toEqual({ ...placed, replayed: true });
  expect(await alice.place('h3', 6)).toMatchObject({ status: 'limit_reached', limit: { limitId: 'daily', remaining: 5 } });
  await alice.settle('h2', 38);
  await alice.settle('h1', 10);
  expect(await alice.uses({ spender: 'bob' })).toEqual({ daily: 48, rolling: 48, total: 48 });
  const after = counters(await alice.stored());
  await under.drain();
  await under.loseRedis();
  await alice.uses();
  expect(counters(await alice.stored())).toEqual(after);
});

test('a change of what is counted begins anew, one of the amount does not; a deleted limit is gone everywhere', async () => {
  const alice = await account();
  await alice.set(spec('daily', 100));
  await alice.place('h1', 60);
  expect(await alice.set(spec('daily', 100))).toMatchObject({ limit: { version: 1 }, before: { version: 1 }, applied: true });
  expect(await alice.set(spec('daily', 70))).toMatchObject({ limit: { version: 2, counter: 1 } });
  expect(await alice.uses()).toEqual({ daily: 60 });
  expect(await alice.set(spec('daily', 70, { match: { spender: '*' } }))).toMatchObject({ limit: { version: 3, counter: 3 } });
  expect(await alice.uses()).toEqual({ daily: 0 });
  expect(await removeLimit(alice.deps, alice.accountId, 'daily', any.check)).toEqual({ applied: true });
  expect(await removeLimit(alice.deps, alice.accountId, 'daily', any.check)).toBeNull();
  await under.drain();
  await under.loseRedis();
  expect(await alice.uses()).toEqual({});
  expect(await alice.place('h2', 500)).toMatchObject({ status: 'placed', limits: [] });
});

test('while Redis is away a change is kept, and the worker applies it', async () => {
  const alice = await account();
  const away = { setLimits: () => Promise.reject(new GatewayError('ledger_unavailable', 'away', { outcome: 'unknown' })) };
  expect(await setLimit({ ...alice.deps, ledger: away }, alice.accountId, spec('daily', 5), any)).toMatchObject({ applied: false });
  expect(await alice.uses()).toEqual({});
  await under.db.raw(`update limit_sets set changed_at = now() - interval '1 hour' where account_id = ?`, [alice.accountId]);
  expect(await keepLimits(alice.deps)).toMatchObject({ applied: 1 });
  expect(await keepLimits(alice.deps)).toMatchObject({ applied: 0 });
  expect(await alice.place('h1', 6)).toMatchObject({ status: 'limit_reached' });
});

test('windows are kept while a hold can give back to them, and for a while after their end', async () => {
  const alice = await account();
  await alice.set(spec('daily', 100));
  await alice.place('h1', 5);
  await alice.place('h2', 5);
  await alice.settle('h1', 5);
  await under.drain();
  const later = { ...alice.deps, clock: () => Date.now() + 50 * DAY_MS };
  const windows = async (): Promise<unknown> => {
    await keepLimits(later);
    return (await under.db.raw<{ rows: unknown }>('select used, open from limit_windows where account_id = ?', [alice.accountId])).rows;
  };
  expect(await windows()).toEqual([{ used: 10, open: 1 }]);
  await alice.settle('h2', 1);
  await under.drain();
  expect(await windows()).toEqual([]);
});
