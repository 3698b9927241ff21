import type { Transaction } from '../transactions/transaction.js';
import { transactionsOf } from '../transactions/transactions-of.js';
import type { AboutFacts } from './about.js';
import type { JournalEntry } from './entry.js';
import type { PlacedEntry } from './fold-accounts.js';

/** The lines that a batch adds to statements, in the order of their accounts' entries. */
export const transactionsIn = (fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => AboutFacts): Transaction[] =>
  fresh.flatMap(({ entry }) => transactionsOf(entry.accountId, entry, factsOf(entry)));
