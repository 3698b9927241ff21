import type { ShardMark, ShardUse } from '../ledger/shard-store.js';
import type { Db } from '../stores/postgres/connect.js';

/**
 * Stores marks of the heartbeat. A mark never decreases: of two processes the one that has seen more wins, in any order
 * of their statements; `entries` is the higher of the two counts.
 */
export async function storeMarks(db: Db, marks: readonly ShardMark[]): Promise<void> {
  if (marks.length === 0) return;
  // Sorted by shard, so that two processes cannot deadlock.
  const sorted = [...marks].sort((a, b) => a.shard - b.shard);
  await db.raw(
    `insert into shard_marks as known (shard, epoch, last_id, entries)
     select * from unnest(?::integer[], ?::bigint[], ?::text[], ?::bigint[])
     on conflict (shard) do update
        set epoch = excluded.epoch, last_id = excluded.last_id, at = now(),
            entries = case when known.epoch = excluded.epoch then greatest(known.entries, excluded.entries) else excluded.entries end
      where (known.epoch, string_to_array(known.last_id, '-')::numeric[], known.entries)
          < (excluded.epoch, string_to_array(excluded.last_id, '-')::numeric[], excluded.entries)`,
    [
      sorted.map(({ shard }) => shard), sorted.map(({ epoch }) => epoch),
      sorted.map(({ lastId }) => lastId), sorted.map(({ entries }) => entries),
    ],
  );
}

/**
 * Notes that shards whose master was replaced once are in use on another one. Returns those that are in use on the replaced one. Costs
 * a read before the first failover.
 */
export async function storeUses(db: Db, uses: readonly ShardUse[]): Promise<number[]> {
  if (uses.length === 0) return [];
  const { rows } = await db.raw<{ rows: { shard: number }[] }>(
    `with used as (
       select shard, epoch, deposed @> array[id] as "isReplaced"
         from unnest(?::integer[], ?::text[]) as used (shard, id) join shards using (shard)
        where deposed <> '{}'),
     kept as (
       insert into shard_marks (shard, epoch, last_id, entries)
       select shard, epoch, '0-0', 0 from used where not "isReplaced" order by shard
       on conflict (shard) do update set at = now())
     select shard from used where "isReplaced"`,
    [uses.map(({ shard }) => shard), uses.map(({ replicationId }) => replicationId)],
  );
  return rows.map(({ shard }) => shard);
}

/** Whether a shard has been in use, or had new entries, within this time. */
export async function isUsedWithin(db: Db, shard: number, ms: number): Promise<boolean> {
  const { rows } = await db.raw<{ rows: object[] }>(
    `select from shard_marks where shard = ? and at > now() - make_interval(secs => ?::double precision / 1000)`, [shard, ms],
  );
  return rows.length > 0;
}
