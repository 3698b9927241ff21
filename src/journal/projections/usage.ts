import { insertUsage, type UsageRow } from '../../usage/usage.table.js';
import type { AboutFacts } from '../about.js';
import type { EntryKind, JournalEntry } from '../entry.js';
import type { PlacedEntry } from '../fold-accounts.js';
import type { Projection } from './projection.js';

/** Entries by which credits are used. Only of fresh ones is usage made, so what comes a second time is counted once. */
const USAGE_KINDS: ReadonlySet<EntryKind> = new Set(['charge', 'settle', 'late_settle', 'void']);

/** The uses of services that a batch tells of. */
export function foldUsage(fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => AboutFacts): UsageRow[] {
  return fresh.flatMap(({ entry, shard: { shard } }) => {
    const { usage } = factsOf(entry);
    if (usage === null || !USAGE_KINDS.has(entry.kind)) return [];
    const { accountId, seq, atMs } = entry;
    const { service, operation, metadata } = usage;
    return [{ accountId, shard, seq, atMs, service, operation, metadata, credits: usage.credits ?? entry.captured }];
  });
}

export const usageRecords: Projection<readonly UsageRow[]> = {
  name: 'usage records',
  fold: ({ fresh, factsOf }) => foldUsage(fresh, factsOf),
  write: insertUsage,
};
