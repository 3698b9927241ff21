import { readShards } from '../../books/shards.table.js';
import { readJournalLag } from '../../journal/read-journal-lag.js';
import { sumLost } from '../../journal/shard-losses.table.js';
import type { Gauges } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import { lastKnown } from '../../kit/within.js';
import type { Keyspace } from '../../ledger/keys.js';
import type { Db } from '../../stores/postgres/connect.js';
import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';

export type WatchJournalDeps = {
  readonly db: Db;
  readonly redis: ShardedRedis;
  readonly keys: Keyspace;
  readonly metrics: Gauges;
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
};

const EVERY_MS = 5_000;
/** How long to wait for the cursors from Postgres before the last known ones are used. */
const CURSORS_WITHIN_MS = 500;
/** How long it is not reported that there are no cursors yet: while everything starts, the first read takes longer than one turn. */
const QUIET_MS = 10_000;

/**
 * Measures, every five seconds, how far Postgres is behind Redis: what a total loss of Redis would cost now
 * (docs/architecture.md#from-redis-to-postgres).
 * While Postgres is down nothing is drained, so the last known cursors stay correct and the lag grows as it should.
 * While Redis is down the lag is unknown, and the gauges are removed. Returns a stop function.
 */
export function watchJournal({ db, redis, keys, metrics, onError, everyMs = EVERY_MS }: WatchJournalDeps): () => void {
  const known = lastKnown(async () => ({ rows: await readShards(db), lost: await sumLost(db) }), CURSORS_WITHIN_MS);
  const startedAt = performance.now();
  const measure = async (): Promise<void> => {
    const { rows, lost } = await known() ?? {};
    if (rows === undefined || lost === undefined) {
      if (performance.now() - startedAt < QUIET_MS) return; // its gauges are not there yet either
      throw new Error('the cursors of the journal are not known yet');
    }
    metrics.set('shardsStopped', {}, rows.filter(({ stoppedReason }) => stoppedReason !== null).length);
    metrics.set('journalLost', {}, lost);
    metrics.set('fenceEpochs', {}, rows.reduce((sum, { epoch }) => sum + epoch, 0));
    const { entries, seconds } = await readJournalLag(redis, keys, rows);
    metrics.set('lagEntries', {}, entries);
    metrics.set('lagSeconds', {}, seconds);
  };
  return repeat(everyMs, measure, (error) => {
    metrics.forget('lagEntries', 'lagSeconds');
    onError(error);
  });
}
