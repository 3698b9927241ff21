import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readHistoryPage } from '../../../src/books/entry.table.js';
import { TRANSACTION_REASONS, TRANSACTION_TYPES, type Transaction } from '../../../src/books/transaction.js';
import { creditStatistics } from '../../../src/credits/statement/credit-statistics.js';
import { readTransactions, type ListTransactionsQuery } from '../../../src/credits/statement/list-transactions.js';
import { readFacts } from '../../../src/ledger/facts.js';
import { transactionsOf } from '../../../src/journal/transactions-of.js';
import { sumToCredits } from '../../../src/kit/money/credits.js';
import { AMOUNT_MAX, micros, MICROS_PER_CREDIT } from '../../../src/kit/money/micros.js';
import { backfillOf } from '../../support/backfill-of.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';
import { randomOf } from '../../support/random.js';
import { asAdmin } from '../../support/servers.js';

/** A statement is its ledger, told otherwise: after any activity it is what a recount of the entries gives. */
let under: DurableLedger;
beforeAll(async () => { under = await durableLedger(); });
afterAll(async () => { await under.close(); });

const ABOUTS: readonly (object | null)[] = [
  null, {}, { source: 'allocation', notes: 'a gift' }, { source: 'purchase' }, { source: 'initial' }, { source: 7, notes: ['x'] },
  { usage: { service: 'chat-streaming', operation: 'gpt-4', metadata: { a: 1, b: 'ä', c: [1, 2.5, null] } } },
  { usage: { service: 'image', operation: 'x' } },
  { usage: { service: 'My-Podcast', operation: 'voice' } }, { usage: { service: 'tts-1', operation: '' } },
  { usage: { service: 'VOICE_SYNTHESIS', operation: 'o' } },
  { transaction: { type: 'USAGE', reason: 'AI_CHAT', description: 'Chat with GPT-4', metadata: { modelName: 'gpt-4' } } },
  { transaction: {
    type: 'refill', reason: 'subscription_refill', description: null,
  }, usage: { service: 's', operation: 'o', metadata: { of: 'usage' } } },
];

/** Random operations of one account: everything that writes an entry, with time going on and lots and leases ending. */
async function live(accountId: string, random: (below: number) => number, steps: number): Promise<void> {
  const { ledger } = under;
  const holds: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    const about = ABOUTS[random(ABOUTS.length)] ?? null;
    const common = { accountId, about: about === null ? '' : JSON.stringify(about) };
    const amount = micros(random(50) * MICROS_PER_CREDIT + random(3));
    const key = `k-${step}`;
    const lotId = `lot-${step}`;
    const expiresAtMs = random(2) === 0 ? null : await under.nowMs() + 1 + random(120_000);
    const hold = holds[random(holds.length + 1)];
    switch (random(12)) {
      case 0: case 1: case 2: await ledger.grantLot({
        ...common, lotId, amount: micros(amount + 1), expiresAtMs, key, kind: random(3) === 0 ? 'adjust' : 'grant',
      }); break;
      case 3: await ledger.setBalance({ ...common, lotId, amount, expiresAtMs, key }); break;
      case 4: await ledger.remove({ ...common, amount: micros(amount + 1), key, kind: random(2) === 0 ? 'remove' : 'adjust' }); break;
      case 5: await ledger.charge({ ...common, amount, key: null, fingerprint: 'f', price: '' }); break;
      case 6: case 7:
        holds.push(`h-${step}`);
        await ledger.placeHold({
          ...common, holdId: `h-${step}`, minimum: micros(0), desired: amount, leaseMs: 60_000,
          kind: 'test', expiryPolicy: random(2) === 0 ? 'release' : 'charge_estimate', price: 'p', fingerprint: 'f',
        });
        break;
      case 8: if (hold !== undefined) await ledger.settleHold({
        ...common, holdId: hold, cost: amount, price: 'p', overCapture: random(2) === 0 ? 'debt' : 'cap', debtLimit: null,
        fingerprint: 'f',
      }); break;
      case 9: if (hold !== undefined) await ledger.voidHold({ ...common, holdId: hold }); break;
      case 10: await ledger.revokeLot({ ...common, lotId: `lot-${random(step + 1)}`, key }); break;
      case 11:
        under.advance(random(60_000));
        await ledger.expireLots(accountId);
        break;
    }
    // Batches of all sizes, so that running counts go on across them.
    if (random(10) === 0) await under.drain();
  }
  // Let everything end that will: from here on the account is at rest, and may be looked at again and again.
  under.advance(600_000);
  await ledger.readAccount(accountId);
  await ledger.expireLots(accountId);
  await under.drain();
}

