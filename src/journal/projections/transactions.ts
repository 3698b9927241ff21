import { countTransactions, type CountedTransactions } from '../../books/count-transactions.js';
import type { Transaction } from '../../books/transaction.js';
import { insertTransactions, readTotals } from '../../books/transaction.table.js';
import type { JournalEntry } from '../../ledger/entry.js';
import type { Facts } from '../../ledger/facts.js';
import type { PlacedEntry } from '../fold-accounts.js';
import { transactionsOf } from '../transactions-of.js';
import type { Projection } from './projection.js';

export const transactions: Projection<CountedTransactions> = {
  name: 'transactions',
  fold: async ({ fresh, factsOf }, trx) => {
    const made = transactionsIn(fresh, factsOf);
    return countTransactions(made, await readTotals(trx, [...new Set(made.map(({ accountId }) => accountId))]));
  },
  write: insertTransactions,
};

/** The lines that a batch adds to statements, in the order of their accounts' entries. */
const transactionsIn = (fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => Facts): Transaction[] =>
  fresh.flatMap(({ entry }) => transactionsOf(entry.accountId, entry, factsOf(entry)));
