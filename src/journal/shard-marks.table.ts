import type { ShardMark } from '../ledger/shard-store.js';
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
