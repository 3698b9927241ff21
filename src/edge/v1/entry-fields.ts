import Type from 'typebox';
import type { HistoryEntry as StoredEntry } from '../../books/entry.table.js';
import { creditsText } from '../../kit/money/credits.js';
import { readFacts } from '../../ledger/facts.js';
import type { FlatRow } from '../http/row-stream.js';
import { AmountOut, timeText, TimeOut } from './values.js';

/** One entry of an account's ledger, as Postgres has it. */
export type HistoryEntry = Omit<StoredEntry, 'key' | 'overage' | 'principal'>;

const OrNull = () => Type.Union([Type.String(), Type.Null()]);

/** Amounts are changes by this entry; those that end in `After` are balances. */
export const entryFields = {
  seq: Type.Integer(), at: TimeOut(), kind: Type.String(), hold: OrNull(), price: OrNull(),
  corrects: Type.Union([Type.Integer(), Type.Null()], { description: '`seq` of the end of the hold that this entry adds to' }),
  available: AmountOut(), held: AmountOut(), debt: AmountOut(), granted: AmountOut(), captured: AmountOut(), expired: AmountOut(),
  removed: AmountOut(), uncollected: AmountOut(), availableAfter: AmountOut(), heldAfter: AmountOut(), debtAfter: AmountOut(),
  source: OrNull(), reason: OrNull(),
};
export const Entry = Type.Object(entryFields);

export function presentEntry(entry: HistoryEntry): FlatRow {
  const { source, reason } = readFacts(entry.about);
  return {
    seq: entry.seq, at: timeText(entry.atMs), kind: entry.kind, hold: entry.holdId === '' ? null : entry.holdId,
    price: entry.price === '' ? null : entry.price, corrects: entry.corrects === 0 ? null : entry.corrects,
    available: creditsText(entry.available), held: creditsText(entry.held), debt: creditsText(entry.debt),
    granted: creditsText(entry.granted), captured: creditsText(entry.captured), expired: creditsText(entry.expired),
    removed: creditsText(entry.removed), uncollected: creditsText(entry.uncollected),
    availableAfter: creditsText(entry.availableAfter), heldAfter: creditsText(entry.heldAfter), debtAfter: creditsText(entry.debtAfter),
    source, reason,
  };
}
