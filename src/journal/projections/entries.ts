import { insertDetails, insertEntries, type EntryRow } from '../../books/entry.table.js';
import type { JournalEntry } from '../../ledger/entry.js';
import type { PlacedEntry } from '../fold-accounts.js';
import type { Projection } from './projection.js';

export const entries: Projection<readonly EntryRow[]> = {
  name: 'entries',
  fold: ({ fresh }) => fresh.map(entryRow),
  write: insertEntries,
};

export const entryDetails: Projection<readonly JournalEntry[]> = {
  name: 'entry details',
  fold: ({ fresh }) => fresh.filter(({ entry }) => entry.about !== '').map(({ entry }) => entry),
  write: insertDetails,
};

/** The row of an entry. */
export const entryRow = ({ entry, shard }: PlacedEntry): EntryRow => ({ entry, epoch: shard.epoch, lots: lotsText(entry) });

/** The lot changes of the entry as deltas, for audits that replay them. */
const lotsText = ({ lots }: JournalEntry): string =>
  lots.map(({ lotId, remaining, held }) => `${lotId}:${remaining}:${held}`).join(',');
