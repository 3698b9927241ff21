import { readEntryWithLots, readHoldEntries, type EntryWithLots, type HistoryEntry } from '../../books/entry.table.js';
import { readLastHolds } from '../../books/hold.table.js';
import { GatewayError } from '../../kit/errors.js';
import { decodeLotChanges, type LotChange } from '../../ledger/entry.js';
import { readFacts } from '../../ledger/facts.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import type { NativeBook } from '../prices/native-book.js';
import { pricedAgain, type PricedUsage } from '../prices/price-usage.js';

export type ReadReceiptDeps = {
  readonly db: Db;
  readonly book: () => NativeBook;
  /** Writes what Redis has of the account to Postgres. */
  readonly bringUpToDate: (accountId: string) => Promise<void>;
};

/** An entry with the lots it changed and, if it is about a hold, all entries of that hold so far, oldest first. */
export type Receipt = {
  readonly entry: HistoryEntry;
  readonly lots: readonly LotChange[];
  /** The usage that it charged for, with the prices of then; empty where it was not priced by classes of tokens. */
  readonly priced: readonly PricedUsage[];
  readonly timeline: readonly HistoryEntry[];
};

/**
 * The receipt of an entry. Throws GatewayError not_found (the account has no entry of that number), ledger_unavailable.
 */
export async function readReceipt(deps: ReadReceiptDeps, accountId: string, seq: number): Promise<Receipt> {
  const entry = await findEntry(deps, accountId, seq);
  if (entry === null) throw new GatewayError('not_found', `the account has no entry ${seq}`);
  const timeline = entry.holdId === '' ? [] : await timelineOf(deps.db, accountId, entry).catch(rethrow);
  const priced = pricedAgain(deps.book(), readFacts(entry.about).priced);
  return { entry, lots: decodeLotChanges(entry.lots), priced, timeline };
}

/** A receipt is often asked for right after its entry was made, before Postgres has it. */
async function findEntry({ db, bringUpToDate }: ReadReceiptDeps, accountId: string, seq: number): Promise<EntryWithLots | null> {
  const read = (): Promise<EntryWithLots | null> => readEntryWithLots(db, accountId, seq).catch(rethrow);
  const found = await read();
  if (found !== null) return found;
  await bringUpToDate(accountId);
  return read();
}

async function timelineOf(db: Db, accountId: string, { holdId, seq }: HistoryEntry): Promise<readonly HistoryEntry[]> {
  const [hold] = await readLastHolds(db, [{ accountId, holdId }]);
  // An id may have been used again by a version that allowed it: then the last hold is not that of an older entry.
  if (hold === undefined || hold.placedSeq > seq) return [];
  return readHoldEntries(db, accountId, holdId, { fromSeq: hold.placedSeq, toSeq: Number.MAX_SAFE_INTEGER });
}

const rethrow = (error: unknown): never => { throw toGatewayError(error); };
