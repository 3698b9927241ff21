import type { ShardRow } from '../books/shards.table.js';
import type { Keyspace } from '../ledger/keys.js';
import { atMsOf, compareStreamIds } from '../ledger/stream-position.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import { ShardFault } from './shard-fault.js';

export type CursorWatch = {
  /** Looks at shards whose cursor this process sees for the first time, or further back than before. @throws ShardFault */
  check(shards: readonly ShardRow[]): Promise<void>;
  /** Notes cursors that were committed. */
  moved(shards: readonly ShardRow[]): void;
};

/**
 * Notices a Postgres that has gone back in time: a standby that lagged, or a backup. The drain then goes on from the older
 * cursor, because streams keep a tail behind it (tail.ts). If entries between the two have left Redis, what they did is in no
 * store any more but in the balances of Redis: the shard stops, and says how many they are and of which time.
 */
export function cursorWatch(redis: Pick<ShardedRedis, 'streamStates'>, keys: Keyspace): CursorWatch {
  const last = new Map<string, string>();
  const journalOf = ({ shard, epoch }: ShardRow): string => keys.shard(shard, epoch).journal;
  const note = (row: ShardRow): void => { last.set(journalOf(row), row.lastId); };

  return {
    async check(shards) {
      const asked = shards.filter((row) => {
        const before = last.get(journalOf(row));
        return before === undefined || compareStreamIds(row.lastId, before) < 0;
      });
      if (asked.length === 0) return;
      const states = await redis.streamStates(asked.map(journalOf));
      asked.forEach((row, index) => {
        const { entries = 0, length = 0, firstId = null } = states[index] ?? {};
        const missing = entries - length - row.drained;
        const isBeforeAll = firstId === null ? length === 0 : compareStreamIds(row.lastId, firstId) < 0;
        if (missing > 0 && isBeforeAll) throw new ShardFault(row.shard, 0, lossOf(row, missing, firstId));
        note(row);
      });
    },
    moved: (shards) => { shards.forEach(note); },
  };
}

function lossOf({ shard, lastId }: ShardRow, missing: number, firstId: string | null): string {
  const timeOf = (id: string): string => new Date(atMsOf(id)).toISOString();
  const from = lastId === '0-0' ? 'the start of the epoch' : timeOf(lastId);
  const to = firstId === null ? '' : ` and before ${timeOf(firstId)}`;
  return `Postgres is older than the journal: ${missing} entries of shard ${shard} from after ${from}${to} are no longer in Redis`;
}
