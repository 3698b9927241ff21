import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { micros } from '../../src/kit/money/micros.js';
import { encodeLimits, type LimitDefinition, type Spending } from '../../src/ledger/limits.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

/** Which limits a script finds by the index of their matches (definitions.matching in lua/includes/definitions.lua). */
let under: TestLedger;
beforeAll(async () => { under = await testLedger({ shards: 1 }); });
afterAll(() => under.close());

const define = (matches: readonly LimitDefinition['match'][]): LimitDefinition[] => matches.map((match, index) => ({
  limitId: `l${index}`, counter: index + 1, amount: micros(100 + index), period: index % 2 === 0 ? 'day' : 'month', window: 'calendar',
  timeZone: index % 3 === 0 ? 'UTC' : 'Asia/Tokyo', mode: 'refuse', match,
}));

async function account(limits: readonly LimitDefinition[]): Promise<string> {
  const accountId = `x-${randomUUID()}`;
  await under.ledger.grantLot({
    accountId, lotId: 'l1', amount: micros(1_000), expiresAtMs: null, key: 'intent:1', kind: 'grant', about: '{}',
  });
  await under.ledger.setLimits({ accountId, limits: { version: 1, limits }, nowMs: await under.nowMs() });
  return accountId;
}

const hashOf = (accountId: string): string => under.keys.account(accountId, 1).limits;
const found = async (accountId: string, spending: Spending): Promise<string[]> =>
  (await under.ledger.readLimits(accountId, spending)).map(({ limitId }) => limitId);

const MATCHES: readonly LimitDefinition['match'][] = [undefined, '*', 'ann', 'ä:b'].flatMap((spender) =>
  [undefined, 'gpt', 'größer', 'gpt\u{1F600}'].flatMap((model) =>
    [undefined, 'chat', 'ü'].flatMap((feature) => [undefined, 'k1'].map((key) => ({
    ...(spender === undefined ? {} : { spender }), ...(model === undefined ? {} : { model }),
    ...(feature === undefined ? {} : { feature }), ...(key === undefined ? {} : { key }),
  })))));
const OPERATIONS: readonly Spending[] = [
  {}, { spender: 'ann' }, { spender: 'ä:b', model: 'gpt' }, { model: 'none', otherModels: ['größer'] }, { feature: 'chat' }, { key: 'k1' },
  { spender: 'ann', model: 'gpt', otherModels: ['größer', 'gpt\u{1F600}'], severalModels: true, feature: 'ü', key: 'k1' },
  { spender: 'bob', model: 'g', feature: 'cha', key: 'k' },
];

/** What must match, by the words of docs/contracts/native.md. */
const matching = (limits: readonly LimitDefinition[], accountId: string, { spender = accountId, ...of }: Spending): string[] => {
  const models = [of.model, ...(of.otherModels ?? [])];
  return limits.filter(({ match }) => [undefined, '*', spender].includes(match.spender)
    && (match.model === undefined || models.includes(match.model)) && [undefined, of.feature].includes(match.feature)
    && [undefined, of.key].includes(match.key)).map(({ limitId }) => limitId);
};

test('of every kind of match, the limits of an operation are found in their order, with an index and without', async () => {
  // Neighbours in the order of the definitions have different matches.
  const lengthOf = (match: object): number => JSON.stringify(match).length;
  const limits = define([...MATCHES, ...MATCHES.slice(0, 7)].sort((one, other) => lengthOf(one) - lengthOf(other)));
  const accountId = await account(limits);
  const expected = OPERATIONS.map((spending) => matching(limits, accountId, spending));
  expect(await Promise.all(OPERATIONS.map((spending) => found(accountId, spending)))).toEqual(expected);
  // Rows begin elsewhere once their edges were renewed.
  await under.redis.hset(hashOf(accountId), '=', encodeLimits({ limits }, 0).replace(/^@day\/UTC\t.*/, '@day/UTC\t0,86400000'));
  expect(await Promise.all(OPERATIONS.map((spending) => found(accountId, spending)))).toEqual(expected);
  // The definitions of the version before have none.
  await under.redis.hdel(hashOf(accountId), '#');
  expect(await Promise.all(OPERATIONS.map((spending) => found(accountId, spending)))).toEqual(expected);
});

test('an index of other definitions is not used', async () => {
  const accountId = await account(define([{ feature: 'a' }, { feature: 'b' }]));
  const next = define([{ feature: 'b' }, {}, { feature: 'a' }]);
  await under.redis.hset(hashOf(accountId), 'version', 2, '=', encodeLimits({ limits: next }, await under.nowMs()));
  expect(await found(accountId, { feature: 'a' })).toEqual(['l1', 'l2']);
  expect(await found(accountId, { feature: 'b' })).toEqual(['l0', 'l1']);
});

test('an end gives back to a limit that was found by the index or is only in its parts', async () => {
  const limits = define([{ feature: 'other' }, { model: 'm', feature: 'f' }, { spender: '*' }]);
  const accountId = await account(limits);
  const spending = { spender: 'ann', model: 'm', feature: 'f' };
  const left = async (): Promise<number[]> => (await under.ledger.readLimits(accountId, spending)).map(({ remaining }) => remaining);
  await under.ledger.placeHold({
    accountId, holdId: 'h1', minimum: micros(40), desired: micros(40), leaseMs: 60_000, kind: 'test', expiryPolicy: 'release',
    price: 'p', fingerprint: 'f', about: '{}', isNewId: true, spending,
  });
  expect(await left()).toEqual([61, 62]);
  const settle = (cost: number): Promise<{ readonly status: string }> => under.ledger.settleHold({
    accountId, holdId: 'h1', cost: micros(cost), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: `${cost}`, about: '{}',
  });
  await settle(10);
  expect(await left()).toEqual([91, 92]);
  // An ended hold has no spending: its parts name the limits.
  await settle(25);
  expect(await left()).toEqual([76, 77]);
});
