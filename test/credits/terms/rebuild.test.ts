import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { keepTerms, removeTerms, setTerms } from '../../../src/credits/terms/manage-terms.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { micros } from '../../../src/kit/money/micros.js';
import { NO_TERMS, type AccountTerms } from '../../../src/ledger/account-terms.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';
import { asAdmin } from '../../support/servers.js';

let ledger: DurableLedger;
beforeAll(async () => { ledger = await durableLedger(); });
afterAll(async () => { await ledger.close(); });

const change = { check: () => undefined, actor: 'test', reason: 'why' };
const terms: AccountTerms = { maxHold: micros(10), overCapture: 'debt', debtLimit: micros(3) };

async function account() {
  const accountId = `t-${randomUUID()}`;
  const deps = { db: ledger.db, ledger: ledger.ledger };
  await ledger.ledger.grantLot({
    accountId, lotId: 'l1', amount: micros(100), expiresAtMs: null, key: `intent:${randomUUID()}`, kind: 'grant', about: '{}',
  });
  return {
    accountId, deps,
    place: (holdId: string, amount: number) => ledger.ledger.placeHold({
      accountId, holdId, minimum: micros(amount), desired: micros(amount), leaseMs: 60_000, kind: 'test', expiryPolicy: 'release',
      price: 'p', fingerprint: `${amount}`, about: '{"type":"x"}',
    }),
    shown: async () => (await ledger.ledger.readAccount(accountId)).terms,
  };
}

test('a lost Redis comes back with the terms, and without those that were removed', async () => {
  const alice = await account();
  expect(await setTerms(alice.deps, alice.accountId, terms, change)).toMatchObject({ isNew: true, applied: true, terms: { version: 1 } });
  expect(await alice.place('h1', 11)).toEqual({ status: 'hold_limit', most: 10 });
  await ledger.drain();
  await ledger.loseRedis();
  expect(await alice.shown()).toEqual(terms);
  expect(await alice.place('h1', 11)).toEqual({ status: 'hold_limit', most: 10 });
  expect(await removeTerms(alice.deps, alice.accountId, change)).toEqual({ applied: true });
  expect(await alice.shown()).toEqual(NO_TERMS);
  await ledger.drain();
  await ledger.loseRedis();
  expect(await alice.place('h1', 11)).toMatchObject({ status: 'placed' });
});

test('an older version changes nothing; while Redis is away a change is kept, and the worker applies it', async () => {
  const alice = await account();
  await ledger.ledger.setTerms(alice.accountId, { version: 7, terms });
  expect(await ledger.ledger.setTerms(alice.accountId, { version: 6, terms: NO_TERMS })).toEqual({ status: 'unchanged' });
  expect(await alice.shown()).toEqual(terms);

  const bob = await account();
  const away = { setTerms: () => Promise.reject(new GatewayError('ledger_unavailable', 'away', { outcome: 'unknown' })) };
  expect(await setTerms({ ...bob.deps, ledger: away }, bob.accountId, terms, change)).toMatchObject({ applied: false });
  await asAdmin(ledger.adminUrl, `update account_terms set changed_at = now() - interval '1 hour' where account_id = '${bob.accountId}'`);
  expect(await keepTerms(bob.deps)).toEqual({ applied: 1 });
  expect(await keepTerms(bob.deps)).toEqual({ applied: 0 });
  expect(await bob.place('h1', 11)).toEqual({ status: 'hold_limit', most: 10 });
});
