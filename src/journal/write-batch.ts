import { readAccounts, writeAccounts } from '../accounts/account.table.js';
import { markFrozen } from '../accounts/frozen-account.table.js';
import { endHolds, insertHolds, readLastHolds } from '../holds/hold.table.js';
import { changeLots, insertLots } from '../lots/lot.table.js';
import { intentIdOf, markApplied, readIntents, type AppliedIntent } from '../lots/money-in.table.js';
import type { Trx } from '../postgres/connect.js';
import { insertTransactions } from '../transactions/transaction.table.js';
import { addModelHours } from '../usage/model-hours.table.js';
import { insertUsage, markCollected } from '../usage/usage.table.js';
import { readAbout, type AboutFacts } from './about.js';
import type { JournalEntry } from './entry.js';
import { findForks, insertDetails, insertEntries, type EntryRow } from './entry.table.js';
import { foldAccounts, type PlacedEntry, type ShardBatch } from './fold-accounts.js';
import { foldFreezes } from './fold-freezes.js';
import { foldHolds, holdsToRead, type FoldedHolds } from './fold-holds.js';
import { foldLots } from './fold-lots.js';
import { foldModels, type KnowsModel } from './fold-models.js';
import { transactionsIn } from './fold-transactions.js';
import { foldCollected, foldUsage } from './fold-usage.js';
import type { CorrectedEnd } from './model-uses.js';
import { insertQuarantine, type QuarantineRow } from './quarantine.table.js';
import { Contradiction, ShardFault } from './shard-fault.js';

export type WriteOptions = {
  /** Puts the text of every entry aside: what is done to a single entry whose text Postgres refuses. */
  readonly stripText: boolean;
};

export type WriteDeps = { readonly knowsModel: KnowsModel };

/** An entry that was written, with what was read of it on the way. Committed once, and told of once (drain.ts). */
export type WrittenEntry = {
  readonly entry: JournalEntry;
  readonly facts: AboutFacts;
  /** When the hold that this entry ends was placed; null for every other entry. */
  readonly placedAtMs: number | null;
  /** The end of the hold that this entry corrects; null for every other entry. */
  readonly corrected: CorrectedEnd | null;
};

/** What a batch came to, for the report. */
export type Written = { readonly fresh: readonly WrittenEntry[]; readonly redelivered: number; readonly quarantined: number };

/**
 * Writes a batch and everything it implies, in a handful of statements. The caller holds the locks of its shards, so
 * what is read here cannot change before it is written. Throws ShardFault or Contradiction when the journal says
 * something that cannot be true, and pg's errors as they are.
 */
export async function writeBatch(trx: Trx, { knowsModel }: WriteDeps, batches: readonly ShardBatch[], { stripText }: WriteOptions): Promise<Written> {
  const accountIds = new Set(batches.flatMap(({ entries }) => entries.map(({ accountId }) => accountId)));
  const { fresh: placed, known, changed } = foldAccounts(batches, await readAccounts(trx, [...accountIds]));
  await refuseForks(trx, known);

  const { fresh, factsOf, quarantine } = readTexts(placed, stripText);
  const aboutOf = (entry: JournalEntry): string => entry.about;
  const holds = foldHolds(fresh, await readLastHolds(trx, holdsToRead(fresh)), aboutOf);
  const correctedBy = (entry: JournalEntry): CorrectedEnd | null => correctedEnd(holds, entry);
  const lots = foldLots(fresh, factsOf);
  const intents = await appliedIntents(trx, fresh, quarantine);

  // Nothing above writes.
  await insertEntries(trx, fresh.map(toRow));
  await insertDetails(trx, fresh.filter(({ entry }) => entry.about !== '').map(({ entry }) => entry));
  await writeAccounts(trx, changed);
  await markFrozen(trx, foldFreezes(fresh, factsOf));
  await insertLots(trx, lots.opened);
  if (!await changeLots(trx, lots.changed)) throw new Contradiction('an entry changes a lot that was never opened');
  await insertHolds(trx, holds.placed);
  await endHolds(trx, holds.ended);
  await insertUsage(trx, foldUsage(fresh, factsOf, correctedBy));
  await markCollected(trx, foldCollected(fresh, factsOf));
  await addModelHours(trx, foldModels(fresh, factsOf, correctedBy, knowsModel));
  await insertTransactions(trx, transactionsIn(fresh, factsOf));
  await markApplied(trx, intents);
  await insertQuarantine(trx, quarantine);
  return {
    fresh: fresh.map(({ entry }) => ({
      entry, facts: factsOf(entry), placedAtMs: holds.found.get(entry)?.placedAtMs ?? null, corrected: correctedBy(entry),
    })),
    redelivered: known.length, quarantined: quarantine.length,
  };
}

