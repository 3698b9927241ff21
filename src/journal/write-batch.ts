import { readAccounts } from '../books/account.table.js';
import { findForks } from '../books/entry.table.js';
import type { QuarantineRow } from '../books/quarantine.table.js';
import type { JournalEntry } from '../ledger/entry.js';
import { parseFacts, readFacts, type Facts } from '../ledger/facts.js';
import type { Trx } from '../stores/postgres/connect.js';
import { together } from '../stores/postgres/errors.js';
import { foldAccounts, type PlacedEntry, type ShardBatch } from './fold-accounts.js';
import type { CorrectedEnd } from './model-uses.js';
import { entryRow } from './projections/entries.js';
import { correctedEnds, holdsOf } from './projections/holds.js';
import type { EntryName, FreshBatch, Projection } from './projections/projection.js';
import { projections } from './projections/projections.js';
import { quarantineOf, quarantineRow } from './projections/quarantine.js';
import { ShardFault } from './shard-fault.js';

export type WriteOptions = {
  /** Quarantines the text of every entry: used for a single entry whose text Postgres refuses. */
  readonly stripText: boolean;
};

export type WriteDeps = { readonly entryName: EntryName };

/** A written entry, with facts that were read for it. Committed once, and reported once (drain.ts). */
export type WrittenEntry = {
  readonly entry: JournalEntry;
  readonly facts: Facts;
  /** When the hold that this entry ends was placed; null for every other entry. */
  readonly placedAtMs: number | null;
  /** The end of the hold that this entry corrects; null for every other entry. */
  readonly corrected: CorrectedEnd | null;
};

/** The result of a batch, for the report. */
export type Written = { readonly fresh: readonly WrittenEntry[]; readonly redelivered: number; readonly quarantined: number };

/**
 * Writes a batch and all rows that follow from it, in a few statements. The caller holds the locks of its shards, so what
 * is read here cannot change before it is written. Throws ShardFault or Contradiction when the journal contradicts itself
 * or the books; pg's errors pass unchanged.
 */
export async function writeBatch(
  trx: Trx, { entryName }: WriteDeps, batches: readonly ShardBatch[], { stripText }: WriteOptions,
): Promise<Written> {
  const accountIds = new Set(batches.flatMap(({ entries }) => entries.map(({ accountId }) => accountId)));
  const { fresh: placed, known, changed } = foldAccounts(batches, await readAccounts(trx, [...accountIds]));
  await refuseForks(trx, known);

  const batch: FreshBatch = { ...readTexts(placed, stripText), accounts: changed, entryName };
  const rows = await together(projections.map(async (projection) => await projection.fold(batch, trx)));
  // The folds above do not write.
  await writeAll(trx, rows);
  const { found } = await holdsOf(batch, trx);
  const correctedBy = await correctedEnds(batch, trx);
  return {
    fresh: batch.fresh.map(({ entry }) => ({
      entry, facts: batch.factsOf(entry), placedAtMs: found.get(entry)?.placedAtMs ?? null, corrected: correctedBy(entry),
    })),
    redelivered: known.length, quarantined: (await quarantineOf(batch, trx)).length,
  };
}

/** Starts every write without waiting for the one before, so that Postgres is busy with one while the next is made. */
async function writeAll(trx: Trx, rows: readonly unknown[]): Promise<void> {
  const writes = new Map<Projection, Promise<void>>();
  for (const [index, projection] of projections.entries()) {
    const before = projection.after === undefined ? undefined : writes.get(projection.after);
    const write = async (): Promise<void> => projection.write(trx, rows[index]);
    writes.set(projection, before === undefined ? write() : before.then(write));
  }
  await together([...writes.values()]);
}

/**
 * An entry that Postgres already has must be equal, to the micro. A different one with the same number means that Redis
 * was restored to an older state and spent the same credits again: never skipped (docs/reliability.md#f7).
 */
async function refuseForks(trx: Trx, known: readonly PlacedEntry[]): Promise<void> {
  const [fork] = await findForks(trx, known.map(entryRow));
  if (fork === undefined) return;
  const at = known.find(({ entry }) => entry.accountId === fork.accountId && entry.seq === fork.seq);
  if (at === undefined) throw new Error('a fork was found in an entry that was not asked for');
  throw new ShardFault(
    at.shard.shard, at.index,
    `fork: account ${fork.accountId} has another entry ${fork.seq} at ${at.entry.streamId} than Postgres`,
  );
}

/** Parses the texts of the entries. A text that cannot be read is quarantined, and its entry continues without one. */
function readTexts(placed: readonly PlacedEntry[], stripText: boolean): Pick<FreshBatch, 'fresh' | 'factsOf' | 'unreadable'> {
  const facts = new Map<JournalEntry, Facts>();
  const unreadable: QuarantineRow[] = [];
  const fresh = placed.map((at) => {
    const problem = stripText ? 'Postgres cannot store the text' : problemOf(at.entry, facts);
    if (problem === null) return at;
    unreadable.push(quarantineRow(at, problem));
    const entry = withoutText(at.entry);
    facts.set(entry, readFacts(entry.about));
    return { ...at, entry };
  });
  const factsOf = (entry: JournalEntry): Facts => facts.get(entry) ?? readFacts(entry.about);
  return { fresh, factsOf, unreadable };
}

function problemOf(entry: JournalEntry, facts: Map<JournalEntry, Facts>): string | null {
  try {
    facts.set(entry, parseFacts(entry.about));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : 'about cannot be read';
  }
}

/** NUL is the only character that Postgres cannot store. Ids and keys stay unchanged: they identify the account. */
const withoutText = (entry: JournalEntry): JournalEntry => ({
  ...entry,
  about: '{}',
  price: entry.price.replaceAll('\0', ''),
  fingerprint: entry.fingerprint.replaceAll('\0', ''),
  policy: entry.policy.replaceAll('\0', ''),
});
