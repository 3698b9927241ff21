import type { Keyspace } from '../ledger/keys.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import type { Drain } from './drain.js';

/**
 * Drains the shards whose server is connected first, so that a master that is down keeps no others from Postgres. The rest
 * is drained afterwards, which fails for as long as its server is away.
 */
export function drainReachable(drain: Drain, redis: Pick<ShardedRedis, 'connectionOf'>, keys: Keyspace): Drain {
  return async (shards) => {
    const isReachable = (shard: number): boolean => redis.connectionOf(keys.fence(shard)) !== null;
    const reachable = shards.filter(isReachable);
    if (reachable.length === shards.length || reachable.length === 0) return drain(shards);
    const first = await drain(reachable);
    const rest = await drain(shards.filter((shard) => !reachable.includes(shard)));
    return {
      entries: first.entries + rest.entries, redelivered: first.redelivered + rest.redelivered,
      batches: first.batches + rest.batches, durationMs: first.durationMs + rest.durationMs,
      busy: [...first.busy, ...rest.busy], stopped: [...first.stopped, ...rest.stopped],
    };
  };
}