/** What the end that an entry corrects said, as it is stored. */
function correctedEnd({ found }: FoldedHolds, entry: JournalEntry): CorrectedEnd | null {
  const before = entry.kind === 'correct' ? found.get(entry) : undefined;
  return before === undefined ? null : { state: before.state, facts: readAbout(before.endAbout ?? '') };
}

const toRow = ({ entry, shard }: PlacedEntry): EntryRow => ({ entry, epoch: shard.epoch, lots: lotsText(entry) });

/** The lot changes as the journal had them, deltas only: what a later audit replays. */
const lotsText = ({ lots }: JournalEntry): string =>
  lots.map(({ lotId, remaining, held }) => `${lotId}:${remaining}:${held}`).join(',');

/**
 * An entry that Postgres has already must be the same, to the micro. Another one under the same number means that
 * Redis went back in time and spent the same credits again: never skipped (reliability finding 7).
 */
async function refuseForks(trx: Trx, known: readonly PlacedEntry[]): Promise<void> {
  const [fork] = await findForks(trx, known.map(toRow));
  if (fork === undefined) return;
  const at = known.find(({ entry }) => entry.accountId === fork.accountId && entry.seq === fork.seq);
  if (at === undefined) throw new Error('a fork was found in an entry that was not asked for');
  throw new ShardFault(at.shard.shard, at.index, `fork: account ${fork.accountId} has another entry ${fork.seq} at ${at.entry.streamId} than Postgres`);
}

type ReadTexts = {
  readonly fresh: readonly PlacedEntry[];
  readonly factsOf: (entry: JournalEntry) => AboutFacts;
  readonly quarantine: QuarantineRow[];
};

/** Reads the texts of the entries. What cannot be read is put aside, and its entry goes on with none. */
function readTexts(placed: readonly PlacedEntry[], stripText: boolean): ReadTexts {
  const facts = new Map<JournalEntry, AboutFacts>();
  const quarantine: QuarantineRow[] = [];
  const fresh = placed.map((at) => {
    const problem = stripText ? 'Postgres cannot store the text' : problemOf(at.entry, facts);
    if (problem === null) return at;
    quarantine.push(quarantineRow(at, problem));
    const entry = withoutText(at.entry);
    facts.set(entry, readAbout(entry.about));
    return { ...at, entry };
  });
  const factsOf = (entry: JournalEntry): AboutFacts => facts.get(entry) ?? readAbout(entry.about);
  return { fresh, factsOf, quarantine };
}

function problemOf(entry: JournalEntry, facts: Map<JournalEntry, AboutFacts>): string | null {
  try {
    facts.set(entry, readAbout(entry.about));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : 'about cannot be read';
  }
}

/** NUL is the one character that Postgres has no place for. Ids and keys are left alone: they say whose money it is. */
const withoutText = (entry: JournalEntry): JournalEntry => ({
  ...entry,
  about: '{}',
  price: entry.price.replaceAll('\0', ''),
  fingerprint: entry.fingerprint.replaceAll('\0', ''),
  policy: entry.policy.replaceAll('\0', ''),
});

const quarantineRow = ({ entry, shard }: PlacedEntry, reason: string): QuarantineRow => ({
  shard: shard.shard,
  epoch: shard.epoch,
  streamId: entry.streamId,
  accountId: entry.accountId,
  reason: reason.replaceAll('\0', ''),
  // JSON writes NUL and lone surrogates as escapes, which any text column takes.
  payload: JSON.stringify({ seq: entry.seq, about: entry.about, price: entry.price, fingerprint: entry.fingerprint }),
});

/**
 * The intents whose entries these are. An intent that has an entry already was applied twice: the shard stops. One
 * that Postgres has lost is noted, but its money has moved all the same.
 */
async function appliedIntents(trx: Trx, fresh: readonly PlacedEntry[], quarantine: QuarantineRow[]): Promise<AppliedIntent[]> {
  const found = fresh.flatMap((at) => {
    const intentId = intentIdOf(at.entry.key);
    return intentId === null ? [] : [{ at, intentId }];
  });
  const stored = await readIntents(trx, found.map(({ intentId }) => intentId));
  const applied = new Map<number, AppliedIntent>();
  for (const { at, intentId } of found) {
    const { accountId, seq } = at.entry;
    const intent = stored.get(intentId);
    const earlier = applied.get(intentId)?.seq ?? intent?.appliedSeq ?? null;
    if (earlier !== null || (intent !== undefined && intent.accountId !== accountId)) {
      throw new ShardFault(at.shard.shard, at.index, `intent ${intentId} of account ${intent?.accountId ?? accountId} is applied twice: by entry ${earlier ?? 'of another account'} and by entry ${seq} of account ${accountId}`);
    }
    if (intent === undefined) quarantine.push(quarantineRow(at, `no intent ${intentId} is known to Postgres`));
    else applied.set(intentId, { intentId, accountId, seq });
  }
  return [...applied.values()];
}
