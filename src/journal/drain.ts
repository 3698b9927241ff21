import { setTimeout as sleep } from 'node:timers/promises';
import { readShards, type ShardRow } from '../books/shards.table.js';
import type { Clock } from '../kit/clock.js';
import { DRAIN_BATCHES_PER_RUN_MAX, DRAIN_ENTRIES_MAX } from '../kit/limits.js';
import type { Keyspace } from '../ledger/keys.js';
import { atMsOf } from '../ledger/stream-position.js';
import type { Db } from '../stores/postgres/connect.js';
import { classifyPostgresError, toGatewayError } from '../stores/postgres/errors.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import { cursorWatch } from './cursor-watch.js';
import { drainBatch, type Batch, type BatchDeps, type BatchOptions, type Failpoint } from './drain-batch.js';
import type { ShardBatch } from './fold-accounts.js';
import { isolateFault } from './isolate-fault.js';
import type { EntryName } from './projections/projection.js';
import { Contradiction, ShardFault } from './shard-fault.js';
import { shortenReceipts } from './shorten-receipts.js';
import { journalTail } from './tail.js';
import type { WrittenEntry } from './write-batch.js';

export type DrainedBatch = {
  readonly entries: number;
  readonly fresh: readonly WrittenEntry[];
  readonly redelivered: number;
  readonly shards: number;
  readonly durationMs: number;
  readonly agesMs: readonly number[];
};

/** Receives the events of a drain, for metrics and logs. The drain does not depend on what it does. */
export type DrainObserver = {
  /**
   * After each committed transaction. `fresh`: the entries it wrote, which are `entries`. No entry is reported twice; the
   * entries of a process that dies right after its commit are not reported at all. `agesMs`: per entry, the time from its
   * writing to the commit, which is the time in which it would have been lost with Redis.
   */
  batch?(facts: DrainedBatch): void;
  /** A shard has been stopped. An operator must look at it. */
  stopped?(shard: number, reason: string): void;
  /** Texts were quarantined. */
  quarantined?(count: number): void;
};

/** Runs a batch and receives the entries that it reads: for tracing entries from Redis to Postgres. */
export type TraceBatch = (drain: (onRead: (batches: readonly ShardBatch[]) => void) => Promise<Batch>) => Promise<Batch>;

export type DrainDeps = {
  /** A pool with the `drain` profile: it must lose its locks when this process is paused. */
  readonly db: Db;
  readonly redis: ShardedRedis;
  readonly keys: Keyspace;
  readonly clock: Clock;
  readonly tailMs: number;
  readonly entryName: EntryName;
  readonly observe?: DrainObserver;
  readonly trace?: TraceBatch | undefined;
  readonly failpoint?: (name: Failpoint) => void | Promise<void>;
};

export type DrainReport = {
  /** Entries written, and entries that Postgres already had. */
  readonly entries: number;
  readonly redelivered: number;
  readonly batches: number;
  /** Shards that another process drained all the time, or whose Redis was replaced by its replica: another connection reads that one. */
  readonly busy: readonly number[];
  /** Those of the requested shards that are stopped, from now on or from before. */
  readonly stopped: readonly StoppedShard[];
  readonly durationMs: number;
};

export type StoppedShard = { readonly shard: number; readonly reason: string };

/** Writes the journal of these shards to Postgres, up to its current end. */
export type Drain = (shards: readonly number[]) => Promise<DrainReport>;

/**
 * How often a run waits for shards that another process drains: that process may have read the stream before the last
 * entry, and does not read again. In total half a second, which is longer than a full batch takes.
 */
const BUSY_TRIES_MAX = 25;
const BUSY_WAIT_MS = 20;

/**
 * Creates a drain. One transaction per batch locks the shards' rows, reads their streams after the cursors, writes the
 * rows and moves the cursors: after a crash at any point both are written or neither is. Streams are trimmed after the
 * commit, never before. Throws GatewayError('ledger_unavailable') when Postgres is down; a retry is always safe.
 */
