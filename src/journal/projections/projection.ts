import type { AccountRow } from '../../books/account.table.js';
import type { QuarantineRow } from '../../books/quarantine.table.js';
import type { JournalEntry } from '../../ledger/entry.js';
import type { Facts } from '../../ledger/facts.js';
import type { Trx } from '../../stores/postgres/connect.js';
import type { PlacedEntry } from '../fold-accounts.js';

/**
 * One table's part of the drain. All projections run in the transaction that moves the cursors: first all folds, then all
 * writes. Statements are sent in the order of the list (projections.ts) without waiting for one another.
 */
export type Projection<Rows = unknown> = {
  /** Unique in the list. */
  readonly name: string;
  /**
   * Computes the rows of a batch. May read through `trx`, which holds the locks of the shards, but must not write. Throws
   * ShardFault when the journal contradicts itself or the books.
   */
  fold(batch: FreshBatch, trx: Trx): Rows | Promise<Rows>;
  /** The projection whose rows must be written before. */
  readonly after?: Projection;
  /** Writes the rows of `fold`, which may be none. */
  write(trx: Trx, rows: Rows): Promise<void>;
};

/** The entries of a batch that Postgres does not have yet, with facts that are computed before any fold. */
export type FreshBatch = {
  /** In the order of their streams. Their texts can be read and stored. */
  readonly fresh: readonly PlacedEntry[];
  /** The accounts after these entries. */
  readonly accounts: readonly AccountRow[];
  readonly factsOf: (entry: JournalEntry) => Facts;
  /** Texts that were taken out of `fresh`. */
  readonly unreadable: readonly QuarantineRow[];
  readonly entryName: EntryName;
};

/** The name under which a price book has, or ever had, a model; null for others: only such names get rows in the books. */
export type EntryName = (model: string) => string | null;

/** For a fold that two projections share: runs it once per batch. */
export function oncePerBatch<T>(fold: (batch: FreshBatch, trx: Trx) => T): (batch: FreshBatch, trx: Trx) => T {
  const folded = new WeakMap<FreshBatch, { readonly value: T }>();
  return (batch, trx) => {
    const known = folded.get(batch);
    if (known !== undefined) return known.value;
    const value = fold(batch, trx);
    folded.set(batch, { value });
    return value;
  };
}
