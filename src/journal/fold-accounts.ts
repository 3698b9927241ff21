import type { AccountRow } from '../books/account.table.js';
import type { ShardRow } from '../books/shards.table.js';
import { micros, ZERO } from '../kit/money/micros.js';
import type { JournalEntry } from '../ledger/entry.js';
import { afterOf, AMOUNTS, BALANCES, figuresOf } from '../ledger/figures.js';
import { ShardFault } from './shard-fault.js';

/** The entries read from one shard's stream, decoded. */
export type ShardBatch = { readonly shard: ShardRow; readonly entries: readonly JournalEntry[] };

/** An entry and its place: `index` is its position in its shard's batch. */
export type PlacedEntry = { readonly entry: JournalEntry; readonly shard: ShardRow; readonly index: number };

export type FoldedAccounts = {
  /** Entries that Postgres does not have, in the order of their streams. */
  readonly fresh: readonly PlacedEntry[];
  /** Entries that Postgres should already have: they were delivered again, or Redis was restored to an older state. */
  readonly known: readonly PlacedEntry[];
  /** The accounts after the fresh entries. */
  readonly changed: readonly AccountRow[];
};

/**
 * Applies a batch to its accounts. Each account's entries must have consecutive numbers (I7), and every balance stated in
 * an entry must equal the computed one. Throws ShardFault otherwise.
 */
export function foldAccounts(batches: readonly ShardBatch[], stored: ReadonlyMap<string, AccountRow>): FoldedAccounts {
  const changed = new Map<string, AccountRow>();
  const fresh: PlacedEntry[] = [];
  const known: PlacedEntry[] = [];
  for (const { shard, entries } of batches) {
    for (const [index, entry] of entries.entries()) {
      const storedSeq = stored.get(entry.accountId)?.seq ?? 0;
      const before = changed.get(entry.accountId) ?? stored.get(entry.accountId);
      if (entry.seq <= storedSeq) {
        known.push({ entry, shard, index });
        continue;
      }
      const expected = (before?.seq ?? 0) + 1;
      if (entry.seq !== expected) {
        const what = entry.seq > expected ? 'gap' : 'fork';
        throw new ShardFault(
          shard.shard, index,
          `${what}: account ${entry.accountId} has entry ${entry.seq} at ${entry.streamId}, ${expected} was expected`,
        );
      }
      const after = add(before, entry, shard);
      if (after === null) {
        throw new ShardFault(
          shard.shard, index,
          `account ${entry.accountId}: the balances of entry ${entry.seq} at ${entry.streamId} do not follow from the one before`,
        );
      }
      changed.set(entry.accountId, after);
      fresh.push({ entry, shard, index });
    }
  }
  return { fresh, known, changed: [...changed.values()] };
}

/** The account after one more entry, or null when the entry states other balances, or one that is no safe integer. */
function add(before: AccountRow | undefined, entry: JournalEntry, { shard, epoch }: ShardRow): AccountRow | null {
  const sums = figuresOf(AMOUNTS, (name) => micros((before?.[name] ?? ZERO) + entry[name]));
  if (BALANCES.some((name) => sums[name] !== entry[afterOf(name)])) return null;
  return { accountId: entry.accountId, shard, seq: entry.seq, epoch, ...sums, updatedAtMs: entry.atMs };
}
