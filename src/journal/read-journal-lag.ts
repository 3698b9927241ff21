import type { ShardRow } from '../books/shards.table.js';
import type { Keyspace } from '../ledger/keys.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import { readLags } from './journal-streams.js';

/**
 * How far Postgres is behind Redis, over all shards: what a total loss of Redis would cost now
 * (docs/architecture.md#from-redis-to-postgres).
 */
export type JournalLag = { readonly entries: number; readonly seconds: number };

/** Computed from the given cursors, the last known ones. */
export async function readJournalLag(redis: ShardedRedis, keys: Keyspace, cursors: readonly ShardRow[]): Promise<JournalLag> {
  const { nowMs, lags } = await readLags(
    redis,
    cursors.map(({ shard, epoch, lastId, drained }) => ({ key: keys.shard(shard, epoch).journal, afterId: lastId, drained })),
  );
  let entries = 0;
  let oldestAtMs = nowMs;
  for (const lag of lags) {
    entries += lag.waiting;
    oldestAtMs = Math.min(oldestAtMs, lag.oldestAtMs ?? nowMs);
  }
  return { entries, seconds: (nowMs - oldestAtMs) / 1_000 };
}
