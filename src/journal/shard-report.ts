import type { Keyspace } from '../ledger/keys.js';
import type { Db } from '../postgres/connect.js';
import { readLag, type RedisCommands } from './journal-streams.js';
import { readShards } from './shards.table.js';

/** A shard's journal: how far it is in Postgres, how much is still to come, and why it does not come. */
export type ShardReport = {
  readonly shard: number;
  readonly epoch: number;
  readonly cursor: string;
  readonly lagEntries: number;
  readonly stoppedReason: string | null;
};

export async function reportShards({ db, redis, keys }: { readonly db: Db; readonly redis: RedisCommands; readonly keys: Keyspace }): Promise<ShardReport[]> {
  const rows = await readShards(db);
  return Promise.all(rows.map(async ({ shard, epoch, lastId, drained, stoppedReason }) => {
    const { waiting } = await readLag(redis, { key: keys.shard(shard, epoch).journal, afterId: lastId, drained });
    return { shard, epoch, cursor: lastId, lagEntries: waiting, stoppedReason };
  }));
}
