import type { Gauges } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import type { Keyspace } from '../../ledger/keys.js';
import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';

export type WatchHoldsDeps = {
  readonly redis: Pick<ShardedRedis, 'timeMs' | 'indexStates' | 'countUpTo'>;
  readonly keys: Keyspace;
  /** The epoch of a shard, or undefined while it is unknown. */
  readonly epochOf: (shard: number) => number | undefined;
  /** Added to Redis' clock; moves time in tests. */
  readonly timeOffsetMs: () => number;
  readonly metrics: Gauges;
  readonly onError: (error: unknown) => void;
};

const EVERY_MS = 5_000;
/**
 * The sweeper ends a hold within a second of its lease (docs/architecture.md#when-things-fail); after this much longer
 * something is wrong.
 */
const OVERDUE_AFTER_MS = 5_000;

export type Holds = { readonly open: number; readonly overdue: number; readonly overdueMs: number };

/** Counts the open holds in Redis, and the overdue ones, every five seconds. Returns a stop function. */
export function watchHolds({ metrics, onError, ...deps }: WatchHoldsDeps): () => void {
  const measure = async (): Promise<void> => {
    const { open, overdue, overdueMs } = await readHolds(deps);
    metrics.set('holdsOpen', {}, open);
    metrics.set('holdsOverdue', {}, overdue);
    metrics.set('holdsOverdueSeconds', {}, overdueMs / 1_000);
  };
  return repeat(EVERY_MS, measure, (error) => {
    metrics.forget('holdsOpen', 'holdsOverdue', 'holdsOverdueSeconds');
    onError(error);
  });
}

/** Reads all shards with a known epoch: one round trip for all, and a second for those with overdue holds. */
export async function readHolds({ redis, keys, epochOf, timeOffsetMs }: Omit<WatchHoldsDeps, 'metrics' | 'onError'>): Promise<Holds> {
  const indexes = Array.from({ length: keys.shards }, (_, shard) => epochOf(shard))
    .flatMap((epoch, shard) => (epoch === undefined ? [] : [keys.shard(shard, epoch).holdsDue]));
  if (indexes.length === 0) throw new Error('every shard is fenced: their holds cannot be counted');

  const [time, states] = await Promise.all([redis.timeMs(indexes[0] ?? ''), redis.indexStates(indexes)]);
  const nowMs = time + timeOffsetMs();
  const endsMs = states.map(({ lowest }) => lowest ?? Infinity);
  const late = indexes.filter((_, at) => nowMs - (endsMs[at] ?? Infinity) > OVERDUE_AFTER_MS);
  const overdue = sum(await redis.countUpTo(late, Math.floor(nowMs - OVERDUE_AFTER_MS)));
  return { open: sum(states.map(({ members }) => members)), overdue, overdueMs: overdue === 0 ? 0 : nowMs - Math.min(...endsMs) };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
