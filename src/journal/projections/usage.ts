import { micros, ZERO } from '../../money/micros.js';
import { insertUsage, markCollected, type CollectedUsage, type UsageRow } from '../../usage/usage.table.js';
import type { AboutFacts } from '../about.js';
import type { EntryKind, JournalEntry } from '../entry.js';
import type { PlacedEntry } from '../fold-accounts.js';
import type { Projection } from './projection.js';

/** Entries by which services are used. Only of fresh ones is usage made, so what comes a second time is counted once. */
const USAGE_KINDS: ReadonlySet<EntryKind> = new Set(['charge', 'settle', 'late_settle', 'void', 'attribute', 'refuse_usage']);

/** The uses of services that a batch tells of. */
export function foldUsage(fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => AboutFacts): UsageRow[] {
  return fresh.flatMap(({ entry, shard: { shard } }) => {
    const { usage, deduction } = factsOf(entry);
    if (usage === null || !USAGE_KINDS.has(entry.kind)) return [];
    const { accountId, seq, atMs } = entry;
    const { service, operation, metadata } = usage;
    const isRefused = entry.kind === 'refuse_usage';
    // What a deduction has paid for is shown here once: the deduction has no record of its own.
    const credits = isRefused ? ZERO : usage.credits ?? deduction?.credits ?? entry.captured;
    return [{ accountId, shard, seq, atMs, service, operation, metadata, credits, uncollected: micros(Math.max(0, entry.uncollected)), isRefused }];
  });
}

/** Refused usage that a batch has collected after all. */
export const foldCollected = (fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => AboutFacts): CollectedUsage[] =>
  fresh.flatMap(({ entry }) => {
    const { refusal } = factsOf(entry);
    return refusal === null ? [] : [{ accountId: entry.accountId, refusedSeq: refusal.seq, collectedSeq: entry.seq }];
  });

export const usageRecords: Projection<readonly UsageRow[]> = {
  name: 'usage records',
  fold: ({ fresh, factsOf }) => foldUsage(fresh, factsOf),
  write: insertUsage,
};

export const collectedUsage: Projection<readonly CollectedUsage[]> = {
  name: 'collected usage',
  fold: ({ fresh, factsOf }) => foldCollected(fresh, factsOf),
  write: markCollected,
};
