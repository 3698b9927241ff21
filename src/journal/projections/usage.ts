import { insertUsage, markCollected, type CollectedUsage, type UsageRow } from '../../books/usage.table.js';
import { micros, ZERO, type Micros } from '../../kit/money/micros.js';
import type { EntryKind, JournalEntry } from '../../ledger/entry.js';
import type { Facts } from '../../ledger/facts.js';
import type { PlacedEntry } from '../fold-accounts.js';
import type { CorrectedEnd } from '../model-uses.js';
import { chargedBefore, correctedEnds } from './holds.js';
import type { Projection } from './projection.js';

/** Kinds of entries that report usage. Only fresh entries make records, so a redelivered entry counts once. */
const USAGE_KINDS: ReadonlySet<EntryKind> = new Set([
  'charge', 'settle', 'late_settle', 'give_back', 'void', 'correct', 'attribute', 'refuse_usage',
]);

/**
 * The uses of services in a batch. An expiry reports no use: the settle after it reports all that its hold was charged,
 * `chargedBefore` included. A correction of an end that reported the same use adds credits to it and is no use of
 * its own. `correctedBy` returns the end that an entry corrects.
 */
export function foldUsage(
  fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => Facts, correctedBy: (entry: JournalEntry) => CorrectedEnd | null,
  chargedBefore: (entry: JournalEntry) => Micros,
): UsageRow[] {
  return fresh.flatMap(({ entry, shard: { shard } }) => {
    const { usage, deduction } = factsOf(entry);
    if (usage === null || !USAGE_KINDS.has(entry.kind)) return [];
    const { accountId, seq, atMs } = entry;
    const { service, operation, metadata } = usage;
    const isRefused = entry.kind === 'refuse_usage';
    // Usage paid for by a deduction appears here only: the deduction has no usage record.
    const credits = isRefused ? ZERO : usage.credits ?? deduction?.credits ?? micros(chargedBefore(entry) + entry.captured);
    const isSameUse = (correctedBy(entry)?.facts.usage ?? null) !== null;
    return [{
      accountId, shard, seq, atMs, service, operation, metadata, credits, uncollected: micros(Math.max(0, entry.uncollected)), isRefused,
      corrects: isSameUse ? entry.corrects : null,
    }];
  });
}

/** Refused usage that a batch has collected after all. */
export const foldCollected = (fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => Facts): CollectedUsage[] =>
  fresh.flatMap(({ entry }) => {
    const { refusal } = factsOf(entry);
    return refusal === null ? [] : [{ accountId: entry.accountId, refusedSeq: refusal.seq, collectedSeq: entry.seq }];
  });

export const usageRecords: Projection<readonly UsageRow[]> = {
  name: 'usage records',
  fold: async (batch, trx) => foldUsage(batch.fresh, batch.factsOf, await correctedEnds(batch, trx), await chargedBefore(batch, trx)),
  write: insertUsage,
};

export const collectedUsage: Projection<readonly CollectedUsage[]> = {
  name: 'collected usage',
  after: usageRecords,
  fold: ({ fresh, factsOf }) => foldCollected(fresh, factsOf),
  write: markCollected,
};
