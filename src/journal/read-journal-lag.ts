import type { Redis } from 'ioredis';
import type { Keyspace } from '../ledger/keys.js';
import type { Db } from '../postgres/connect.js';
import { readLag } from './journal-streams.js';
import { readShards } from './shards.table.js';

/** How far Postgres is behind Redis, over all shards: what a total loss of Redis would cost at this moment (design §6). */
export type JournalLag = { readonly entries: number; readonly seconds: number; readonly openHolds: number };

export type JournalLagDeps = { readonly db: Db; readonly redis: Redis; readonly keys: Keyspace };

export async function readJournalLag({ db, redis, keys }: JournalLagDeps): Promise<JournalLag> {
  const rows = await readShards(db);
  const [lags, holds, [seconds, micros]] = await Promise.all([
    Promise.all(rows.map(({ shard, epoch, lastId, drained }) => readLag(redis, { key: keys.shard(shard, epoch).journal, afterId: lastId, drained }))),
    Promise.all(rows.map(({ shard, epoch }) => redis.zcard(keys.shard(shard, epoch).holdsDue))),
    redis.time(),
  ]);
  const nowMs = Number(seconds) * 1_000 + Number(micros) / 1_000;
  const oldest = lags.flatMap(({ oldestAtMs }) => (oldestAtMs === null ? [] : [oldestAtMs]));
  const behindMs = oldest.length === 0 ? 0 : Math.max(0, nowMs - Math.min(...oldest));
  return {
    entries: lags.reduce((sum, { waiting }) => sum + waiting, 0),
    seconds: behindMs / 1_000,
    openHolds: holds.reduce((sum, each) => sum + each, 0),
  };
}
