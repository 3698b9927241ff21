import type { Drain } from '../journal/drain.js';
import type { Log } from '../kit/log.js';
import { acknowledged, type Acknowledged } from '../ledger/acknowledged.js';
import { fence, type Fence } from '../ledger/fence.js';
import { heartbeat } from '../ledger/heartbeat.js';
import type { Keyspace } from '../ledger/keys.js';
import type { ShardStore } from '../ledger/shard-store.js';
import { requireFit } from '../stores/redis/fitness.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';

export type FencePartsDeps = {
  readonly redis: ShardedRedis;
  readonly store: ShardStore;
  readonly keys: Keyspace;
  /** The process's shared drain. */
  readonly drainNow: Drain;
  readonly log: Log;
};

export type FenceParts = {
  readonly fence: Fence;
  /** The latest position per shard that Redis acknowledged to this process: scripts write it, fence and heartbeat read it. */
  readonly acknowledged: Acknowledged;
  close(): Promise<void>;
};

/** Opens the fence, its comparison values and the heartbeat. Throws when this Redis is not fit, or does not fit this Postgres. */
export async function openFence({ redis, store, keys, drainNow, log }: FencePartsDeps): Promise<FenceParts> {
  await requireFit(redis);
  const told = acknowledged(keys.shards);
  const gate = fence({
    redis, store, keys, acknowledged: told, log,
    drainShard: async (shard) => (await drainNow([shard])).stopped.length === 0,
  });
  await gate.opened();
  if (closedShards(gate, keys.shards) === keys.shards) {
    gate.close();
    throw new Error(
      'this Redis and this Postgres do not belong together (see the messages above): use the pair that does, or an empty Redis',
    );
  }
  const beats = heartbeat({
    redis, keys, store, fence: gate, acknowledged: told,
    onError: (error) => { log.debug({ err: error }, 'heartbeat failed; the next one includes what it missed'); },
  });
  return {
    fence: gate,
    acknowledged: told,
    close: async () => {
      await beats.close();
      gate.close();
    },
  };
}

export const closedShards = (gate: Fence, shards: number): number =>
  Array.from({ length: shards }, (_, shard) => gate.epochOf(shard)).filter((epoch) => epoch === null).length;
