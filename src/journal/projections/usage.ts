import { insertUsage, type UsageRow } from '../../usage/usage.table.js';
import type { AboutFacts } from '../about.js';
import type { EntryKind, JournalEntry } from '../entry.js';
import type { PlacedEntry } from '../fold-accounts.js';
import type { Projection } from './projection.js';

export const usage: Projection<readonly UsageRow[]> = {
  name: 'usage',
  fold: ({ fresh, factsOf }) => foldUsage(fresh, factsOf),
  write: insertUsage,
};

/** Entries by which credits are used. Only of fresh ones is usage made, so what comes a second time is counted once. */
const USAGE_KINDS: ReadonlySet<EntryKind> = new Set(['charge', 'settle', 'late_settle', 'void']);

/** The uses of services that a batch tells of. */
export function foldUsage(fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => AboutFacts): UsageRow[] {
  return fresh.flatMap(({ entry, shard: { shard } }) => {
    const { usage: used } = factsOf(entry);
    if (used === null || !USAGE_KINDS.has(entry.kind)) return [];
    const { accountId, seq, atMs } = entry;
    const { service, operation, metadata } = used;
    return [{ accountId, shard, seq, atMs, service, operation, metadata, credits: used.credits ?? entry.captured }];
  });
}
