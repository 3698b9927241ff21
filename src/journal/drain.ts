import { setTimeout as sleep } from 'node:timers/promises';
import { readShards, type ShardRow } from '../books/shards.table.js';
import type { Clock } from '../kit/clock.js';
import { DRAIN_BATCHES_PER_RUN_MAX, DRAIN_ENTRIES_MAX } from '../kit/limits.js';
import type { Keyspace } from '../ledger/keys.js';
import { atMsOf } from '../ledger/stream-position.js';
import type { Db } from '../stores/postgres/connect.js';
import { classifyPostgresError, toGatewayError } from '../stores/postgres/errors.js';
import type { ScriptClient } from '../stores/redis/script.js';
import { drainBatch, type Batch, type BatchDeps, type BatchOptions, type Failpoint } from './drain-batch.js';
import type { ShardBatch } from './fold-accounts.js';
import { isolateFault } from './isolate-fault.js';
import type { RedisCommands } from './journal-streams.js';
import type { KnowsModel } from './projections/projection.js';
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

/** What a drain tells as it goes. Metrics implement it; nothing here depends on what they do. */
export type DrainObserver = {
  /**
   * One committed transaction. `fresh`: the entries it wrote, which are `entries`. Nobody is told of an entry twice, and
   * of those of a process that dies right after its commit nobody is told at all. `agesMs`: per entry, how long it
   * waited for Postgres; that time is the loss if Redis vanishes.
   */
  batch?(facts: DrainedBatch): void;
  /** A shard was stopped just now. Somebody must look. */
  stopped?(shard: number, reason: string): void;
  /** Texts that were put aside. */
  quarantined?(count: number): void;
};

/** Runs a batch and is told on the way what it has read: for following entries from Redis to Postgres. */
export type TraceBatch = (drain: (onRead: (batches: readonly ShardBatch[]) => void) => Promise<Batch>) => Promise<Batch>;

export type DrainDeps = {
  /** With the `drain` profile: it must lose its locks when this process is paused. */
  readonly db: Db;
  readonly redis: RedisCommands & ScriptClient;
  readonly keys: Keyspace;
  readonly clock: Clock;
  readonly tailSeconds: number;
  readonly knowsModel: KnowsModel;
  readonly observe?: DrainObserver;
  readonly trace?: TraceBatch | undefined;
  readonly failpoint?: (name: Failpoint) => void | Promise<void>;
};

export type DrainReport = {
  /** Entries written, and entries that Postgres turned out to have. */
  readonly entries: number;
  readonly redelivered: number;
  readonly batches: number;
  /** Shards that another drainer had all the time. */
  readonly busy: readonly number[];
  /** Of the shards asked for: those that are stopped, newly or since long. */
  readonly stopped: readonly StoppedShard[];
  readonly durationMs: number;
};

export type StoppedShard = { readonly shard: number; readonly reason: string };

/** Brings the journal of these shards to Postgres, as far as it is there now. */
export type Drain = (shards: readonly number[]) => Promise<DrainReport>;

/**
 * How often, and how long, a run waits for shards that another drainer has: its last read may have missed an entry, and
 * it does not read again. Together half a second, which is longer than a full batch takes.
 */
const BUSY_TRIES_MAX = 25;
const BUSY_WAIT_MS = 20;

/**
 * Makes a drainer. One transaction per batch takes the shards' row locks, reads their streams behind the cursors,
 * writes the rows and moves the cursors: a crash anywhere leaves both or neither. Streams are trimmed after the
 * commit, never before. Throws GatewayError('ledger_unavailable') when Postgres is away; calling again is always safe.
 */
export function createDrain(deps: DrainDeps): Drain {
  const { db, redis, keys, clock, knowsModel, observe = {} } = deps;
  const trace = deps.trace ?? untraced;
  const tail = journalTail(keys, deps.tailSeconds, clock);
  const batchDeps: BatchDeps = {
    db, redis, keys, knowsModel, knownMonths: new Set(), failpoint: async (name) => { await deps.failpoint?.(name); },
  };

  /** One transaction, told to whoever observes. */
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
      await shortenReceipts(redis, keys, batch);
    }
    return batch;
  };

  /** Each shard on its own; answers those that had to be stopped. */
  const apart = async (shards: readonly number[]): Promise<StoppedShard[]> => {
    // A Postgres that was restored from a backup may lack partitions that we have seen.
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
    const stopped = (await readShards(db)).flatMap(({ shard, stoppedReason: reason }) =>
      reason !== null && shards.includes(shard) ? [{ shard, reason }] : []);
    const runs = (shard: number): boolean => !stopped.some((each) => each.shard === shard);
    const cursors = new Map<number, ShardRow>();
    const total = { entries: 0, redelivered: 0 };
    let pending = shards.filter(runs);
    let batches = 0;
    let busyTries = 0;
    for (; pending.length > 0 && batches < DRAIN_BATCHES_PER_RUN_MAX; batches += 1) {
      // If one of the group is at fault, each on its own, so that it stops alone.
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
      const busy = pending.filter((shard) => !locked.has(shard));
      if (batch.moved.length === 0 && busy.length > 0) {
        busyTries += 1;
        if (busyTries > BUSY_TRIES_MAX) break;
        await sleep(BUSY_WAIT_MS);
      }
      // What was written since has a nudge of its own: reading again at once would chase the writers with ever smaller
      // batches, each nearly as dear as a full one. A shard that somebody else has may have had an entry too late for them.
      pending = [...batch.unfinished, ...busy];
    }
    await tail.trim(redis, [...cursors.values()]);
    await batchDeps.failpoint('after_trim');
    const busy = shards.filter((shard) => runs(shard) && !cursors.has(shard));
    return { ...total, batches, busy, stopped, durationMs: clock() - startedMs };
  };

  return (shards) => run(shards).catch((error: unknown) => { throw toGatewayError(error); });
}

const untraced: TraceBatch = (drain) => drain(() => undefined);

const faultOrThrow = (error: unknown): 'fault' => {
  if (isFault(error)) return 'fault';
  throw error;
};

/** Whether a batch failed because of what is in it, so that trying it again as it is cannot help. */
function isFault(error: unknown): boolean {
  if (error instanceof ShardFault || error instanceof Contradiction || error instanceof RangeError) return true;
  const problem = classifyPostgresError(error);
  return problem === 'data' || problem === 'constraint';
}
