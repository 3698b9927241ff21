import { writeAccounts, type AccountRow } from '../../books/account.table.js';
import type { Projection } from './projection.js';

/** Folded before all others (fold-accounts.ts), because its fold decides which entries are fresh. */
export const accounts: Projection<readonly AccountRow[]> = {
  name: 'accounts',
  fold: (batch) => batch.accounts,
  write: writeAccounts,
};
