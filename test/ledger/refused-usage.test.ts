import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { recordUsage } from '../../src/credits/usage/record-usage.js';
import { accountUsage } from '../../src/credits/usage/usage-stats.js';
import { REFUSED_USAGE_PER_MINUTE_MAX } from '../../src/kit/limits.js';
import { BALANCE_MAX, micros } from '../../src/kit/money/micros.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';

/** Usage refused for lack of credits did happen: it is kept as uncollected, once, until a repeat collects it. */
let under: DurableLedger;
beforeAll(async () => { under = await durableLedger(); });
afterAll(async () => { await under.close(); });

let grants = 0;
async function someone(credits: number) {
  const accountId = `r-${randomUUID()}`;
  const grant = async (amount: number): Promise<void> => {
    grants += 1;
    await under.ledger.grantLot({
      accountId, lotId: `l${grants}`, amount: micros(amount), expiresAtMs: null, key: `intent:${Date.now()}${grants}`,
      kind: 'grant', about: '{}',
    });
  };
  if (credits > 0) await grant(credits);
  return {
    accountId, grant,
    /** The result of the record: `charged`, `replayed`, or the reason of the refusal. */
    record: async (
      amount: number, key?: string, service = 'chat',
    ): Promise<string> => recordUsage({ ledger: under.ledger, mode: 'charge' }, {
      accountId, service, operation: 'gpt-4', credits: micros(amount), metadata: {}, saysDeducted: false,
      key: key === undefined ? null : { caller: 'access.test', key },
    }).then(({ replayed }) => (replayed ? 'replayed' : 'charged'), (error: unknown) => (error as { readonly code: string }).code),
    totals: async () => {
      const { available, totals } = await under.ledger.readAccount(accountId);
      return { available, captured: totals.captured, uncollected: totals.uncollected };
    },
    usage: async () => {
      const freshen = { account: () => under.drain(), all: () => under.drain() };
      const { totalRecords, totalCredits, uncollectedRecords, uncollectedCredits, recent } =
        await accountUsage({ db: under.db, freshen }, accountId, { fromMs: 0, toMs: Date.now() + 86_400_000 });
      return {
        records: totalRecords, credits: Number(totalCredits), refused: uncollectedRecords,
        uncollected: Number(uncollectedCredits), recent: recent.map((each) => [each.credits, each.uncollected]),
      };
    },
    forget: async (key: string) => { await under.redis.del(under.keys.account(accountId, 1).receipt(`usage:access.test:${key}`)); },
  };
}

test('a refused record moves no credits and is kept separately from paid usage', async () => {
  const alice = await someone(10);
  expect([await alice.record(4), await alice.record(7)]).toEqual(['charged', 'insufficient_credits']);
  expect(await alice.totals()).toEqual({ available: 6, captured: 4, uncollected: 7 });
  expect(await alice.usage()).toEqual({ records: 1, credits: 4, refused: 1, uncollected: 7, recent: [[4, 0], [0, 7]] });
  const entries = await under.journal(alice.accountId);
  expect(entries.map(({ kind, available, captured, uncollected }) => [kind, available, captured, uncollected]))
    .toEqual([['grant', 10, 0, 0], ['charge', -4, 4, 0], ['refuse_usage', 0, 0, 7]]);
});

test.each<[string, (forget: () => Promise<void>) => Promise<void>]>([
  ['while Redis has the refusal', () => Promise.resolve()],
  ['when only Postgres has it', async (forget) => { await under.drain(); await forget(); }],
])('under a key it is kept once, and a repeat after a top-up collects it: %s', async (_, forgotten) => {
  const alice = await someone(1);
  const later = (): Promise<void> => forgotten(() => alice.forget('k'));
  expect(await alice.record(5, 'k')).toBe('insufficient_credits');
  await later();
  expect(await alice.record(5, 'k')).toBe('insufficient_credits');
  expect(await alice.totals()).toEqual({ available: 1, captured: 0, uncollected: 5 });
  await alice.grant(10);
  await later();
  expect(await alice.record(5, 'k')).toBe('charged');
  await later();
  expect(await alice.record(5, 'k')).toBe('replayed');
  expect(await alice.totals()).toEqual({ available: 6, captured: 5, uncollected: 0 });
  expect(await alice.usage()).toEqual({ records: 1, credits: 5, refused: 0, uncollected: 0, recent: [[5, 0]] });
});

test('a loss of Redis between refusal and repeat', async () => {
  const alice = await someone(1);
  await alice.record(5, 'k');
  await under.drain();
  await under.loseRedis();
  expect(await alice.record(5, 'k')).toBe('insufficient_credits');
  await alice.grant(10);
  expect(await alice.record(5, 'k')).toBe('charged');
  expect(await alice.totals()).toEqual({ available: 6, captured: 5, uncollected: 0 });
});

test('a different request under a refused key is a new request', async () => {
  const alice = await someone(1);
  await alice.record(5, 'k');
  expect(await alice.record(1, 'k')).toBe('charged');
  expect(await alice.totals()).toEqual({ available: 0, captured: 1, uncollected: 5 });
  expect(await alice.record(5, 'k')).toBe('idempotency_mismatch');
});

test('twenty at once under one key: one is kept', async () => {
  const alice = await someone(1);
  await Promise.all(Array.from({ length: 20 }, () => alice.record(5, 'k')));
  expect(await alice.totals()).toEqual({ available: 1, captured: 0, uncollected: 5 });
});

test('a caller without credits cannot fill the ledger: refusals per minute and their total are bounded', async () => {
  const alice = await someone(1);
  // A minute of Redis' clock may start in the meantime.
  for (let i = 0; i < 3 * REFUSED_USAGE_PER_MINUTE_MAX; i += 1) expect(await alice.record(2)).toBe('insufficient_credits');
  const kept = (await under.journal(alice.accountId)).length - 1;
  expect([kept >= REFUSED_USAGE_PER_MINUTE_MAX, kept <= 2 * REFUSED_USAGE_PER_MINUTE_MAX]).toEqual([true, true]);
  under.advance(60_000);
  await alice.record(2);
  expect((await alice.totals()).uncollected).toBe(2 * (kept + 1));

  const bob = await someone(1);
  const largest = 999_999_999_999_999;
  for (let i = 0; i < 10; i += 1) expect(await bob.record(largest)).toBe('insufficient_credits');
  const { uncollected } = await bob.totals();
  expect([uncollected % largest, uncollected > 0, uncollected <= BALANCE_MAX / 2]).toEqual([0, true, true]);
  await under.drain();
});

test('a frozen account writes nothing at all: its usage is recorded by a repeat after the thaw', async () => {
  const alice = await someone(1);
  await under.ledger.freeze({ accountId: alice.accountId, about: '{}' });
  expect(await alice.record(5, 'k')).toBe('account_frozen');
  expect(await alice.totals()).toEqual({ available: 1, captured: 0, uncollected: 0 });
  await under.ledger.thaw({ accountId: alice.accountId, about: '{}' });
  expect(await alice.record(5, 'k')).toBe('insufficient_credits');
  expect(await alice.totals()).toEqual({ available: 1, captured: 0, uncollected: 5 });
});
