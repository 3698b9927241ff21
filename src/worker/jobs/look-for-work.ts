import { readShards } from '../../books/shards.table.js';
import { repeat } from '../../kit/repeat.js';
import type { Keyspace, ShardKeys } from '../../ledger/keys.js';
import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';
import type { LedgerQueue } from './ledger-queue.js';
import { EVERY_MS } from './schedule.js';
import { WORK_IN_POSTGRES, workInPostgres, type WorkDeps, type WorkInPostgres } from './work-in-postgres.js';

/** `db`: a pool with a deadline of seconds. */
export type LookDeps = WorkDeps & {
  readonly redis: Pick<ShardedRedis, 'byServer' | 'timeMs' | 'indexStates' | 'readStreams'>;
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
 * and two to Postgres cost less than one job. Every worker looks; the queue takes a job once from all of them. Redis and Postgres, and
 * each server of a Cluster, are asked independently: leases end while Postgres is away, and what one server misses is found for the
 * others. Returns a stop function.
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
    const found = await workInPostgres(deps, WORK_IN_POSTGRES.filter(isTime));
    await deps.addWanted(found.map((name) => ({ name, data: {} })));
  };
  const inBoth = async (): Promise<void> => {
    const shards = await waiting();
    await deps.addWanted(shards.length === 0 ? [] : [{ name: 'drain' as const, data: { shards } }]);
  };
  const stops = [inRedis, inPostgres, inBoth].map((look) => repeat(EVERY_LOOK_MS, look, deps.onError));
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

type DueShards = { readonly holds: readonly number[]; readonly lots: readonly number[] };

/** The shards with a hold, or a lot, that is due. */
async function dueShards(deps: LookDeps, withLots: boolean): Promise<DueShards> {
  const { redis, keys, epochOf } = deps;
  const known = Array.from({ length: keys.shards }, (_, shard) => shard).flatMap((shard) => {
    const epoch = epochOf(shard);
    return epoch === undefined ? [] : [{ shard, keys: keys.shard(shard, epoch) }];
  });
  const servers = redis.byServer(known, (each) => each.keys.holdsDue);
  const found = await ofEachServer(deps, servers, (shards) => dueOnServer(deps, shards, withLots));
  return { holds: found.flatMap(({ holds }) => holds), lots: found.flatMap(({ lots }) => lots) };
}

/** The same of shards of one server, by its clock. */
async function dueOnServer(
  { redis, keys, timeOffsetMs }: LookDeps, shards: readonly { readonly shard: number; readonly keys: ShardKeys }[], withLots: boolean,
): Promise<DueShards> {
  const [time, states] = await Promise.all([
    redis.timeMs(keys.fence(shards[0]?.shard ?? 0)),
    redis.indexStates([...shards.map((each) => each.keys.holdsDue), ...(withLots ? shards.map((each) => each.keys.lotsDue) : [])]),
  ]);
  const nowMs = time + timeOffsetMs();
  const dueFrom = (from: number): number[] =>
    shards.flatMap(({ shard }, index) => ((states[from + index]?.lowest ?? Infinity) <= nowMs ? [shard] : []));
  return { holds: dueFrom(0), lots: withLots ? dueFrom(shards.length) : [] };
}

/** What was found on the servers that answered. The failures of the others are reported. */
async function ofEachServer<Item, Found>(
  { onError }: LookDeps, servers: readonly (readonly Item[])[], ask: (items: readonly Item[]) => Promise<Found>,
): Promise<Found[]> {
  const answers = await Promise.allSettled(servers.map(ask));
  return answers.flatMap((each) => {
    if (each.status === 'fulfilled') return [each.value];
    onError(each.reason);
    return [];
  });
}

/**
 * The shards whose first entry that Postgres does not have was already the first at the look before: no worker drains them. A shard that
 * is being drained moves on, and one that is stopped waits for a decision.
 */
function leftBehind(deps: LookDeps): () => Promise<number[]> {
  const { db, redis, keys } = deps;
  let before = new Map<number, string>();
  return async () => {
    const running = (await readShards(db)).filter(({ stoppedReason }) => stoppedReason === null)
      .map(({ shard, epoch, lastId }) => ({ shard, epoch, key: keys.shard(shard, epoch).journal, afterId: lastId }));
    const found = await ofEachServer(deps, redis.byServer(running, ({ key }) => key), async (shards) => {
      const streams = await redis.readStreams(shards, 1);
      return shards.flatMap(({ shard, epoch }, index): [number, string][] => {
        const id = streams[index]?.[0]?.[0];
        return id === undefined ? [] : [[shard, `${epoch} ${id}`]];
      });
    });
    const first = new Map(found.flat());
    const left = [...first].filter(([shard, id]) => before.get(shard) === id).map(([shard]) => shard);
    before = first;
    return left;
  };
}
