import { readShards } from '../../books/shards.table.js';
import { repeat } from '../../kit/repeat.js';
import type { Keyspace } from '../../ledger/keys.js';
import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';
import type { LedgerQueue } from './ledger-queue.js';
import { EVERY_MS } from './schedule.js';
import { WORK_IN_POSTGRES, workInPostgres, type WorkDeps, type WorkInPostgres } from './work-in-postgres.js';

/** `db`: a pool with a deadline of seconds. */
export type LookDeps = WorkDeps & {
  readonly redis: Pick<ShardedRedis, 'timeMs' | 'indexStates' | 'readStreams'>;
  readonly keys: Keyspace;
  /** The epoch of a shard, or undefined while it is unknown: then the shard is skipped. */
  readonly epochOf: (shard: number) => number | undefined;
  /** Added to Redis' clock; moves time in tests. */
  readonly timeOffsetMs: () => number;
  readonly addWanted: LedgerQueue['addWanted'];
  readonly onError: (error: unknown) => void;
};

const EVERY_LOOK_MS = 1_000;

/**
 * Looks once a second what there is to do and starts the jobs that do it, so that an idle gateway runs none: one question to Redis
 * and two to Postgres cost less than one job. Every worker looks; the queue takes a job once from all of them. Redis and Postgres are
 * asked independently: leases end while Postgres is away. Returns a stop function.
 */
export function lookForWork(deps: LookDeps): () => void {
  const isTime = periods();
  const waiting = leftBehind(deps);
  const inRedis = async (): Promise<void> => {
    const lots = isTime('expire-lots');
    const due = await dueShards(deps, lots);
    await deps.addWanted([
      ...(due.holds.length === 0 ? [] : [{ name: 'expire-holds' as const, data: { shards: due.holds } }]),
      ...(due.lots.length === 0 ? [] : [{ name: 'expire-lots' as const, data: { shards: due.lots } }]),
    ]);
  };
  const inPostgres = async (): Promise<void> => {
    const asked = WORK_IN_POSTGRES.filter(isTime);
    const found = await workInPostgres(deps, asked);
    const shards = await waiting(); // not at once: a second connection would be opened for it again and again
    await deps.addWanted([
      ...found.map((name) => ({ name, data: {} })), ...(shards.length === 0 ? [] : [{ name: 'drain' as const, data: { shards } }]),
    ]);
  };
  const stops = [inRedis, inPostgres].map((look) => repeat(EVERY_LOOK_MS, look, deps.onError));
  return () => { for (const stop of stops) stop(); };
}

/** Whether it is time to look for the work of a job again; the answer yes begins its next period. */
function periods(): (name: WorkInPostgres | 'expire-lots') => boolean {
  const lookedAt = new Map<string, number>();
  return (name) => {
    const nowMs = performance.now();
    // Looks are at about whole seconds: half of one early is in time.
    if (nowMs - (lookedAt.get(name) ?? -Infinity) < EVERY_MS[name] - EVERY_LOOK_MS / 2) return false;
    lookedAt.set(name, nowMs);
    return true;
  };
}

/** The shards with a hold, or a lot, that is due. */
async function dueShards(
  { redis, keys, epochOf, timeOffsetMs }: LookDeps, withLots: boolean,
): Promise<{ readonly holds: number[]; readonly lots: number[] }> {
  const shards = Array.from({ length: keys.shards }, (_, shard) => shard).flatMap((shard) => {
    const epoch = epochOf(shard);
    return epoch === undefined ? [] : [{ shard, keys: keys.shard(shard, epoch) }];
  });
  if (shards.length === 0) return { holds: [], lots: [] };
  const [time, states] = await Promise.all([
    redis.timeMs(keys.fence(shards[0]?.shard ?? 0)),
    redis.indexStates([...shards.map((each) => each.keys.holdsDue), ...(withLots ? shards.map((each) => each.keys.lotsDue) : [])]),
  ]);
  const nowMs = time + timeOffsetMs();
  const dueFrom = (from: number): number[] => shards.map(({ shard }) => shard)
    .filter((_, index) => (states[from + index]?.lowest ?? Infinity) <= nowMs);
  return { holds: dueFrom(0), lots: withLots ? dueFrom(shards.length) : [] };
}

/**
 * The shards whose first entry that Postgres does not have was already the first at the look before: nobody drains them. A shard that
 * is being drained moves on, and one that is stopped waits for a decision.
 */
function leftBehind({ db, redis, keys }: LookDeps): () => Promise<number[]> {
  let before = new Map<number, string>();
  return async () => {
    const rows = (await readShards(db)).filter(({ stoppedReason }) => stoppedReason === null);
    const streams = await redis.readStreams(
      rows.map(({ shard, epoch, lastId }) => ({ key: keys.shard(shard, epoch).journal, afterId: lastId })), 1,
    );
    const first = new Map(rows.flatMap(({ shard, epoch }, index) => {
      const id = streams[index]?.[0]?.[0];
      return id === undefined ? [] : [[shard, `${epoch} ${id}`]];
    }));
    const left = [...first].filter(([shard, id]) => before.get(shard) === id).map(([shard]) => shard);
    before = first;
    return left;
  };
}
