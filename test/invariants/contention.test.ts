import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { micros } from '../../src/kit/money/micros.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

let under: TestLedger;
beforeAll(async () => { under = await testLedger(); });
afterAll(async () => { await under.close(); });

const CONTENDERS = 200;

async function accountWith(amount: number, lots = 1): Promise<string> {
  const accountId = `c-${randomUUID()}`;
  for (let lot = 0; lot < lots; lot += 1) {
    await under.ledger.grantLot({
      accountId, lotId: String(lot), amount: micros(amount / lots), expiresAtMs: null, key: `intent:${lot}`, kind: 'grant', about: '{}',
    });
  }
  return accountId;
}

const place = (accountId: string, holdId: string, amount: number, leaseMs = 600_000) => under.ledger.placeHold({
  accountId, holdId, minimum: micros(amount), desired: micros(amount), leaseMs, kind: 'test', expiryPolicy: 'release', price: 'p',
  fingerprint: String(amount), about: '{}',
});
const settle = (accountId: string, holdId: string, cost: number) => under.ledger.settleHold({
  accountId, holdId, cost: micros(cost), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: String(cost), about: '{}',
});
const debit = (accountId: string, amount: number) =>
  under.ledger.charge({ accountId, amount: micros(amount), key: null, fingerprint: '', price: '', about: '{}' });
const all = <T>(each: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: CONTENDERS }, (_, index) => each(index)));
const count = (replies: readonly { readonly status: string }[]): Record<string, number> =>
  Object.fromEntries([...new Set(replies.map(({ status }) => status))].sort().map((status) => [
    status, replies.filter((reply) => reply.status === status).length,
  ]));

test('200 contenders for the last credit: one wins (I2)', async () => {
  const accountId = await accountWith(1);
  expect(count(await all((index) => place(accountId, `h${index}`, 1)))).toEqual({ insufficient_credits: CONTENDERS - 1, placed: 1 });
  expect(await under.ledger.readBalance(accountId)).toEqual({ available: 0, held: 1, debt: 0 });
});

test('holds and charges together never spend more than there is, over many lots', async () => {
  const accountId = await accountWith(100, 10);
  const replies = await all<{ readonly status: string }>((index) => index % 2 === 0
    ? place(accountId, `h${index}`, 3)
    : under.ledger.charge({ accountId, amount: micros(3), key: null, fingerprint: '', price: '', about: '{}' }));
  const won = replies.filter(({ status }) => status !== 'insufficient_credits').length;
  expect(won).toBe(33);
  const { available, held, totals } = await under.ledger.readAccount(accountId);
  expect(available + held + totals.captured).toBe(100);
  expect(available).toBe(1);
});

test('concurrent ends of one hold charge the highest usage, once, in any order (I3)', async () => {
  const end = fc.oneof({ weight: 4, arbitrary: fc.nat({ max: 60 }) }, {
    weight: 1, arbitrary: fc.constantFrom('void' as const, 'expire' as const),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(end, { minLength: 2, maxLength: 30, size: 'max' }), fc.boolean(), async (ends, isDue) => {
      fc.pre(isDue || ends.some((each) => each !== 'expire')); // a hold that is not due does not expire, and stays open
      const accountId = await accountWith(100);
      await place(accountId, 'h', 40, isDue ? 1 : 600_000);
      if (isDue) under.advance(2);
      const replies = await Promise.all(ends.map((each) => {
        if (each === 'void') return under.ledger.voidHold({ accountId, holdId: 'h', about: '{}' });
        return each === 'expire' ? under.ledger.expireHold(accountId, 'h') : settle(accountId, 'h', each);
      }));
      const highest = Math.max(0, ...ends.filter((each) => typeof each === 'number'));
      const { available, held, totals } = await under.ledger.readAccount(accountId);
      expect([available, held, totals.captured]).toEqual([100 - highest, 0, highest]);
      // The highest report was answered that all of it was charged.
      for (const [index, each] of ends.entries()) {
        if (each === highest) expect(replies[index]).toMatchObject({ outcome: { captured: highest } });
      }
      const [, , ...later] = await under.journal(accountId);
      expect(later.filter(({ kind }) => !['late_settle', 'correct'].includes(kind)).length).toBeLessThanOrEqual(1);
      expect(later.reduce((sum, { captured }) => sum + captured, 0)).toBe(highest);
      // Each correction names the entry it corrects.
      later.forEach(({ kind, corrects, seq }) => { expect(corrects).toBe(['late_settle', 'correct'].includes(kind) ? seq - 1 : 0); });
    }),
    { numRuns: 100 },
  );
});

test('20 overdue holds of 40 credits in total block nothing: one hold, or one charge, of 33 passes at once', async () => {
  for (const charge of [false, true]) {
    const accountId = await accountWith(40);
    for (let index = 0; index < 20; index += 1) await place(accountId, `dead-${index}`, 2, 1_000);
    under.advance(2_000);
    const reply = charge ? await debit(accountId, 33) : await place(accountId, 'h', 33);
    expect(reply).toMatchObject({ status: charge ? 'charged' : 'placed', available: 7 });
  }
});

test('a thousand overdue holds are ended for requests that need their credits, and never free more than they hold', async () => {
  const [accountId, other] = [await accountWith(1_000), await accountWith(1_000)];
  for (const id of [accountId, other]) {
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => place(id, `dead-${index}`, 1, 1_000)));
  }
  under.advance(2_000);
  expect(await debit(other, 1_001)).toEqual({ status: 'insufficient_credits', available: 1_000 });
  expect(count(await Promise.all([place(accountId, 'h', 600), debit(accountId, 400)]))).toEqual({ charged: 1, placed: 1 });
  expect(await debit(accountId, 1)).toEqual({ status: 'insufficient_credits', available: 0 });
  expect(await under.ledger.readAccount(accountId)).toMatchObject({ available: 0, held: 600 });
});

test('an overdue hold that frees no credits is ended, and the answer is insufficient credits', async () => {
  const accountId = await accountWith(10);
  await place(accountId, 'nothing', 0, 1_000);
  under.advance(2_000);
  expect(await place(accountId, 'h', 11)).toEqual({ status: 'insufficient_credits', available: 10, required: 11 });
});

test('200 copies of one request have one effect and one answer (I4)', async () => {
  const accountId = await accountWith(100);
  const placed = await all(() => place(accountId, 'same', 10));
  expect(new Set(placed.map((reply) => JSON.stringify({ ...reply, replayed: null }))).size).toBe(1);
  const charged = await all(() =>
    under.ledger.charge({
      accountId, amount: micros(7), key: { operation: 'use', caller: 'a', key: 'same' }, fingerprint: 'f', price: '', about: '{}',
    }));
  expect(new Set(charged.map((reply) => JSON.stringify({ ...reply, replayed: null }))).size).toBe(1);
  expect(await under.ledger.readBalance(accountId)).toEqual({ available: 83, held: 10, debt: 0 });
});

test('one of two accounts can neither see nor end a hold of the other, even under the same name (I12)', async () => {
  const [mine, yours] = [await accountWith(10), await accountWith(10)];
  await place(mine, 'h', 4);
  expect(await settle(yours, 'h', 4)).toEqual({ status: 'hold_not_found' });
  expect(await place(yours, 'h', 9)).toMatchObject({ status: 'placed', replayed: false });
  expect((await under.ledger.readAccount(mine)).held).toBe(4);
});
