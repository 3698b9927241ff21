import { addToWindows, type LimitWindowChange } from '../../books/limit-window.table.js';
import type { JournalEntry } from '../../ledger/entry.js';
import type { Facts } from '../../ledger/facts.js';
import type { PlacedEntry } from '../fold-accounts.js';
import type { Projection } from './projection.js';

export const limitWindows: Projection<readonly LimitWindowChange[]> = {
  name: 'limit windows',
  fold: ({ fresh, factsOf }) => foldLimitWindows(fresh, factsOf),
  write: addToWindows,
};

/** What a batch counted against limits, one row per window. Only fresh entries count, so a redelivered entry counts once. */
export function foldLimitWindows(fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => Facts): LimitWindowChange[] {
  const rows = new Map<string, LimitWindowChange>();
  for (const { entry } of fresh) {
    for (const { counter, spender, fromMs, endsAtMs, credits, open, crossed } of factsOf(entry).limits) {
      const key = `${entry.accountId}:${counter}:${fromMs}:${spender}`;
      const before = rows.get(key);
      rows.set(key, {
        accountId: entry.accountId, counter, spender, startsAtMs: fromMs, endsAtMs,
        used: (before?.used ?? 0) + credits, open: (before?.open ?? 0) + open, crossed: crossed || before?.crossed === true,
      });
    }
  }
  return [...rows.values()];
}
