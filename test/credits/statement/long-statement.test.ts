import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { countTransactions } from '../../../src/books/count-transactions.js';
import type { Transaction } from '../../../src/books/transaction.js';
import { AMOUNT_PERIOD_MAX, readTransactions, type ListTransactionsQuery } from '../../../src/credits/statement/list-transactions.js';
import { micros } from '../../../src/kit/money/micros.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';
import { fillStatement } from '../../support/fill-statement.js';
import { randomOf } from '../../support/random.js';

/** A statement that is too long to be walked: what is far away is looked up, and must be what walking would find. */
const LINES = AMOUNT_PERIOD_MAX + 10_000;
const FROM_MS = Date.UTC(2026, 0, 1);
const ACCOUNT = 'long-statement';

let under: DurableLedger;
let lines: Transaction[];
beforeAll(async () => {
  under = await durableLedger();
  // Three lines in a millisecond, now and then four.
  await fillStatement(under.db, { accountId: ACCOUNT, lines: LINES, fromMs: FROM_MS, stepMs: 0.3 });
  lines = [];
  for (let after: ListTransactionsQuery['after'] = null; ;) {
    const page = await readTransactions(under.db, { ...whole, limit: 1_000, after });
    lines.push(...page.transactions);
    if (page.next === null) break;
    after = page.next;
  }
});
afterAll(async () => { await under.close(); });

const whole: ListTransactionsQuery =
  {
    accountId: ACCOUNT, type: null, reason: null, fromMs: null, toMs: null, orderBy: 'createdAt', direction: 'asc', limit: 20,
    offset: 0, after: null,
  };

test('cursors walk through all of it, in order, each line once', () => {
  expect(lines.map(({ id }) => id)).toEqual(Array.from({ length: LINES }, (_, index) => 2 * (index + 1)));
});

test('any offset finds the line of that number, whatever the filter', async () => {
  const random = randomOf(5);
  for (let round = 0; round < 100; round += 1) {
    const query: ListTransactionsQuery = {
      ...whole,
      type: random.pick([null, null, 'USAGE', 'PURCHASE']), reason: random.pick([null, null, 'AI_CHAT', 'MANUAL_ADJUSTMENT']),
      fromMs: random.pick([null, FROM_MS + random.integer(0, 3_000)]), toMs: random.pick([null, FROM_MS + random.integer(4_000, 9_000)]),
      direction: random.pick(['asc', 'desc']), offset: random.integer(0, LINES + 100),
    };
    const matching = lines.filter(({
      type, reason, atMs,
    }) => (query.type === null || type === query.type) && (query.reason === null || reason === query.reason)
      && (query.fromMs === null || atMs >= query.fromMs) && (query.toMs === null || atMs < query.toMs));
    if (query.direction === 'desc') matching.reverse();
    const { transactions, total } = await readTransactions(under.db, query);
    expect([query, total, transactions.map(({ id }) => id)]).toEqual([
      query, matching.length, matching.slice(query.offset, query.offset + 20).map(({ id }) => id),
    ]);
  }
});

test('in order of amount: all of it, or a part that can be sorted; another part is refused with the reason', async () => {
  const byAmount = [...lines].sort((a, b) => b.amount - a.amount || b.id - a.id);
  const query = { ...whole, orderBy: 'amount', direction: 'desc' } as const;
  expect((await readTransactions(under.db, { ...query, offset: 9_000 })).transactions).toEqual(byAmount.slice(9_000, 9_020));
  const toMs = FROM_MS + 3_000;
  expect((await readTransactions(under.db, { ...query, toMs })).transactions).toEqual(byAmount.filter(({ atMs }) => atMs < toMs).slice(
    0, 20,
  ));
  await expect(readTransactions(under.db, {
    ...query, toMs: FROM_MS + 8_000,
  })).rejects.toThrow(/at most 20000 transactions, not 26\d\d\d; narrow startDate and endDate/);
});

test('a statement does not go back in time when a clock does', () => {
  const made = (id: number, atMs: number): Transaction =>
    ({
      id, accountId: 'a', atMs, type: 'USAGE', reason: id % 4 === 0 ? 'AI_CHAT' : 'MODEL_USAGE', amount: micros(-1),
      balanceAfter: micros(0), description: null, metadata: null,
    });
  const stored = [
    { accountId: 'a', type: 'PURCHASE', reason: 'MANUAL_ADJUSTMENT', count: 1, credited: micros(5), debited: micros(0), lastAtMs: 100 },
  ] as const;
  const { counted, totals } = countTransactions([made(2, 90), made(4, 120), made(6, 110), made(8, 130)], stored);
  expect(counted.map(({ id, atMs, nth, debited }) => [id, atMs, nth, debited])).toEqual([
    [2, 100, 1, 1], [4, 120, 1, 1], [6, 120, 2, 2], [8, 130, 2, 2],
  ]);
  expect(totals.map(({ reason, count, lastAtMs }) => [reason, count, lastAtMs])).toEqual([['MODEL_USAGE', 2, 120], ['AI_CHAT', 2, 130]]);
});
