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
