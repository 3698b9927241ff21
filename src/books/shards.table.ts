import type { StreamPosition } from '../ledger/stream-position.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { prepared } from '../stores/postgres/prepared.js';

/** A shard as Postgres knows it: the epoch that Redis must be in, and the cursor up to which its stream is written. */
export type ShardRow = {
  readonly shard: number;
  readonly epoch: number;
  /** Stream id of the last entry that is in Postgres; '0-0' at the start of an epoch. */
  readonly lastId: string;
  /** Entries of this epoch that are in Postgres. */
  readonly drained: number;
  /** Why the shard was stopped, or null. */
  readonly stoppedReason: string | null;
  /** Replication ids of masters that were replaced, newest first (server-identity.ts). */
  readonly deposed: readonly string[];
};

/** `marked`: the last position of the stream in this epoch that the heartbeat stored. */
export type MarkedShardRow = ShardRow & { readonly marked: StreamPosition | null };

const COLUMNS = 'shard, epoch, last_id as "lastId", drained, stopped_reason as "stoppedReason", deposed';
const MARKED = `(select json_build_object('lastId', known.last_id, 'entries', known.entries) from shard_marks known
                  where known.shard = shards.shard and known.epoch = shards.epoch) as marked`;

/**
 * Creates the shards' rows at the first start; later starts check that the count is unchanged: an account's shard
 * follows from the count, so with another count its money would be looked for in another shard (design decision 4).
 */
export async function openShards(db: Db, count: number): Promise<ShardRow[]> {
  return db.transaction(async (trx) => {
    await trx.raw(`insert into settings (name, value) values ('shards', ?) on conflict (name) do nothing`, [String(count)]);
    const { rows } = await trx.raw<{ rows: { value: string }[] }>(`select value from settings where name = 'shards'`);
    const stored = Number(rows[0]?.value);
    if (stored !== count) {
      throw new Error(
        `SHARDS is ${count}, but this database was started with ${stored} shards, and that cannot change: set SHARDS=${stored}`,
      );
    }
    await trx.raw(
      `insert into shards (shard, epoch, last_id) select shard, 1, '0-0' from generate_series(0, ?::integer - 1) as shard
       on conflict (shard) do nothing`,
      [count],
    );
    return readShards(trx);
  });
}

export async function readShards(db: Db): Promise<ShardRow[]> {
  const { rows } = await db.raw<{ rows: ShardRow[] }>(`select ${COLUMNS} from shards order by shard`);
  return rows;
}

export async function readMarkedShards(db: Db): Promise<MarkedShardRow[]> {
  const { rows } = await db.raw<{ rows: MarkedShardRow[] }>(`select ${COLUMNS}, ${MARKED} from shards order by shard`);
  return rows;
}

/**
 * The cursors of those of these shards to which no drain is writing. One that is may have read a Redis that is gone, and moves
 * the cursor when it commits.
 */
export async function readIdleShards(db: Db, shards: readonly number[]): Promise<ShardRow[]> {
  const { rows } = await db.raw<{ rows: ShardRow[] }>(
    `select ${COLUMNS} from shards where shard = any(?::integer[]) for share skip locked`, [[...shards]],
  );
  return rows;
}

/** A master that was replaced longer ago than by this many others does not come back. */
const DEPOSED_KEPT_MAX = 8;

/**
 * Notes that another server has replaced this master of these shards: of those that no drain and no other process has locked, or that
 * this transaction has. Waits for no lock. Drains that begin later find the note in the row that they lock.
 */
export async function deposeServer(db: Db, shards: readonly number[], replicationId: string): Promise<void> {
  await db.raw(
    `with free as materialized (
       select shard from shards where shard = any(:shards::integer[]) and not deposed @> array[:id::text] for update skip locked)
     update shards set deposed = (array_prepend(:id::text, deposed))[1:${DEPOSED_KEPT_MAX}] from free where shards.shard = free.shard`,
    { shards: [...shards], id: replicationId },
  );
}

