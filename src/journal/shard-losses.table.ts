import { LOST_ACCOUNTS_NAMED_MAX } from '../kit/limits.js';
import type { Acknowledgement } from '../ledger/acknowledged.js';
import { countAccounts, notCounted, windowOf, type Loss } from '../ledger/judge-shard.js';
import { atMsOf, laterId, STREAM_START } from '../ledger/stream-position.js';
import type { Db, Trx } from '../stores/postgres/connect.js';

/** A loss as operators see it. Times are ms since 1970; `fromMs` null: the epoch had no entry before the loss. */
export type LossRow = Pick<Loss, 'shard' | 'epoch' | 'entries' | 'accounts'> & {
  readonly fromMs: number | null;
  readonly toMs: number;
  readonly noticedAtMs: number;
  /** The operator's reason of the acknowledgement; null: not acknowledged. */
  readonly reason: string | null;
  /** `left_behind`: entries of a stopped shard that an operator gave a new epoch (renew-shard.ts). */
  readonly kind: LossKind;
  /** Entries of these that name no account. */
  readonly unreadable: number;
  /** How many accounts it concerns, as far as that is known; `accounts` names some. */
  readonly accountCount: number;
};

export type LossKind = 'lost' | 'left_behind';

const timeOf = (streamId: string): Date | null => (streamId === STREAM_START.lastId ? null : new Date(atMsOf(streamId)));

/** `counted`: the process whose acknowledgements a record includes; without it, it counts every entry up to `knownId`. */
export type Recorded = { readonly counted?: string; readonly kind?: LossKind; readonly unreadable?: number };

/** Records the loss of an epoch, in the transaction that ends the epoch. */
export async function insertLoss(trx: Trx, loss: Loss, { counted, kind = 'lost', unreadable = 0 }: Recorded = {}): Promise<void> {
  const { shard, epoch, survivedId, knownId, entries, accounts } = loss;
  const { fromId, toId } = windowOf(loss);
  await trx.raw(
    `insert into shard_losses (shard, epoch, survived_id, known_id, entries, accounts, from_at, to_at, kind, unreadable, counted)
     values (?, ?, ?, ?, ?, ?::jsonb, ?, ?, ?, ?, ?::text[])`,
    [
      shard, epoch, survivedId, knownId, entries, JSON.stringify(accounts), timeOf(fromId), timeOf(toId), kind, unreadable,
      counted === undefined ? null : [counted],
    ],
  );
}

type Counted = {
  readonly survivedId: string; readonly knownId: string; readonly entries: number; readonly accounts: Record<string, number>;
  readonly counted: readonly string[] | null;
};

/** The acknowledgements of one process. */
export type Reported = { readonly process: string; readonly recent: readonly Acknowledgement[] };

/**
 * Adds the acknowledgements of another process to the loss of an ended epoch. The marks of the heartbeat tell how many entries the
 * epoch had at the last beat; of those since then each process only knows its own. Returns the number of added entries; 0 when
 * the record already includes them, or does not exist.
 */
export async function addToLoss(db: Db, shard: number, epoch: number, { process, recent }: Reported): Promise<number> {
  return db.transaction(async (trx) => {
    const { rows } = await trx.raw<{ rows: Counted[] }>(
      `select survived_id as "survivedId", known_id as "knownId", entries, accounts, counted
         from shard_losses where shard = ? and epoch = ? for update`,
      [shard, epoch],
    );
    const [row] = rows;
    if (row === undefined || row.counted?.includes(process) === true) return 0;
    const beyond = notCounted(recent, row);
    const lost = row.counted === null ? beyond : notCounted(recent, { survivedId: row.survivedId, knownId: row.survivedId });
    if (lost.length === 0) return 0;
    const knownId = laterId(row.knownId, lost.at(-1)?.streamId ?? row.knownId);
    const accounts = merge(row.accounts, countAccounts(lost));
    const named = Object.values(accounts).reduce((sum, count) => sum + count, 0);
    const entries = Math.max(row.entries + beyond.length, named);
    // Raises the alarm again, even if an operator has acknowledged the loss as known before.
    await trx.raw(
      `update shard_losses set entries = :entries::bigint, accounts = :accounts::jsonb, known_id = :knownId, to_at = greatest(to_at, :toAt),
              counted = counted || :process::text, acknowledged_at = null, acknowledged_by = null, reason = null
        where shard = :shard and epoch = :epoch`,
      { entries, accounts: JSON.stringify(accounts), knownId, toAt: timeOf(knownId), process, shard, epoch },
    );
    return entries - row.entries;
  });
}

function merge(known: Readonly<Record<string, number>>, more: Readonly<Record<string, number>>): Record<string, number> {
  const sum = new Map(Object.entries(known));
  for (const [accountId, entries] of Object.entries(more)) {
    if (sum.has(accountId) || sum.size < LOST_ACCOUNTS_NAMED_MAX) sum.set(accountId, (sum.get(accountId) ?? 0) + entries);
  }
  return Object.fromEntries(sum);
}

/** Lost entries that no operator has acknowledged yet, all shards. */
export async function sumLost(db: Db): Promise<number> {
  const { rows } = await db.raw<{ rows: { lost: string | number }[] }>(
    `select coalesce(sum(entries), 0) as lost from shard_losses where entries > 0 and acknowledged_at is null`,
  );
  return Number(rows[0]?.lost ?? 0);
}

/** Losses, newest first: the unacknowledged ones, or all. */
export async function readLosses(db: Db, { all, limit }: { readonly all: boolean; readonly limit: number }): Promise<LossRow[]> {
  const { rows } = await db.raw<{ rows: LossRow[] }>(
    `select shard, epoch, entries, accounts, (extract(epoch from from_at) * 1000)::bigint as "fromMs",
            (extract(epoch from to_at) * 1000)::bigint as "toMs", (extract(epoch from noticed_at) * 1000)::bigint as "noticedAtMs", reason,
            kind, unreadable, greatest((select count(*) from shard_loss_accounts a where a.shard = l.shard and a.epoch = l.epoch),
              (select count(*) from jsonb_object_keys(accounts))) as "accountCount"
       from shard_losses as l where entries > 0 and (?::boolean or acknowledged_at is null) order by noticed_at desc, shard limit ?`,
    [all, limit],
  );
  return rows;
}

/** Acknowledges a shard's losses with the operator and the reason, which ends the alarm. Returns the number of losses. */
export async function acknowledgeLosses(db: Db, shard: number, by: { readonly reason: string; readonly actor: string }): Promise<number> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `update shard_losses set acknowledged_at = now(), acknowledged_by = ?, reason = ?
      where shard = ? and entries > 0 and acknowledged_at is null`,
    [by.actor, by.reason, shard],
  );
  return rowCount;
}
