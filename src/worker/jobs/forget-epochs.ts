import type { Keyspace } from '../../ledger/keys.js';
import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';

export type ForgetEpochsDeps = {
  readonly redis: Pick<ShardedRedis, 'scan' | 'remove'>;
  readonly keys: Keyspace;
  /** The epoch a shard is in, or undefined when it is not known now: then nothing of it is touched. */
  readonly epochOf: (shard: number) => number | undefined;
};

const SCAN_COUNT = 1_000;

/**
 * Deletes what Redis still holds of epochs that are over. It is invisible to every script, but it is memory. Postgres
 * has all of it that counts: an epoch is only raised when nothing of its stream is left beyond the cursor.
 */
export async function forgetEpochs({ redis, keys, epochOf }: ForgetEpochsDeps): Promise<{ readonly forgotten: number }> {
  const epochs = Array.from({ length: keys.shards }, (_, shard) => epochOf(shard));
  let forgotten = 0;
  // Most deployments never leave their first epoch.
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
