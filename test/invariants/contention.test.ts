import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { micros } from '../../src/money/micros.js';
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

const place = (accountId: string, holdId: string, amount: number) => under.ledger.placeHold({
  accountId, holdId, minimum: micros(amount), desired: micros(amount), leaseMs: 600_000, expiryPolicy: 'release', price: 'p', fingerprint: String(amount), about: '{}',
});
const settle = (accountId: string, holdId: string, cost: number) => under.ledger.settleHold({
  accountId, holdId, cost: micros(cost), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: String(cost), about: '{}',
});
const all = <T>(each: (index: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: CONTENDERS }, (_, index) => each(index)));
const count = (replies: readonly { readonly status: string }[]): Record<string, number> =>
  Object.fromEntries([...new Set(replies.map(({ status }) => status))].sort().map((status) => [status, replies.filter((reply) => reply.status === status).length]));

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

test('200 ends of one hold: one settles, its repeats get its answer, the others its name (I3)', async () => {
  const accountId = await accountWith(100);
  await place(accountId, 'h', 80);
  const replies = await all<{ readonly status: string; readonly replayed?: boolean; readonly outcome?: object }>((index) => {
    if (index % 3 === 0) return settle(accountId, 'h', 30);
    return index % 3 === 1 ? settle(accountId, 'h', 31) : under.ledger.voidHold({ accountId, holdId: 'h', about: '{}' });
  });
  expect(replies.filter(({ replayed }) => replayed === false)).toHaveLength(1);
  expect(new Set(replies.map(({ outcome }) => JSON.stringify(outcome))).size).toBe(1);
  const { available, held, totals } = await under.ledger.readAccount(accountId);
  expect(held).toBe(0);
  expect(available + totals.captured).toBe(100);
  expect((await under.journal(accountId)).map(({ kind }) => kind)).toHaveLength(3);
});

test('200 copies of one request have the effect and the answer of one (I4)', async () => {
  const accountId = await accountWith(100);
  const placed = await all(() => place(accountId, 'same', 10));
  expect(new Set(placed.map((reply) => JSON.stringify({ ...reply, replayed: null }))).size).toBe(1);
  const charged = await all(() => under.ledger.charge({ accountId, amount: micros(7), key: 'same', fingerprint: 'f', price: '', about: '{}' }));
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
