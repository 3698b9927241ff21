import type { Db, Trx } from '../stores/postgres/connect.js';
import { fromMs, toMs, unnestSource } from '../stores/postgres/unnest.js';

/** The last freeze or thaw of an account in a batch. */
export type FrozenRow = {
  readonly accountId: string;
  readonly frozen: boolean;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly atMs: number;
};

const source = unnestSource<FrozenRow>('f', {
  account_id: ['text', (row) => row.accountId],
  frozen: ['boolean', (row) => row.frozen],
  actor: ['text', (row) => row.actor],
  reason: ['text', (row) => row.reason],
  at_ms: ['double precision', (row) => row.atMs],
});

/** Marks accounts in Postgres as frozen or not. Only the drainer of their shard calls this. */
export async function markFrozen(trx: Trx, rows: readonly FrozenRow[]): Promise<void> {
  if (rows.length === 0) return;
  await trx.raw(
    `update accounts set frozen = f.frozen, frozen_by = case when f.frozen then f.actor end,
            frozen_reason = case when f.frozen then f.reason end, frozen_at = case when f.frozen then ${fromMs('f.at_ms')} end
       from ${source.sql} where accounts.account_id = f.account_id`,
    source.bind(rows),
  );
}

/** Who froze an account, why and when; null when Postgres has no freeze. */
export type Freeze = { readonly actor: string | null; readonly reason: string | null; readonly atMs: number };

export type FrozenAccount = Freeze & { readonly accountId: string };

/** Frozen accounts, the latest first. */
export async function listFrozen(db: Db, limit: number): Promise<FrozenAccount[]> {
  const { rows } = await db.raw<{ rows: FrozenAccount[] }>(
    `select account_id as "accountId", frozen_by as actor, frozen_reason as reason, ${toMs('frozen_at')} as "atMs"
       from accounts where frozen order by frozen_at desc limit ?::integer`,
    [limit],
  );
  return rows;
}

export async function readFreeze(db: Db, accountId: string): Promise<Freeze | null> {
  const { rows } = await db.raw<{ rows: Freeze[] }>(
    `select frozen_by as actor, frozen_reason as reason, ${toMs('frozen_at')} as "atMs" from accounts where account_id = ? and frozen`,
    [accountId],
  );
  return rows[0] ?? null;
}
