import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { micros } from '../../src/kit/money/micros.js';
import type { PlaceHold } from '../../src/ledger/ledger.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

/** What Redis keeps of a hold: its kind, and what its place was answered apart from what the hold has become. */
let under: TestLedger;
beforeAll(async () => { under = await testLedger(); });
afterAll(async () => { await under.close(); });

async function placed(changes: Partial<PlaceHold> = {}) {
  const accountId = `h-${randomUUID()}`;
  await under.ledger.grantLot({ accountId, lotId: 'l1', amount: micros(100), expiresAtMs: null, key: 'k', kind: 'grant', about: '{}' });
  const command: PlaceHold = {
    accountId, holdId: 'h1', kind: 'stream', minimum: micros(10), desired: micros(10), leaseMs: 600_000, expiryPolicy: 'release',
    price: 'p', fingerprint: 'f', about: '{}', ...changes,
  };
  const first = await under.ledger.placeHold(command);
  const key = under.keys.account(accountId, 1).hold('h1');
  return { accountId, command, first, key };
}

test('the kind of a hold is in its entries and in the snapshot', async () => {
  const { accountId } = await placed({ kind: 'a kind of its own' });
  expect((await under.ledger.readAccount(accountId)).holds).toMatchObject([{ holdId: 'h1', kind: 'a kind of its own' }]);
  await under.ledger.voidHold({ accountId, holdId: 'h1', about: '{}' });
  expect((await under.journal(accountId)).map(({ kind, holdKind }) => [kind, holdKind])).toEqual([
    ['grant', ''], ['place', 'a kind of its own'], ['void', 'a kind of its own'],
  ]);
});

test('a repeated place answers what the first did, whatever the hold has become', async () => {
  const { command, first, key } = await placed();
  // As an extension would leave it.
  await under.redis.hset(key, 'amount', '70', 'expires_at_ms', String(Date.now() + 7_200_000));
  expect(await under.ledger.placeHold(command)).toEqual({ ...first, replayed: true });
});

test('a hold that the version before placed is answered, listed and ended as before', async () => {
  const { accountId, command, first, key } = await placed({ about: '{"modelId":"m"}', kind: '' });
  await under.redis.hdel(key, 'kind', 'placed_amount', 'placed_expires_at_ms');
  await under.redis.hset(key, 'reported', '0');
  expect(await under.ledger.placeHold(command)).toEqual({ ...first, replayed: true });
  expect((await under.ledger.readAccount(accountId)).holds).toMatchObject([{ holdId: 'h1', kind: 'stream', amount: 10 }]);
  expect(await under.ledger.settleHold({
    accountId, holdId: 'h1', cost: micros(4), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: 'e', about: '{}',
  })).toMatchObject({ status: 'settled', outcome: { amount: 10, captured: 4, released: 6 } });
});

test('what is usual of a hold has no field, and a field of the version before that says so changes nothing', async () => {
  const terms = { overCapture: 'debt', debtLimit: null, inputCost: micros(0), leaseMs: 60_000 } as const;
  const usual = await placed({ terms, by: 'operator' });
  const usualFields = Object.keys(await under.redis.hgetall(usual.key));
  const unusual = await placed({
    terms: { ...terms, debtLimit: micros(5), inputCost: micros(2) }, by: 'service',
    spending: { model: 'm' },
  });
  expect(usualFields.sort()).toEqual(Object.keys(await under.redis.hgetall(unusual.key))
    .filter((field) => !['placed_by', 'spent_on', 'debt_limit', 'input_cost'].includes(field)).sort());

  const before = await placed({ terms, by: 'operator' });
  await under.redis.hset(before.key, 'placed_by', 'operator', 'spent_on', '', 'debt_limit', '', 'input_cost', '0');
  const ended = await Promise.all([usual, before].map(({ accountId }) => under.ledger.settleHold({
    accountId, holdId: 'h1', cost: micros(120), price: 'p', overCapture: 'cap', debtLimit: micros(1), fingerprint: 'e', about: '{}',
  })));
  for (const each of ended) expect(each).toMatchObject({ status: 'settled', outcome: { captured: 120, overage: 110, debt: 20 } });
  const [first, second] = await Promise.all([usual, before].map(({ key }) => under.redis.hgetall(key)));
  expect(second).toEqual({
    ...first, placed_by: 'operator', spent_on: '', debt_limit: '', input_cost: '0', spending: second?.['spending'],
    ...Object.fromEntries(Object.entries(second ?? {}).filter(([field]) => field.endsWith('_ms'))),
  });
});

test('the funds are the account without its holds, of which none is read', async () => {
  const { accountId, key } = await placed();
  const { holds, ...funds } = await under.ledger.readAccount(accountId);
  expect(holds).toHaveLength(1);
  await under.redis.set(key, 'a read of this as a hash would fail');
  expect(await under.ledger.readFunds(accountId)).toMatchObject(funds);
  await expect(under.ledger.readAccount(accountId)).rejects.toThrow();
});

test('an account has no field for a flag that is off, and a missing figure is 0', async () => {
  const { accountId, command } = await placed();
  const account = under.keys.account(accountId, 1).account;
  const stored = await under.redis.hgetall(account);
  expect(['frozen', 'limited', 'ruled', 'loaded_ms'].filter((field) => field in stored)).toEqual([]);

  const zero = Object.entries(stored).filter(([, value]) => value === '0').map(([field]) => field);
  expect(zero).toEqual(['debt', 'captured', 'expired', 'removed', 'uncollected']);
  const before = await under.ledger.readAccount(accountId);
  await under.redis.hdel(account, ...zero);
  expect(await under.ledger.readAccount(accountId)).toEqual(before);
  await under.ledger.settleHold({
    accountId, holdId: command.holdId, cost: micros(104), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: 'e', about: '{}',
  });
  expect(await under.ledger.readAccount(accountId)).toMatchObject({
    available: 0, held: 0, debt: 4, totals: { captured: 104, expired: 0 },
  });
});
