import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { characterCount, isAccountId } from '../../src/kit/ids.js';
import { micros } from '../../src/kit/money/micros.js';
import { accountOfName, nameOfAccount } from '../../src/ledger/account-name.js';
import { keyspace, readDueHold } from '../../src/ledger/keys.js';
import { AWKWARD_IDS } from '../support/awkward-ids.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

let under: TestLedger;
beforeAll(async () => { under = await testLedger(); });
afterAll(async () => { await under.close(); });

const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9._@|+=~$-]*$/;
/** Texts in which escapes, separators and other scripts are frequent. */
const id = fc.array(fc.constantFrom('a', 'B', '%', '3', 'A', ':', '/', '{', '}', ' ', '*', '.', 'ü', '🙂', '\u0001', '\u0301', "'"), {
  minLength: 1, maxLength: 12,
}).map((parts) => parts.join(''));

test('a name is of no two accounts, leads back to its id, and has nothing that a key could misread', () => {
  fc.assert(fc.property(id, id, (one, other) => {
    const [name, another] = [nameOfAccount(one), nameOfAccount(other)];
    expect(name === another).toBe(one === other);
    expect(accountOfName(name)).toBe(one);
    expect(name).toMatch(/^[A-Za-z0-9._@|+=~$%-]+$/);
    // Ids that were always allowed keep their keys, and no other id gets one of them.
    expect(name === one).toBe(/^[A-Za-z0-9._@|+=~$-]+$/.test(one));
    if (PLAIN.test(name)) expect(name.includes('%')).toBe(false);
  }), { numRuns: 2_000 });
});

test.each(AWKWARD_IDS)('%j is found in its keys again, and the script writes the name that the gateway reads', async (accountId) => {
  const keys = keyspace('cg', 8);
  expect(isAccountId(accountId)).toBe(true);
  expect(keys.accountIn(keys.account(accountId, 3).account)).toEqual({ accountId, epoch: 3 });
  await under.ledger.grantLot({ accountId, lotId: 'l', amount: micros(9), expiresAtMs: null, kind: 'grant', key: 'k', about: '{}' });
  await under.ledger.placeHold({
    accountId, holdId: 'h:1', minimum: micros(5), desired: micros(5), kind: 'test', leaseMs: 60_000, expiryPolicy: 'release', price: 'p',
    fingerprint: 'f', about: '{}',
  });
  const stored = under.keys.account(accountId, 1);
  expect(await under.redis.exists(stored.hold('h:1'))).toBe(1);
  expect((await under.redis.zrange(stored.holdsDue, '0', '-1')).map(readDueHold)).toContainEqual({ accountId, holdId: 'h:1' });
  await under.ledger.voidHold({ accountId, holdId: 'h:1', about: '{}' });
  expect((await under.redis.zrange(stored.holdsDue, '0', '-1')).map(readDueHold)).not.toContainEqual({ accountId, holdId: 'h:1' });
});

test('plain ids keep the keys they have always had', () => {
  const keys = keyspace('cg', 64).account('auth0|5f.7-A_b@c+d=e~f$g', 2);
  expect([keys.account, keys.hold('s:1'), keys.receipt('use:x:y'), keys.deductions('5')]).toEqual([
    'cg:{s57}:2:account:auth0|5f.7-A_b@c+d=e~f$g', 'cg:{s57}:2:hold:auth0|5f.7-A_b@c+d=e~f$g:s:1',
    'cg:{s57}:2:receipt:auth0|5f.7-A_b@c+d=e~f$g:use:x:y', 'cg:{s57}:2:deductions:auth0|5f.7-A_b@c+d=e~f$g:5',
  ]);
});

test.each([['\u00e9', 'h', 'e\u0301', 'h']])(
  '(%j, %j) and (%j, %j) never share a hold', (account, hold, otherAccount, otherHold) => {
    const keys = keyspace('cg', 1);
    expect(keys.account(account, 1).hold(hold)).not.toBe(keys.account(otherAccount, 1).hold(otherHold));
  });

test.each(['a%3ab', 'a%', 'a%ZZ', '%FF', 'ü', '%61', ''])('%j is the name of no account', (name) => {
  expect([accountOfName(name), readDueHold(`${name}:h`)]).toEqual([null, null]);
});

test('a character is a code point', () => {
  expect([characterCount('🙂é'), isAccountId('🙂'.repeat(255)), isAccountId('🙂'.repeat(256)), isAccountId('a'.repeat(256))])
    .toEqual([2, true, false, false]);
  expect(['', 'a\u0000', '\ud800', 'a'].map(isAccountId)).toEqual([false, false, false, true]);
});