export function createDrain(deps: DrainDeps): Drain {
  const { db, redis, keys, clock, entryName, observe = {} } = deps;
  const trace = deps.trace ?? untraced;
  const tail = journalTail(keys, deps.tailMs, clock);
  const batchDeps: BatchDeps = {
    db, redis, keys, entryName, knownMonths: new Set(), cursorWatch: cursorWatch(redis, keys),
    failpoint: async (name) => { await deps.failpoint?.(name); },
  };

  /** Runs one transaction and reports it to the observer. */
  const drainOnce = async (shards: readonly number[], options: BatchOptions): Promise<Batch> => {
    const startedMs = clock();
    const batch = await trace((onRead) => drainBatch({ ...batchDeps, onRead }, shards, options));
    if (batch.entries.length > 0) {
      const endedMs = clock();
      observe.batch?.({
        entries: batch.written.fresh.length, fresh: batch.written.fresh, redelivered: batch.written.redelivered,
        shards: batch.cursors.length,
        durationMs: endedMs - startedMs, agesMs: batch.entries.map((id) => Math.max(0, endedMs - atMsOf(id))),
      });
      if (batch.written.quarantined > 0) observe.quarantined?.(batch.written.quarantined);
      await shortenReceipts(redis, keys, batch, deps.tailMs);
    }
    return batch;
  };

  /** Drains each shard separately; returns those that had to be stopped. */
  const apart = async (shards: readonly number[]): Promise<StoppedShard[]> => {
    // A Postgres restored from a backup may lack partitions that this process has seen.
    batchDeps.knownMonths.clear();
    const stopped: StoppedShard[] = [];
    for (const shard of shards) {
      const reason = await isolateFault({ db, drainOnce }, shard);
      if (reason !== null) {
        stopped.push({ shard, reason });
        observe.stopped?.(shard, reason);
      }
    }
    return stopped;
  };

  const run: Drain = async (shards) => {
    const startedMs = clock();
    const stopped: StoppedShard[] = [];
    const runs = (shard: number): boolean => !stopped.some((each) => each.shard === shard);
    const cursors = new Map<number, ShardRow>();
    const total = { entries: 0, redelivered: 0 };
    let pending = shards;
    let batches = 0;
    let busyTries = 0;
    let knowsStopped = false;
    for (; pending.length > 0 && batches < DRAIN_BATCHES_PER_RUN_MAX; batches += 1) {
      // If one shard of the group has a fault, each is drained separately, so that only that one stops.
      const batch = await drainOnce(pending, { limit: DRAIN_ENTRIES_MAX, stripText: false }).catch(faultOrThrow);
      if (batch === 'fault') {
        stopped.push(...await apart(pending));
        pending = pending.filter(runs);
        continue;
      }
      total.entries += batch.written.fresh.length;
      total.redelivered += batch.written.redelivered;
      for (const cursor of batch.cursors) cursors.set(cursor.shard, cursor);
      const locked = new Set(batch.cursors.map(({ shard }) => shard));
      let busy = pending.filter((shard) => !locked.has(shard));
      if (busy.length > 0 && !knowsStopped) {
        // Those that are stopped were not locked either.
        stopped.push(...await stoppedAmong(db, busy));
        busy = busy.filter(runs);
        knowsStopped = true;
      }
      if (batch.moved.length === 0 && busy.length > 0) {
        busyTries += 1;
        if (busyTries > BUSY_TRIES_MAX) break;
        await sleep(BUSY_WAIT_MS);
      }
      // Later entries have their own nudge: reading again at once would produce ever smaller batches, each almost as expensive
      // as a full one. A shard that another process drained may have entries that its read missed.
      pending = [...batch.unfinished, ...busy];
    }
    await tail.trim(redis, [...cursors.values()]);
    await batchDeps.failpoint('after_trim');
    const busy = shards.filter((shard) => runs(shard) && !cursors.has(shard));
    return { ...total, batches, busy, stopped, durationMs: clock() - startedMs };
  };

  return (shards) => run(shards).catch((error: unknown) => { throw toGatewayError(error); });
}

const stoppedAmong = async (db: Db, shards: readonly number[]): Promise<StoppedShard[]> =>
  (await readShards(db)).flatMap(({ shard, stoppedReason: reason }) =>
    (reason !== null && shards.includes(shard) ? [{ shard, reason }] : []));

const untraced: TraceBatch = (drain) => drain(() => undefined);

const faultOrThrow = (error: unknown): 'fault' => {
  if (isFault(error)) return 'fault';
  throw error;
};

/** Whether a batch failed because of its content, so that an unchanged retry cannot succeed. */
function isFault(error: unknown): boolean {
  if (error instanceof ShardFault || error instanceof Contradiction || error instanceof RangeError) return true;
  const problem = classifyPostgresError(error);
  return problem === 'data' || problem === 'constraint';
}