/** From the entries alone, one after the other. */
async function recount(accountId: string): Promise<Transaction[]> {
  const entries = await readHistoryPage(under.db, accountId, Number.MAX_SAFE_INTEGER, 100_000, null);
  return entries.reverse().flatMap((entry) => transactionsOf(accountId, entry, readFacts(entry.about)));
}

const everything = (accountId: string): ListTransactionsQuery =>
  ({
    accountId, type: null, reason: null, fromMs: null, toMs: null, orderBy: 'createdAt', direction: 'asc', limit: 1_000,
    offset: 0, after: null,
  });

/** A whole number below a bound, the same for the same seed: a failure can be run again. */
function randomNumbers(seed: number): (below: number) => number {
  const { integer } = randomOf(seed);
  return (below) => integer(0, below - 1);
}

const rows = (table: string) => under.db.raw<{
  rows: object[];
}>(`select * from ${table} order by account_id, type, reason${table === 'transactions' ? ', id' : ''}`).then((found) => found.rows);

describe('after random activity', () => {
  const accounts = Array.from({ length: 6 }, (_, index) => `statement-${index}-${randomUUID().slice(0, 8)}`);
  let recounted: Transaction[][];
  beforeAll(async () => {
    for (const [index, accountId] of accounts.entries()) await live(accountId, randomNumbers(index + 1), 200);
    recounted = await Promise.all(accounts.map(recount));
  });

  test('every statement is the recount of its entries, and something happened', async () => {
    for (const [index, accountId] of accounts.entries()) {
      const { transactions, total } = await readTransactions(under.db, everything(accountId));
      expect(transactions).toEqual(recounted[index]);
      expect([total, total > 60]).toEqual([transactions.length, true]);
    }
    const seen = new Set(recounted.flat().map(({ type, reason }) => `${type} ${reason}`));
    expect(seen.size).toBeGreaterThan(8);
  });

  test('its lines add up to what the account owns: available + held − debt', async () => {
    for (const [index, accountId] of accounts.entries()) {
      const { available, held, debt, totals } = await under.ledger.readAccount(accountId);
      await under.drain();
      const lines = await recount(accountId);
      const sum = lines.reduce((owned, { amount }) => owned + amount, 0);
      expect([index, sum]).toEqual([index, available + held - debt]);
      expect(sum).toBe(totals.granted - totals.captured - totals.expired - totals.removed);
    }
  });

  test('every filter, order, offset and cursor gives what the recount gives', async () => {
    const random = randomNumbers(99);
    for (let round = 0; round < 300; round += 1) {
      const index = random(accounts.length);
      const lines = recounted[index] ?? [];
      const pick = <Each>(list: readonly Each[]): Each => list[random(list.length)] as Each;
      const [a, b] = [pick(lines).atMs, pick(lines).atMs].sort((x, y) => x - y) as [number, number];
      const query: ListTransactionsQuery = {
        ...everything(accounts[index] ?? ''),
        type: random(3) === 0 ? pick(TRANSACTION_TYPES) : null,
        reason: random(3) === 0 ? pick(TRANSACTION_REASONS) : null,
        fromMs: random(2) === 0 ? a : null, toMs: random(2) === 0 ? b + 1 : null,
        orderBy: random(3) === 0 ? 'amount' : 'createdAt', direction: random(2) === 0 ? 'asc' : 'desc', limit: 1 + random(30),
        offset: random(80),
      };
      const matching = lines
        .filter(({
          type, reason, atMs,
        }) => (query.type === null || type === query.type) && (query.reason === null || reason === query.reason)
          && (query.fromMs === null || atMs >= query.fromMs) && (query.toMs === null || atMs < query.toMs))
        .sort((x, y) => (query.orderBy === 'amount' ? x.amount - y.amount || x.id - y.id : x.id - y.id));
      if (query.direction === 'desc') matching.reverse();
      const page = await readTransactions(under.db, query);
      expect([query, page.total, page.transactions]).toEqual([
        query, matching.length, matching.slice(query.offset, query.offset + query.limit),
      ]);
      if (page.next === null) continue;
      const following = await readTransactions(under.db, { ...query, after: page.next });
      expect(following.transactions).toEqual(matching.slice(query.offset + query.limit, query.offset + 2 * query.limit));
    }
  });

  test('statistics are the sums of the recount', async () => {
    const random = randomNumbers(7);
    for (const [index, accountId] of accounts.entries()) {
      const lines = recounted[index] ?? [];
      const [fromMs, toMs] = [
        lines[random(lines.length)]?.atMs ?? 0, (lines[random(lines.length)]?.atMs ?? 0) + 1,
      ].sort((x, y) => x - y) as [number, number];
      const found = await creditStatistics({ db: under.db, ledger: under.ledger, freshen: { account: () => under.drain() } }, {
        accountId, fromMs, toMs,
      });
      const inside = lines.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
      const sums = new Map<string, bigint>();
      for (const { type, amount } of inside) sums.set(type, (sums.get(type) ?? 0n) + BigInt(Math.abs(amount)));
      expect([found.count, new Map([...found.byType].sort())]).toEqual([inside.length, new Map([...sums].sort())]);
      const all = await recount(accountId);
      expect(found.used).toBe(all.filter(({ type }) => type === 'USAGE').reduce((sum, { amount }) => sum - Math.min(0, amount), 0));
    }
  });

  test('sums may pass what any balance can be', async () => {
    const accountId = `rich-${randomUUID().slice(0, 8)}`;
    const set = (lotId: string, amount: number) =>
      under.ledger.setBalance({ accountId, lotId, amount: micros(amount), expiresAtMs: null, key: `k-${lotId}`, about: '' });
    for (let time = 0; time < 8; time += 1) {
      await set(`full-${time}`, AMOUNT_MAX);
      await set(`empty-${time}`, 0);
    }
    const { byType } = await creditStatistics({ db: under.db, ledger: under.ledger, freshen: { account: () => under.drain() } }, {
      accountId, fromMs: 0, toMs: Date.UTC(2100, 0, 1),
    });
    expect(byType.get('ADJUSTMENT')).toBe(16n * BigInt(AMOUNT_MAX));
    expect(sumToCredits(16n * BigInt(AMOUNT_MAX))).toBe(Number('15999999999.999984'));
  });

  test('the migration would have written the same from the entries', async () => {
    const before = [await rows('transactions'), await rows('transaction_totals')];
    await asAdmin(under.adminUrl, 'truncate transactions, transaction_totals');
    // Entries of its time were no corrections.
    await asAdmin(under.adminUrl, backfillOf('0005_transactions_plans').replace("'late_settle'", "'late_settle', 'correct'"));
    expect([await rows('transactions'), await rows('transaction_totals')]).toEqual(before);
  });
});

describe('a text that cannot be read', () => {
  test('costs its line the words, not the money', async () => {
    const accountId = `unreadable-${randomUUID().slice(0, 8)}`;
    const grant = (lotId: string, about: string) =>
      under.ledger.grantLot({ accountId, lotId, amount: micros(5), expiresAtMs: null, key: `k-${lotId}`, kind: 'grant', about });
    await grant('a', JSON.stringify({ transaction: { type: 'GIFT', reason: 'NONE' } }));
    await grant('b', 'no json at all');
    await grant('c', JSON.stringify({ source: 'purchase', notes: 'fine' }));
    await under.drain();
    const { transactions } = await readTransactions(under.db, everything(accountId));
    expect(transactions.map(({ type, amount, description }) => [type, amount, description])).toEqual([
      ['ADJUSTMENT', 5, null], ['ADJUSTMENT', 5, null], ['PURCHASE', 5, 'fine'],
    ]);
  });
});
