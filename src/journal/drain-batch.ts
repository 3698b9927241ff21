import { lockFreeShards, moveCursors, type ShardRow } from '../books/shards.table.js';
import { decodeEntry, type JournalEntry } from '../ledger/entry.js';
import type { Keyspace } from '../ledger/keys.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { together } from '../stores/postgres/errors.js';
import { reachRowsByKey } from '../stores/postgres/prepared.js';
import { ensureMonths, monthOf } from '../stores/postgres/partitions.js';
import type { ShardedRedis, StreamEntry } from '../stores/redis/sharded-redis.js';
import type { ShardBatch } from './fold-accounts.js';
import type { CursorWatch } from './cursor-watch.js';
import { currentServers } from './current-servers.js';
import { readStreams } from './journal-streams.js';
import { ShardFault } from './shard-fault.js';
import { writeBatch, type WriteDeps, type WriteOptions, type Written } from './write-batch.js';

/** Points at which tests interrupt a drain. */
export type Failpoint = 'after_lock' | 'after_read' | 'before_commit' | 'after_commit' | 'after_trim';

export type BatchDeps = WriteDeps & {
  readonly db: Db;
  readonly redis: ShardedRedis;
  readonly keys: Keyspace;
  /** Months whose partitions this process has seen. */
  readonly knownMonths: Set<string>;
  readonly cursorWatch: CursorWatch;
  readonly failpoint: (name: Failpoint) => Promise<void>;
  /** Called with the entries that a batch is about to write. */
  readonly onRead?: (batches: readonly ShardBatch[]) => void;
};

export type BatchOptions = WriteOptions & { readonly limit: number };

export type Batch = {
  /** The locked shards that were read, with their new cursors. */
  readonly cursors: readonly ShardRow[];
  /** The locked shards whose stream had entries. */
  readonly moved: readonly number[];
  /** The locked shards whose stream was not read to its end. */
  readonly unfinished: readonly number[];
  /** Stream ids of all entries read. */
  readonly entries: readonly string[];
  readonly written: Written;
};

/**
 * One transaction: lock, read, write, move the cursors. The locks are taken before the streams are read, so no other
 * process can write the same entries between the read and the commit. The cursors move by compare-and-set in addition,
 * for a process that was paused so long that Postgres ended its session.
 */
export async function drainBatch(deps: BatchDeps, shards: readonly number[], options: BatchOptions): Promise<Batch> {
  const months = new Set<string>();
  const batch = await deps.db.transaction(async (trx) => {
    const locking = lockFreeShards(trx, shards);
    await together<unknown>([reachRowsByKey(trx), locking]);
    const current = await currentServers(deps, await locking);
    let locked = current.rows;
    await deps.cursorWatch.check(locked);
    await deps.failpoint('after_lock');
    const reads = await readStreams(
      deps.redis, locked.map(({ shard, epoch, lastId }) => ({ key: deps.keys.shard(shard, epoch).journal, afterId: lastId })),
      options.limit,
    );
    await deps.failpoint('after_read');
    const readOf = new Map(locked.map((row, index) => [row, reads[index]]));
    locked = locked.filter(current.isSame);
    const batches = locked.flatMap((shard) => {
      const raw = readOf.get(shard)?.entries ?? [];
      return raw.length === 0 ? [] : [{ shard, entries: decode(deps.keys, shard, raw) }];
    });
    if (batches.length === 0) {
      return { cursors: locked, moved: [], unfinished: [], entries: [], written: { fresh: [], redelivered: 0, quarantined: 0 } };
    }

    deps.onRead?.(batches);
    await ensurePartitions(trx, deps.knownMonths, months, batches);
    const ends = new Map(batches.map(({ shard, entries }) => [shard.shard, entries.at(-1)?.streamId ?? shard.lastId]));
    const moves = batches.map(({ shard: { shard, epoch, lastId }, entries }) => (
      { shard, epoch, from: lastId, to: ends.get(shard) ?? lastId, entries: entries.length }));
    const [writing, moving] = [writeBatch(trx, deps, batches, options), moveCursors(trx, moves)];
    await together<unknown>([writing, moving]);
    if (!await moving) throw new Error('a cursor was moved under our lock');
    const written = await writing;
    await deps.failpoint('before_commit');
    return {
      cursors: locked.map((row) => ({ ...row, lastId: ends.get(row.shard) ?? row.lastId })),
      moved: [...ends.keys()],
      unfinished: locked.flatMap((row) => (readOf.get(row)?.more === true ? [row.shard] : [])),
      entries: batches.flatMap(({ entries }) => entries.map(({ streamId }) => streamId)),
      written,
    };
  });
  for (const month of months) deps.knownMonths.add(month);
  deps.cursorWatch.moved(batch.cursors);
  await deps.failpoint('after_commit');
  return batch;
}

function decode(keys: Keyspace, { shard }: ShardRow, raw: readonly StreamEntry[]): JournalEntry[] {
  return raw.map(([streamId, fields], index) => {
    const entry = decodeOrFault(shard, index, streamId, fields);
    if (keys.shardOf(entry.accountId) !== shard) {
      throw new ShardFault(shard, index, `account ${entry.accountId} at ${streamId} is not of this shard`);
    }
    return entry;
  });
}

function decodeOrFault(shard: number, index: number, streamId: string, fields: readonly string[]): JournalEntry {
  try {
    return decodeEntry(streamId, fields);
  } catch (error) {
    throw new ShardFault(shard, index, error instanceof Error ? error.message : `entry ${streamId} cannot be read`);
  }
}

/** The hourly job creates partitions ahead; this is for other months, such as one that a test moves its clock to. */
async function ensurePartitions(trx: Trx, known: ReadonlySet<string>, seen: Set<string>, batches: readonly ShardBatch[]): Promise<void> {
  for (const { entries } of batches) {
    for (const { atMs } of entries) {
      const month = monthOf(atMs);
      if (!known.has(month)) seen.add(month);
    }
  }
  await ensureMonths(trx, [...seen]);
}
