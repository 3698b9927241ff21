import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { micros } from '../../src/kit/money/micros.js';
import { joinedLimitParts, type LimitDefinition } from '../../src/ledger/limits.js';
import { readFacts } from '../../src/ledger/facts.js';
import { testLedger, type TestLedger } from '../support/ledger.js';

let under: TestLedger;
beforeAll(async () => { under = await testLedger({ shards: 4 }); });
afterAll(async () => { await under.close(); });

const MINUTE = { period: 'minute', timeZone: 'UTC', mode: 'refuse', match: {}, amount: micros(1_000) } as const;
const LIMITS: LimitDefinition[] = [
  { ...MINUTE, limitId: 'calendar', counter: 1, window: 'calendar' }, { ...MINUTE, limitId: 'rolling', counter: 2, window: 'rolling' },
];

test('a stream that is extended through many windows counts in those that are not over, and in one that is', async () => {
  const accountId = `l-${randomUUID()}`;
  const { ledger, keys } = under;
  await ledger.grantLot({
    accountId, lotId: 'l1', amount: micros(1_000_000), expiresAtMs: null, key: `intent:${randomUUID()}`, kind: 'grant', about: '{}',
  });
  await ledger.setLimits({ accountId, limits: { version: 3, limits: LIMITS }, nowMs: await under.nowMs() });
  const common = { accountId, holdId: 'h', about: '{"type":"x"}', fingerprint: '' };
  await ledger.placeHold({
    ...common, minimum: micros(10), desired: micros(10), leaseMs: 600_000, kind: 't', expiryPolicy: 'release', price: '',
  });
  const extendedAtMs: number[] = [];
  for (let second = 1; second <= 200; second += 1) {
    under.advance(1_000);
    extendedAtMs.push(await under.nowMs());
    const reply = await ledger.extendHold({
      ...common, mode: 'by', minimum: micros(10), desired: micros(10), price: null, leaseMs: null, defaultLeaseMs: 600_000, key: null,
    });
    expect(reply.status).toBe('extended');
  }
  const parts = await under.redis.hget(keys.account(accountId, 1).hold('h'), 'limit_parts') ?? '';
  const byCounter = (text: string) => LIMITS.map(({ counter }) => text.split(',').filter((part) => part.startsWith(`${counter}:`)));
  const sums = byCounter(parts).map((each) => each.map((part) => Number(part.split('/')[1])));
  expect(sums.map((each) => each.reduce((sum, credits) => sum + credits, 0))).toEqual([2_010, 2_010]);
  expect(sums.map((each) => each.length <= 63)).toEqual([true, true]);
  // What the books make of the entries is the same.
  const told = (await under.journal(accountId)).map(({ about }) => readFacts(about).limits);
  expect(byCounter(told.reduce(joinedLimitParts, ''))).toEqual(byCounter(parts));
  const used = async () => Object.fromEntries((await ledger.readLimits(accountId, {})).map((each) => [each.limitId, each.used]));
  const before = await used();
  // Time that passes by itself comes on top of the second of each step.
  const nowMs = await under.nowMs();
  const ofLastMinute = extendedAtMs.filter((atMs) => atMs > nowMs - 60_000).length;
  expect(ofLastMinute).toBeGreaterThan(10);
  expect(before['rolling']).toBeGreaterThanOrEqual(10 * ofLastMinute);
  expect(await ledger.settleHold({ ...common, cost: micros(5), price: null, use: 'amount', overCapture: 'debt', debtLimit: null }))
    .toMatchObject({ status: 'settled' });
  expect(await used()).toEqual({ calendar: 0, rolling: 0 });
});
