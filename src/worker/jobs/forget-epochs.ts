import type { Keyspace } from '../../ledger/keys.js';
import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';

export type ForgetEpochsDeps = {
  readonly redis: Pick<ShardedRedis, 'scan' | 'remove'>;
  readonly keys: Keyspace;
  /** The epoch of a shard, or undefined while it is unknown: then the shard is skipped. */
  readonly epochOf: (shard: number) => number | undefined;
};

const SCAN_COUNT = 1_000;

/**
 * Deletes the keys of past epochs from Redis. No script reads them, but they use memory. Postgres has all their entries:
 * an epoch is only raised when the cursor has reached the end of its stream.
 */
export async function forgetEpochs({ redis, keys, epochOf }: ForgetEpochsDeps): Promise<{ readonly forgotten: number }> {
  const epochs = Array.from({ length: keys.shards }, (_, shard) => epochOf(shard));
  let forgotten = 0;
  // Most deployments stay in their first epoch.
  if (epochs.every((epoch) => epoch === undefined || epoch === 1)) return { forgotten };
  let cursor = '0';
  do {
    const { cursor: next, keys: found } = await redis.scan(cursor, keys.anyShardKey, SCAN_COUNT);
    cursor = next;
    const over = found.filter((key) => {
      const named = keys.epochIn(key);
      const current = named === null ? undefined : epochs[named.shard];
      return named !== null && current !== undefined && named.epoch < current;
    });
    forgotten += await redis.remove(over);
  } while (cursor !== '0');
  return { forgotten };
}
