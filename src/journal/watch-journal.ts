import type { Redis } from 'ioredis';
import type { Keyspace } from '../ledger/keys.js';
import type { Meter } from '../metrics/metrics.js';
import type { Db } from '../postgres/connect.js';
import { repeat } from '../repeat.js';
import { readLag } from './journal-streams.js';
import { readShards } from './shards.table.js';

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

async function measure({ db, redis, keys, metrics }: WatchJournalDeps): Promise<void> {
  const rows = await readShards(db);
  const [lags, holds, [seconds, micros]] = await Promise.all([
    Promise.all(rows.map(({ shard, epoch, lastId, drained }) => readLag(redis, { key: keys.shard(shard, epoch).journal, afterId: lastId, drained }))),
    Promise.all(rows.map(({ shard, epoch }) => redis.zcard(keys.shard(shard, epoch).holdsDue))),
    redis.time(),
  ]);
  const nowMs = Number(seconds) * 1_000 + Number(micros) / 1_000;
  const oldest = lags.flatMap(({ oldestAtMs }) => (oldestAtMs === null ? [] : [oldestAtMs]));
  const behindMs = oldest.length === 0 ? 0 : Math.max(0, nowMs - Math.min(...oldest));
  metrics.set('lagEntries', {}, lags.reduce((sum, { waiting }) => sum + waiting, 0));
  metrics.set('lagSeconds', {}, behindMs / 1_000);
  metrics.set('holdsOpen', {}, holds.reduce((sum, count) => sum + count, 0));
}
