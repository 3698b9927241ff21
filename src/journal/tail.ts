import type { ShardRow } from '../books/shards.table.js';
import type { Clock } from '../kit/clock.js';
import type { Keyspace } from '../ledger/keys.js';
import { compareStreamIds } from '../ledger/stream-position.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';

type Mark = { readonly lastId: string; readonly seenAtMs: number };

/** Trims streams up to what Postgres has committed. */
export type Tail = { trim(redis: Pick<ShardedRedis, 'trimStreams'>, cursors: readonly ShardRow[]): Promise<void> };

/**
 * Entries stay in the stream for `tailMs` after their commit, so that a standby of Postgres that takes over without its
 * last commits can drain them again (docs/reliability.md#w9). The time since the commit counts, not the age of the entry:
 * after an outage the whole backlog is old. Each cursor is kept with the time when it was first seen, and the stream is
 * trimmed up to it `tailMs` later. After a restart of the process the time starts again.
 */
export function journalTail(keys: Keyspace, tailMs: number, clock: Clock): Tail {
  const marks = new Map<string, Mark>();
  return {
    async trim(redis, cursors) {
      const nowMs = clock();
      const trims = cursors.flatMap(({ shard, epoch, lastId }) => {
        const { journal } = keys.shard(shard, epoch);
        const mark = marks.get(journal);
        // A cursor that has gone back is one of an older Postgres, which has yet to read what an older mark would remove.
        const isAhead = mark !== undefined && compareStreamIds(mark.lastId, lastId) > 0;
        const isOld = mark !== undefined && !isAhead && nowMs - mark.seenAtMs >= tailMs;
        if (mark === undefined || isAhead || isOld) marks.set(journal, { lastId, seenAtMs: nowMs });
        if (tailMs === 0) return lastId === '0-0' ? [] : [{ key: journal, minId: after(lastId) }];
        return isOld && mark.lastId !== '0-0' ? [{ key: journal, minId: after(mark.lastId) }] : [];
      });
      await redis.trimStreams(trims);
    },
  };
}

/** The smallest id after this one: MINID keeps the id it names, and this entry may be deleted. */
function after(id: string): string {
  const dash = id.indexOf('-');
  return `${id.slice(0, dash)}-${Number(id.slice(dash + 1)) + 1}`;
}