/** Forgets that this master of a shard was replaced. */
export async function reinstateServer(trx: Trx, shard: number, replicationId: string): Promise<void> {
  await trx.raw('update shards set deposed = array_remove(deposed, ?::text) where shard = ?', [replicationId, shard]);
}

/** Locks one shard's row until the transaction ends; waits for a drain in progress. Null: no such shard. */
export async function lockShard(trx: Trx, shard: number): Promise<MarkedShardRow | null> {
  // Locked in a statement of its own: after waiting, the row is read again, but a subquery's result would be outdated.
  await trx.raw('select 1 from shards where shard = ? for update', [shard]);
  const { rows } = await trx.raw<{ rows: MarkedShardRow[] }>(`select ${COLUMNS}, ${MARKED} from shards where shard = ?`, [shard]);
  return rows[0] ?? null;
}

/** Locks those of the shards that are neither locked nor stopped, in order of their number. */
export async function lockFreeShards(trx: Trx, shards: readonly number[]): Promise<ShardRow[]> {
  const { rows } = await prepared<{ rows: ShardRow[] }>(trx,
    `select ${COLUMNS} from shards where shard = any(?::integer[]) and stopped_reason is null
      order by shard for update skip locked`,
    [[...shards]],
  );
  return rows;
}

/**
 * Starts the next epoch of a shard that is still in epoch `from`; returns the new epoch, or null when another process
 * was faster. The new epoch has a new stream, so the cursor starts again, and a fault that stopped the shard stays in
 * the old stream (docs/architecture.md#when-things-fail).
 */
export async function raiseEpoch(trx: Trx, shard: number, from: number): Promise<number | null> {
  const { rows } = await trx.raw<{ rows: { epoch: number }[] }>(
    `update shards set epoch = epoch + 1, last_id = '0-0', drained = 0, stopped_reason = null, updated_at = now()
      where shard = ? and epoch = ? returning epoch`,
    [shard, from],
  );
  return rows[0]?.epoch ?? null;
}

/** `entries`: how many entries the cursor passes. */
export type CursorMove = {
  readonly shard: number;
  readonly epoch: number;
  readonly from: string;
  readonly to: string;
  readonly entries: number;
};

/** Moves cursors by compare-and-set. False: at least one has moved since the caller read it; the caller must roll back. */
export async function moveCursors(trx: Trx, moves: readonly CursorMove[]): Promise<boolean> {
  const { rowCount } = await prepared<{ rowCount: number }>(trx,
    `update shards set last_id = moved.last_to, drained = drained + moved.entries, updated_at = now()
       from unnest(?::integer[], ?::bigint[], ?::text[], ?::text[], ?::bigint[]) as moved (shard, epoch, last_from, last_to, entries)
      where shards.shard = moved.shard and shards.epoch = moved.epoch and shards.last_id = moved.last_from`,
    [moves.map((m) => m.shard), moves.map((m) => m.epoch), moves.map((m) => m.from), moves.map((m) => m.to), moves.map((m) => m.entries)],
  );
  return rowCount === moves.length;
}

/** Stops a shard if its cursor is still where the fault was found. */
export async function stopShard(db: Db, at: Pick<ShardRow, 'shard' | 'epoch' | 'lastId'>, reason: string): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `update shards set stopped_reason = ?, updated_at = now()
      where shard = ? and epoch = ? and last_id = ? and stopped_reason is null`,
    [reason.replaceAll('\0', ''), at.shard, at.epoch, at.lastId],
  );
  return rowCount === 1;
}

/** Lets a stopped shard be drained again and records the operator. False: it is not stopped, or does not exist. */
export async function clearStop(
  db: Db, shard: number, { reason, actor }: { readonly reason: string; readonly actor: string },
): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `with stopped as (select shard, epoch, last_id, stopped_reason from shards where shard = :shard::integer
      and stopped_reason is not null for update),
          cleared as (update shards set stopped_reason = null, updated_at = now() from stopped where shards.shard = stopped.shard)
     insert into shard_resumes (shard, epoch, last_id, stopped_reason, reason, actor)
     select shard, epoch, last_id, stopped_reason, :reason::text, :actor::text from stopped`,
    { shard, reason, actor },
  );
  return rowCount === 1;
}
