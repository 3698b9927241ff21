import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { micros } from '../../../src/kit/money/micros.js';
import { writeFacts } from '../../../src/ledger/facts.js';
import type { KeyLimit } from '../../../src/ledger/key-spend.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';

const DAY_MS = 86_400_000;
const limits = new Map<string, KeyLimit>();
let ledger: DurableLedger;
beforeAll(async () => { ledger = await durableLedger({ keyLimitOf: (name) => limits.get(name) ?? null }); });
afterAll(async () => { await ledger.close(); });

/** A key with a limit of 100 a day, and an account with credits. */
async function keyed() {
  const name = `k ${randomUUID()}`;
  limits.set(name, { name, amount: micros(100), period: 'day', timeZone: 'UTC', sinceMs: await ledger.nowMs() });
  const accountId = `a-${randomUUID()}`;
  await ledger.ledger.grantLot({
    accountId, lotId: 'l1', amount: micros(1_000), expiresAtMs: null, key: `intent:${randomUUID()}`, kind: 'grant', about: '{}',
  });
  return {
    place: (holdId: string, amount: number, leaseMs = 10 * DAY_MS) => ledger.ledger.placeHold({
      accountId, holdId, minimum: micros(amount), desired: micros(amount), leaseMs, kind: 'lease', expiryPolicy: 'release', price: '',
      fingerprint: `${amount}`, spending: { key: name },
      about: writeFacts({ type: 'lease', lease: { model: '' }, actor: name, spending: { key: name } }),
    }),
    settle: (holdId: string, cost: number) => ledger.ledger.settleHold({
      accountId, holdId, cost: micros(cost), price: '', overCapture: 'debt', debtLimit: null, fingerprint: `${cost}`,
      about: writeFacts({ type: 'lease_end', actor: name, usage: { service: 'model', operation: 'amount', metadata: {} } }),
    }),
    charge: (amount: number) => ledger.ledger.charge({
      accountId, amount: micros(amount), key: null, fingerprint: '', price: '', spending: { key: name },
      about: writeFacts({ type: 'charge', source: 'charge', actor: name, spending: { key: name } }),
    }),
    expire: (holdId: string) => ledger.ledger.expireHold(accountId, holdId),
    used: async () => (await ledger.ledger.readLimits(accountId, { key: name })).find(({ limitId }) => limitId === 'key')?.used,
  };
}

test('a lost Redis comes back with what the key has spent and holds', async () => {
  const key = await keyed();
  await key.place('h1', 40);
  await key.place('h2', 30);
  await key.settle('h2', 20);
  await key.charge(5);
  expect(await key.used()).toBe(65);
  await ledger.drain();
  await ledger.loseRedis();
  expect(await key.place('h3', 36)).toMatchObject({ status: 'limit_reached', limit: { limitId: 'key', remaining: 35, period: 'day' } });
  expect(await key.used()).toBe(65);
  // The hold gives back what it does not use, also after the loss.
  await key.settle('h1', 10);
  expect(await key.used()).toBe(35);
});

test('an expired hold gives back; a late settlement counts once', async () => {
  const key = await keyed();
  await key.place('h1', 40, 1_000);
  expect(await key.used()).toBe(40);
  ledger.advance(2_000);
  expect(await key.expire('h1')).toMatchObject({ status: 'expired' });
  expect(await key.used()).toBe(0);
  await key.settle('h1', 15);
  await key.settle('h1', 15);
  expect(await key.used()).toBe(15);
});

test('a new window begins empty; a hold of the window before gives nothing back to it, and counts there what it takes beyond', async () => {
  const key = await keyed();
  await key.place('h1', 100);
  await key.place('h2', 1);
  expect(await key.place('h3', 1)).toMatchObject({ status: 'limit_reached' });
  ledger.advance(DAY_MS);
  expect(await key.place('h3', 60)).toMatchObject({ status: 'placed' });
  expect(await key.used()).toBe(60);
  await key.settle('h1', 50);
  expect(await key.used()).toBe(60);
  await key.settle('h3', 70);
  expect(await key.used()).toBe(70);
});
