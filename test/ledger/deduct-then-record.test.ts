import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deductCredits } from '../../src/credits/charges/deduct-credits.js';
import { recordUsage, type UsageRecord } from '../../src/credits/usage/record-usage.js';
import { accountUsage } from '../../src/credits/usage/usage-stats.js';
import { DEDUCTION_TTL_SECONDS, DEDUCTIONS_WAITING_MAX } from '../../src/kit/limits.js';
import { micros, type Micros } from '../../src/kit/money/micros.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';

/** A usage record may claim an earlier deduction: usage is charged once, whether it is deducted first or only recorded. */
let under: DurableLedger;
beforeAll(async () => { under = await durableLedger(); });
afterAll(async () => { await under.close(); });

type Account = {
  readonly accountId: string;
  deduct(amount: number, key?: string): Promise<unknown>;
  record(
    amount: number, options?: { readonly says?: boolean; readonly key?: string; readonly mode?: 'charge' | 'log' },
  ): Promise<UsageRecord>;
  spent(): Promise<number>;
  used(): Promise<number>;
};

const CREDITS = 1_000_000;
const named = (key: string | undefined) => (key === undefined ? null : { caller: 'access.test', key });

async function someone(): Promise<Account> {
  const accountId = `d-${randomUUID()}`;
  await under.ledger.grantLot({
    accountId, lotId: 'l', amount: micros(CREDITS), expiresAtMs: null, key: `intent:${Math.floor(Math.random() * 1e12)}`,
    kind: 'grant', about: '{}',
  });
  return {
    accountId,
    deduct: (amount, key) => deductCredits(under, { accountId, amount: micros(amount), key: named(key) }),
    record: (amount, { says = true, key, mode = 'charge' } = {}) => recordUsage({ ledger: under.ledger, mode }, {
      accountId, service: 'chat', operation: 'gpt-4', credits: micros(amount), metadata: {}, saysDeducted: says, key: named(key),
    }),
    spent: async () => CREDITS - (await under.ledger.readBalance(accountId)).available,
    used: async () => {
      const freshen = { account: () => under.drain(), all: () => under.drain() };
      const usage = await accountUsage({ db: under.db, freshen }, accountId, { fromMs: 0, toMs: Date.now() + 86_400_000 });
      return Number(usage.totalCredits);
    },
  };
}

test('a deduction and its record charge once and count as one use', async () => {
  const alice = await someone();
  await alice.deduct(5);
  const { replayed, available } = await alice.record(5);
  expect([replayed, available, await alice.spent(), await alice.used()]).toEqual([false, CREDITS - 5, 5, 5]);
  const entries = await under.journal(alice.accountId);
  expect(entries.map(({ kind, captured }) => [kind, captured])).toEqual([['grant', 0], ['charge', 5], ['attribute', 0]]);
});

test.each<[string, number, (alice: Account) => Promise<unknown>]>([
  ['a deduction is claimed once', 10, async (alice) => { await alice.deduct(5); await alice.record(5); await alice.record(5); }],
  ['a deduction of another amount is not claimed', 11, async (alice) => { await alice.deduct(5); await alice.record(6); }],
  ['a deduction of another account is not claimed', 5, async (alice) => { await (await someone()).deduct(5); await alice.record(5); }],
  ['a record without the signature is a charge', 10, async (alice) => { await alice.deduct(5); await alice.record(5, { says: false }); }],
  ['a record that mentions a missing deduction is a charge', 5, (alice) => alice.record(5)],
  ['a repeat of the record claims no second deduction', 10, async (alice) => {
    await alice.deduct(5); await alice.deduct(5); await alice.record(5, {
      key: 'k',
    }); await alice.record(5, { key: 'k' }); await alice.record(5);
  }],
  ['a repeat of the deduction is not another deduction', 10, async (alice) => {
    await alice.deduct(5, 'k'); await alice.deduct(5, 'k'); await alice.record(5); await alice.record(5);
  }],
  ['a record that only logs leaves the deduction alone', 5, async (alice) => {
    await alice.deduct(5);
    await alice.record(5, { mode: 'log' });
    await alice.record(5);
  }],
  ['a record in the last instant of the window claims the deduction', 5, async (alice) => {
    await alice.deduct(5);
    under.advance(DEDUCTION_TTL_SECONDS * 1_000 - 60_000);
    await alice.record(5);
  }],
  ['a record after the window is a charge', 10, async (alice) => {
    await alice.deduct(5);
    under.advance(DEDUCTION_TTL_SECONDS * 1_000 + 1);
    await alice.record(5);
  }],
])('%s', async (_, spent, run) => {
  const alice = await someone();
  await run(alice);
  expect(await alice.spent()).toBe(spent);
});

test('deductions wait up to a limit; beyond it the oldest is dropped, and its record is charged', async () => {
  const alice = await someone();
  for (let i = 0; i < DEDUCTIONS_WAITING_MAX + 1; i += 1) await alice.deduct(1);
  const records = DEDUCTIONS_WAITING_MAX + 1;
  await Promise.all(Array.from({ length: records }, () => alice.record(1)));
  expect(await alice.spent()).toBe(records + 1);
});

test('property: of n deductions and m records at once, each deduction pays for one record at most', async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ amount: fc.constantFrom(3, 5), kind: fc.constantFrom('deduct' as const, 'record' as const) }), { maxLength: 30 }),
    async (calls) => {
      const alice = await someone();
      const of = (kind: string, amount: number): number => calls.filter((each) => each.kind === kind && each.amount === amount).length;
      // All deductions first, then all records, each group concurrently: every record finds the deductions made for it.
      await Promise.all(calls.flatMap(({ kind, amount }) => (kind === 'deduct' ? [alice.deduct(amount)] : [])));
      await Promise.all(calls.flatMap(({ kind, amount }) => (kind === 'record' ? [alice.record(amount)] : [])));
      const expected = [3, 5].reduce((sum, amount) => sum + amount * Math.max(of('deduct', amount), of('record', amount)), 0);
      expect(await alice.spent()).toBe(expected);
      // All at once: the total is the sum of deductions and records less the matched pairs, of which there are never too many.
      const bob = await someone();
      await Promise.all(calls.map(({ kind, amount }) => bob[kind](amount)));
      const claimed = (await under.journal(bob.accountId)).filter(({ kind }) => kind === 'attribute');
      expect(claimed.length).toBeLessThanOrEqual(of('deduct', 3) + of('deduct', 5));
      const charges = (await under.journal(bob.accountId)).reduce((sum, { captured }) => sum + captured, 0) as Micros;
      expect([await bob.spent(), await bob.spent() >= expected]).toEqual([charges, true]);
    },
  ), { numRuns: 12 });
});

test('after a loss of Redis an unclaimed deduction still pays for its record', async () => {
  const alice = await someone();
  await alice.deduct(5);
  await alice.deduct(5);
  await alice.deduct(7);
  await alice.record(5, { key: 'k' });
  await under.drain();
  await under.loseRedis();
  await alice.record(5, { key: 'k' });
  await alice.record(7);
  await alice.record(5);
  expect(await alice.spent()).toBe(17);
  await alice.record(5);
  expect(await alice.spent()).toBe(22);
});
