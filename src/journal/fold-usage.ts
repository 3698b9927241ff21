import type { UsageRow } from '../usage/usage.table.js';
import type { AboutFacts } from './about.js';
import type { EntryKind, JournalEntry } from './entry.js';
import type { PlacedEntry } from './fold-accounts.js';
import type { CorrectedEnd } from './model-uses.js';

/** Entries by which credits are used. Only of fresh ones is usage made, so what comes a second time is counted once. */
const USAGE_KINDS: ReadonlySet<EntryKind> = new Set(['charge', 'settle', 'late_settle', 'void', 'correct']);

/**
 * The uses of services that a batch tells of. A correction of an end that told of the same use adds credits to it, and is
 * no use of its own. `correctedBy` gives the end that an entry corrects.
 */
export function foldUsage(
  fresh: readonly PlacedEntry[], factsOf: (entry: JournalEntry) => AboutFacts, correctedBy: (entry: JournalEntry) => CorrectedEnd | null,
): UsageRow[] {
  return fresh.flatMap(({ entry, shard: { shard } }) => {
    const { usage } = factsOf(entry);
    if (usage === null || !USAGE_KINDS.has(entry.kind)) return [];
    const { accountId, seq, atMs } = entry;
    const { service, operation, metadata } = usage;
    const isSameUse = (correctedBy(entry)?.facts.usage ?? null) !== null;
    return [{ accountId, shard, seq, atMs, service, operation, metadata, credits: usage.credits ?? entry.captured, corrects: isSameUse ? entry.corrects : null }];
  });
}
