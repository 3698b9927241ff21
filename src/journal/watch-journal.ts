import type { Redis } from 'ioredis';
import type { Keyspace } from '../ledger/keys.js';
import type { Meter } from '../metrics/metrics.js';
import type { Db } from '../postgres/connect.js';
import { repeat } from '../repeat.js';
import { readJournalLag } from './read-journal-lag.js';

export type WatchJournalDeps = {
  readonly db: Db;
  readonly redis: Redis;
  readonly keys: Keyspace;
  readonly metrics: Meter;
  readonly onError: (error: unknown) => void;
};

const EVERY_MS = 1_000;

/**
 * Measures, once a second, how far Postgres is behind Redis and how many holds are open. The lag is what a total loss
 * of Redis would cost at this moment (design §6). Answers what stops it.
 */
export function watchJournal(deps: WatchJournalDeps): () => void {
  return repeat(EVERY_MS, () => measure(deps), deps.onError);
}

async function measure({ metrics, ...deps }: WatchJournalDeps): Promise<void> {
  const { entries, seconds, openHolds } = await readJournalLag(deps);
  metrics.set('lagEntries', {}, entries);
  metrics.set('lagSeconds', {}, seconds);
  metrics.set('holdsOpen', {}, openHolds);
}
