import { joined } from '../kit/ids.js';
import { BALANCE_MAX, micros, type Micros } from '../kit/money/micros.js';
import type { CountedTransaction, Transaction, TransactionTotals } from './transaction.js';

export type CountedTransactions = { readonly counted: readonly CountedTransaction[]; readonly totals: readonly TransactionTotals[] };

/**
 * Numbers the transactions of a batch per account, type and reason, and adds up their amounts, starting from the stored
 * totals. With these running counts any total, period or offset takes two rows (transaction-page.table.ts). The times of
 * an account's statement never decrease, even when Redis' clock was set back.
 */
export function countTransactions(made: readonly Transaction[], stored: readonly TransactionTotals[]): CountedTransactions {
  const totals = new Map(stored.map((each) => [nameOf(each), each]));
  const lastAtMs = new Map<string, number>();
  for (const { accountId, lastAtMs: atMs } of stored) lastAtMs.set(accountId, Math.max(atMs, lastAtMs.get(accountId) ?? 0));
  const changed = new Map<string, TransactionTotals>();
  const counted = made.map((transaction): CountedTransaction => {
    const { id, accountId, type, reason, amount, balanceAfter, description, metadata } = transaction;
    const before = totals.get(nameOf(transaction));
    const atMs = Math.max(transaction.atMs, lastAtMs.get(accountId) ?? 0);
    const after: TransactionTotals = {
      accountId, type, reason, lastAtMs: atMs,
      count: (before?.count ?? 0) + 1,
      credited: sumOf(before?.credited, Math.max(0, amount)),
      debited: sumOf(before?.debited, Math.max(0, 0 - amount)),
    };
    totals.set(nameOf(transaction), after);
    changed.set(nameOf(transaction), after);
    lastAtMs.set(accountId, atMs);
    return {
      id, accountId, atMs, type, reason, amount, balanceAfter, description, metadata,
      nth: after.count, credited: after.credited, debited: after.debited,
    };
  });
  return { counted, totals: [...changed.values()] };
}

/** The ledger bounds its own totals; a statement's sum is capped as well, so that it can never stop a shard. */
const sumOf = (before: Micros | undefined, more: number): Micros => micros(Math.min(BALANCE_MAX, (before ?? 0) + more));

/** Account ids contain no colon. */
const nameOf = ({ accountId, type, reason }: Pick<TransactionTotals, 'accountId' | 'type' | 'reason'>): string =>
  joined(accountId, type, reason);
