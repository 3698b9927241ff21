import { repeat } from '../kit/repeat.js';
import { settleWithin } from '../kit/settle-within.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import { furthest, type Acknowledged, type ShardMemory } from './acknowledged.js';
import type { Fence } from './fence.js';
import type { Keyspace } from './keys.js';
import type { ShardMark, ShardStore } from './shard-store.js';
import { compareStreamIds, STREAM_START } from './stream-position.js';

export type HeartbeatDeps = {
  readonly redis: Pick<ShardedRedis, 'streamStates' | 'byServer' | 'onConnection'>;
  readonly keys: Keyspace;
  readonly store: Pick<ShardStore, 'mark'>;
  readonly fence: Pick<Fence, 'suspect'>;
  readonly acknowledged: Acknowledged;
  readonly onError: (error: unknown) => void;
};

export type Heartbeat = {
  /** Stores what is not stored yet, then stops. */
  close(): Promise<void>;
};

const EVERY_MS = 1_000;
/** Postgres may be down when a process stops; the last beat is at most a second old. */
const CLOSE_WITHIN_MS = 2_000;

/**
 * Stores in Postgres, once a second, how far Redis has acknowledged each shard that has new entries: one round trip to
 * Redis and one statement. The loss of a restart of everything is then known up to the last beat. When the connection to
 * Redis ends, this process stores its acknowledgements at once, before any process opens the fence again.
 */
export function heartbeat({ redis, keys, store, fence, acknowledged, onError }: HeartbeatDeps): Heartbeat {
  const unstored = (): [number, ShardMemory][] => acknowledged.unstored().flatMap((shard) => {
    const memory = acknowledged.of(shard);
    return memory === null ? [] : [[shard, memory]];
  });

  const keep = async (marks: readonly ShardMark[], of: readonly [number, ShardMemory][]): Promise<void> => {
    await store.mark(marks);
    for (const [shard, { epoch, lastId }] of of) acknowledged.stored(shard, epoch, lastId);
  };

  const beat = async (): Promise<void> => {
    const journalOf = ([shard, { epoch }]: [number, ShardMemory]): string => keys.shard(shard, epoch).journal;
    // A server that does not answer keeps no mark of the others back.
    const results = await Promise.allSettled(redis.byServer(unstored(), journalOf).map(beatOf));
    const failed = results.find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason as Error;
  };

  const beatOf = async (moved: readonly [number, ShardMemory][]): Promise<void> => {
    const streams = await redis.streamStates(moved.map(([shard, { epoch }]) => keys.shard(shard, epoch).journal));
    await keep(moved.map(([shard, { epoch, lastId, recent, seen }], index) => {
      const { lastId: reached, entries } = streams[index] ?? STREAM_START;
      if (compareStreamIds(reached, lastId) < 0) {
        // Redis was restored to an older state without a new connection. The acknowledgements stay known; the fence compares them.
        fence.suspect(shard);
        return { shard, epoch, ...furthest([seen], recent()) };
      }
      acknowledged.seen(shard, epoch, { lastId: reached, entries });
      return { shard, epoch, lastId: reached, entries };
    }), moved);
  };

  /** Without Redis: stores the last known positions plus the later acknowledgements of this process. */
  const flush = async (): Promise<void> => {
    const moved = unstored();
    await keep(moved.map(([shard, { epoch, recent, seen }]) => ({ shard, epoch, ...furthest([seen], recent()) })), moved);
  };

  const unsubscribe = redis.onConnection({ lost: () => { flush().catch(onError); } });
  const stop = repeat(EVERY_MS, beat, onError);
  return {
    close: async () => {
      stop();
      unsubscribe();
      await settleWithin(CLOSE_WITHIN_MS, flush().catch(onError));
    },
  };
}
