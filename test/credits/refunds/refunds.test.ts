import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { moneyIn, replayPending } from '../../../src/credits/grants/money-in.js';
import type { RefundOf } from '../../../src/credits/refunds/find-captured.js';
import { refundCredits, type RefundCommand } from '../../../src/credits/refunds/refund-credits.js';
import { compareAccount } from '../../../src/journal/reconcile/compare-account.js';
import { freshen } from '../../../src/journal/freshen.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { micros } from '../../../src/kit/money/micros.js';
import type { Db, Trx } from '../../../src/stores/postgres/connect.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';

const MINUTE_MS = 60_000;

let under: DurableLedger;
beforeAll(async () => { under = await durableLedger(); });
afterAll(async () => { await under.close(); });

const deps = () => ({ db: under.db, ledger: under.ledger, freshen: freshen(under.runDrain, under.keys) });
const refund = (accountId: string, of: RefundOf, amount: number | null, more: Partial<RefundCommand> = {}) => refundCredits(deps(), {
  accountId, of, amount: amount === null ? null : micros(amount), graceMs: 10 * MINUTE_MS, reason: 'a broken answer', actor: 'support',
  caller: 'server.a', key: null, ...more,
});
const grant = (accountId: string, amount: number, lifeMs: number | null = null) => under.nowMs().then((nowMs) => moneyIn(deps()).grant({
  accountId, amount: micros(amount), expiresAtMs: lifeMs === null ? null : nowMs + lifeMs, about: '{}', idempotency: null, fingerprint: '',
}));
const charge = (accountId: string, amount: number, key: string = randomUUID()) => under.ledger.charge({
  accountId, amount: micros(amount), key: { operation: 'use', caller: 'server.a', key }, fingerprint: '', price: '', about: '{}',
});
const settled = async (accountId: string, holdId: string, held: number, cost: number): Promise<void> => {
  await under.ledger.placeHold({
    accountId, holdId, kind: 'test', minimum: micros(held), desired: micros(held), leaseMs: 5 * MINUTE_MS, expiryPolicy: 'release',
    price: 'p', fingerprint: '', about: '{}',
  });
  await under.ledger.settleHold({
    accountId, holdId, cost: micros(cost), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: String(cost), about: '{}',
  });
};
const refusal = { code: 'not_refundable' };
/** Redis, the books, and the books in themselves, agree. */
const agrees = async (accountId: string): Promise<void> => {
  expect(await compareAccount({ ...deps(), redis: under.redis, keys: under.keys, fence: under.fence, drain: under.runDrain }, accountId))
    .toMatchObject({ result: 'ok', differences: [] });
};

test('a hold is refunded in parts until nothing is left, the last that was taken first', async () => {
  const accountId = `r-${randomUUID()}`;
  await grant(accountId, 10, 3 * MINUTE_MS);
  await grant(accountId, 10);
  await settled(accountId, 'h', 15, 24);
  expect(await under.ledger.readAccount(accountId)).toMatchObject({ available: 0, debt: 4, totals: { captured: 24 } });
  // 4 were debt, 5 more came from the second lot beside the hold, which had 5 of it and 10 of the first.
  expect(await refund(accountId, { hold: 'h' }, 6)).toMatchObject({ status: 'refunded', amount: 6, left: 18, debtPaid: 4, available: 2 });
  expect(await refund(accountId, { hold: 'h' }, 9)).toMatchObject({ left: 9, debtPaid: 0, available: 11 });
  expect((await under.ledger.readAccount(accountId)).lots.map(({ remaining }) => remaining)).toEqual([1, 10]);
  await expect(refund(accountId, { hold: 'h' }, 10)).rejects.toMatchObject(refusal);
  expect(await refund(accountId, { hold: 'h' }, null)).toMatchObject({ amount: 9, left: 0, available: 20 });
  for (const amount of [null, 1]) await expect(refund(accountId, { hold: 'h' }, amount)).rejects.toMatchObject(refusal);
  expect(await under.ledger.readAccount(accountId)).toMatchObject({ available: 20, debt: 0, totals: { captured: 0, granted: 20 } });
  await agrees(accountId);
});

