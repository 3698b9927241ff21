import { readShards } from '../books/shards.table.js';
import type { Keyspace } from '../ledger/keys.js';
import type { Db } from '../stores/postgres/connect.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import { readLags } from './journal-streams.js';

/** The journal of a shard: how far it is drained, how much waits, and why it is stopped. */
export type ShardReport = {
  readonly shard: number;
  readonly epoch: number;
  readonly cursor: string;
  readonly lagEntries: number;
  readonly stoppedReason: string | null;
};

export async function reportShards(
  { db, redis, keys }: { readonly db: Db; readonly redis: ShardedRedis; readonly keys: Keyspace },
): Promise<ShardReport[]> {
  const rows = await readShards(db);
  const { lags } = await readLags(
    redis, rows.map(({ shard, epoch, lastId, drained }) => ({ key: keys.shard(shard, epoch).journal, afterId: lastId, drained })),
  );
  return rows.map(({ shard, epoch, lastId, stoppedReason }, index) => ({
    shard, epoch, cursor: lastId, lagEntries: lags[index]?.waiting ?? 0, stoppedReason,
  }));
}
