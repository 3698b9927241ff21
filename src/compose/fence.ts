import type { Drain } from '../journal/drain.js';
import type { Log } from '../kit/log.js';
import type { Metrics } from '../kit/metrics/metrics.js';
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

/** Reports on each scrape how many shards are closed, and how many are open on each master that has some. */
export function watchShards(
  metrics: Pick<Metrics, 'onScrape'>, gate: Pick<Fence, 'epochOf'>, redis: Pick<ShardedRedis, 'serverName'>, keys: Keyspace,
): void {
  metrics.onScrape('shardsFenced', (set) => { set({}, closedShards(gate, keys.shards)); });
  metrics.onScrape('shardsOpen', (set) => {
    const open = new Map<string, number>();
    for (let shard = 0; shard < keys.shards; shard += 1) {
      const server = redis.serverName(keys.fence(shard));
      open.set(server, (open.get(server) ?? 0) + (gate.epochOf(shard) === null ? 0 : 1));
    }
    open.delete(''); // no server is known for these shards
    for (const [server, count] of open) set({ server }, count);
  });
}

const closedShards = (gate: Pick<Fence, 'epochOf'>, shards: number): number =>
  Array.from({ length: shards }, (_, shard) => gate.epochOf(shard)).filter((epoch) => epoch === null).length;