test('however many refund at once, under their own keys, never more than was captured comes back', async () => {
  const accountId = `r-${randomUUID()}`;
  await grant(accountId, 200);
  // Another charge: the total that the account has captured, which the script checks, is no bound for refunds of one.
  await charge(accountId, 100);
  await charge(accountId, 10, 'c');
  const named = Array.from({ length: 12 }, (_, i) =>
    refund(accountId, { charge: 'c' }, 3, { key: { caller: 'a', key: `${accountId}${i % 6}` } }));
  const results = await Promise.allSettled(named);
  const done = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as GatewayError] : []));
  // Each key was sent twice, and both got one answer.
  expect(new Set(done.map(({ id }) => id)).size).toBe(3);
  expect(refused.every(({ code }) => code === 'not_refundable')).toBe(true);
  expect(await under.ledger.readAccount(accountId)).toMatchObject({ available: 99, totals: { captured: 101 } });
  await agrees(accountId);
});

/**
 * The database, in which no transaction goes on after it has read the sum of refunds before all of `count` have read it, too, or wait
 * for the lock.
 */
function simultaneous(db: Db, count: number): Db {
  const arrived = new Set<number>();
  let transactions = 0;
  let open = (): void => undefined;
  const all = new Promise<void>((resolve) => { open = resolve; });
  const arrive = (transaction: number): void => {
    arrived.add(transaction);
    if (arrived.size === count) open();
  };
  const watched = (trx: Trx, transaction: number): Trx => new Proxy(trx, {
    get: (target, name) => (name !== 'raw' ? Reflect.get(target, name) as unknown : async (sql: string, binds: never) => {
      if (sql.includes('pg_advisory_xact_lock')) arrive(transaction);
      const result: unknown = await target.raw(sql, binds);
      if (sql.includes('sum(amount)')) {
        arrive(transaction);
        await all;
      }
      return result;
    }),
  });
  return new Proxy(db, {
    get: (target, name) => (name !== 'transaction' ? Reflect.get(target, name) as unknown : (work: (trx: Trx) => Promise<unknown>) => {
      transactions += 1;
      const transaction = transactions;
      return target.transaction((trx) => work(watched(trx, transaction)));
    }),
  });
}

test('two refunds that would both fit alone are not both made', async () => {
  const accountId = `r-${randomUUID()}`;
  await grant(accountId, 200);
  await charge(accountId, 100);
  await charge(accountId, 10, 'c');
  await under.drain();
  const db = simultaneous(under.db, 2);
  const results = await Promise.allSettled([1, 2].map(() => refundCredits({ ...deps(), db }, {
    accountId, of: { charge: 'c' }, amount: micros(6), graceMs: null, reason: 'r', actor: 'a', caller: 'server.a', key: null,
  })));
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(await under.ledger.readAccount(accountId)).toMatchObject({ totals: { captured: 104 } });
});

test('two tries of one request at once get one answer: what the first took is not refused to the second', async () => {
  const accountId = `r-${randomUUID()}`;
  await grant(accountId, 200);
  await charge(accountId, 10, 'c');
  const command: RefundCommand = {
    accountId, of: { charge: 'c' }, amount: micros(10), graceMs: null, reason: 'r', actor: 'a', caller: 'server.a',
    key: { caller: 'a', key: accountId },
  };
  let first: unknown;
  // The second has looked for an earlier try and found none, when the first goes in.
  const db = new Proxy(under.db, {
    get: (target, name) => (name !== 'transaction' ? Reflect.get(target, name) as unknown
      : async (work: (trx: Trx) => Promise<unknown>) => {
        first ??= await refundCredits(deps(), command);
        return target.transaction(work);
      }),
  });
  const second = await refundCredits({ ...deps(), db }, command);
  expect(first).toMatchObject({ status: 'refunded', replayed: false, left: 0 });
  expect(second).toEqual({ ...first as object, replayed: true });
  await agrees(accountId);
});

