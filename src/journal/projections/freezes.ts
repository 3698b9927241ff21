import { markFrozen, type FrozenRow } from '../../books/frozen-account.table.js';
import type { JournalEntry } from '../../ledger/entry.js';
import type { Facts } from '../../ledger/facts.js';
import type { PlacedEntry } from '../fold-accounts.js';
import { accounts } from './accounts.js';
import type { Projection } from './projection.js';

export const freezes: Projection<readonly FrozenRow[]> = {
  name: 'freezes',
  after: accounts,
  fold: ({ fresh, factsOf }) => foldFreezes(fresh, factsOf),
  write: markFrozen,
};

/** Accounts that a batch freezes or thaws, each as its last such entry leaves it. */
export function foldFreezes(fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => Facts): FrozenRow[] {
  const last = new Map<string, FrozenRow>();
  for (const { entry } of fresh) {
    if (entry.kind !== 'freeze' && entry.kind !== 'thaw') continue;
    const { accountId, atMs } = entry;
    const { actor, reason } = factsOf(entry);
    last.set(accountId, { accountId, frozen: entry.kind === 'freeze', actor, reason, atMs });
  }
  return [...last.values()];
}