test('also after Redis lost everything, and long after the hold has left it', async () => {
  const accountId = `r-${randomUUID()}`;
  await grant(accountId, 10);
  await settled(accountId, 'h', 10, 8);
  expect(await refund(accountId, { hold: 'h' }, 5)).toMatchObject({ left: 3, available: 7 });
  await under.drain();
  await under.loseRedis();
  under.advance(30 * 86_400_000);
  expect(await refund(accountId, { hold: 'h' }, 1)).toMatchObject({ left: 2, available: 8 });
  await expect(refund(accountId, { hold: 'h' }, 3)).rejects.toMatchObject(refusal);
  await under.drain();
  await under.loseRedis();
  expect(await under.ledger.readAccount(accountId)).toMatchObject({ available: 8, totals: { captured: 2 } });
  await agrees(accountId);
});

test('what came from a lot that has ended lives for the grace, or ends with the refund', async () => {
  const accountId = `r-${randomUUID()}`;
  await grant(accountId, 10, MINUTE_MS);
  const { seq } = await charge(accountId, 10) as { seq: number };
  under.advance(2 * MINUTE_MS);
  expect(await refund(accountId, { entry: seq }, 4)).toMatchObject({ available: 4, expired: 0 });
  expect(await refund(accountId, { entry: seq }, null, { graceMs: null })).toMatchObject({ amount: 6, available: 4, expired: 6 });
  await agrees(accountId);
  under.advance(11 * MINUTE_MS);
  expect(await under.ledger.readBalance(accountId)).toMatchObject({ available: 0 });
  await under.ledger.expireLots(accountId);
  await agrees(accountId);
});

test('what captured nothing, or is open, or is not there, is refused and changes nothing', async () => {
  const accountId = `r-${randomUUID()}`;
  await grant(accountId, 10);
  await under.ledger.placeHold({
    accountId, holdId: 'open', kind: 'test', minimum: micros(1), desired: micros(1), leaseMs: MINUTE_MS, expiryPolicy: 'release',
    price: 'p', fingerprint: '', about: '{}',
  });
  await settled(accountId, 'free', 1, 0);
  await charge(accountId, 2, 'mine');
  for (const of of [{ hold: 'open' }, { hold: 'free' }, { entry: 1 }]) {
    await expect(refund(accountId, of, null)).rejects.toMatchObject(refusal);
  }
  await expect(refund(accountId, { hold: 'unknown' }, 1)).rejects.toMatchObject({ code: 'hold_not_found' });
  await expect(refund(accountId, { entry: 99 }, 1)).rejects.toMatchObject({ code: 'not_found' });
  // A key names charges of its own caller only.
  await expect(refund(accountId, { charge: 'mine' }, 1, { caller: 'server.b' })).rejects.toMatchObject({ code: 'not_found' });
  await under.ledger.freeze({ accountId, about: '{}' });
  await expect(refund(accountId, { charge: 'mine' }, 1)).rejects.toMatchObject({ code: 'account_frozen' });
  expect(await under.ledger.readAccount(accountId)).toMatchObject({ available: 7, totals: { captured: 2 } });
});

test('a refund that Redis could not apply counts from the start, and is applied once', async () => {
  const accountId = `r-${randomUUID()}`;
  await grant(accountId, 10);
  await charge(accountId, 5, 'c');
  await under.drain();
  const away = { ...deps(), ledger: { ...under.ledger, refund: () => Promise.reject(new GatewayError('ledger_unavailable', 'away')) } };
  const key = { caller: 'a', key: accountId };
  const command = {
    accountId, of: { charge: 'c' }, amount: micros(4), graceMs: null, reason: 'r', actor: 'a', caller: 'server.a', key,
  };
  expect(await refundCredits(away, command)).toMatchObject({ status: 'pending', left: 1 });
  await expect(refund(accountId, { charge: 'c' }, 2)).rejects.toMatchObject(refusal);
  expect(await replayPending(deps(), 0, 100)).toMatchObject({ applied: 1 });
  expect(await refundCredits(deps(), command)).toMatchObject({ status: 'refunded', replayed: true, left: 1, available: 9 });
  await expect(refundCredits(deps(), { ...command, amount: micros(3) })).rejects.toMatchObject({ code: 'idempotency_mismatch' });
  await agrees(accountId);
});
