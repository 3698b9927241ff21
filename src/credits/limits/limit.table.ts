import { micros } from '../../kit/money/micros.js';
import { LIMIT_COLUMNS, toLimit, type LimitColumns, type StoredLimit } from '../../books/account-limit.table.js';
import type { LimitDefinition } from '../../ledger/limits.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';

/** What an account's limits are changed from. */
export type LockedSet = { readonly version: number; readonly limits: readonly StoredLimit[] };

/** Locks the limits of an account, which may have none yet, until the transaction ends. */
export async function lockLimits(trx: Trx, accountId: string): Promise<LockedSet> {
  await trx.raw('insert into limit_sets (account_id, version) values (?, 0) on conflict do nothing', [accountId]);
  const { rows } = await trx.raw<{ rows: { version: number }[] }>(
    'select version from limit_sets where account_id = ? for update', [accountId],
  );
  const { rows: limits } = await trx.raw<{ rows: LimitColumns[] }>(
    `select ${LIMIT_COLUMNS} from account_limits where account_id = ? order by limit_id`, [accountId],
  );
  return { version: rows[0]?.version ?? 0, limits: limits.map(toLimit) };
}

const nextVersion = async (trx: Trx, accountId: string, version: number): Promise<void> => {
  await trx.raw('update limit_sets set version = ?, changed_at = now() where account_id = ?', [version, accountId]);
};

/** Writes a limit as `version` of the set. The caller has locked the set. */
export async function writeLimit(trx: Trx, accountId: string, version: number, limit: LimitDefinition, actor: string): Promise<void> {
  await nextVersion(trx, accountId, version);
  const { limitId, counter, amount, period, window, timeZone, mode, match } = limit;
  await trx.raw(
    `insert into account_limits
       (account_id, limit_id, version, counter, amount, period, window_kind, time_zone, mode, spender, model, feature, api_key, updated_by)
     values (:accountId, :limitId, :version, :counter, :amount, :period, :window, :timeZone, :mode, :spender, :model, :feature, :key,
             :actor)
     on conflict (account_id, limit_id) do update
       set version = excluded.version, counter = excluded.counter, amount = excluded.amount, period = excluded.period,
           window_kind = excluded.window_kind, time_zone = excluded.time_zone, mode = excluded.mode, spender = excluded.spender,
           model = excluded.model, feature = excluded.feature, api_key = excluded.api_key, updated_at = now(),
           updated_by = excluded.updated_by`,
    {
      accountId, limitId, version, counter, amount: micros(amount), period, window, timeZone, mode, actor,
      spender: match.spender ?? null, model: match.model ?? null, feature: match.feature ?? null, key: match.key ?? null,
    },
  );
}

/** Deletes a limit, as `version` of the set. The caller has locked the set. */
export async function deleteLimit(trx: Trx, accountId: string, version: number, limitId: string): Promise<void> {
  await nextVersion(trx, accountId, version);
  await trx.raw('delete from account_limits where account_id = ? and limit_id = ?', [accountId, limitId]);
}

/** Redis has this version of an account's limits. */
export async function markApplied(db: Db, accountId: string, version: number): Promise<void> {
  await db.raw('update limit_sets set applied_version = greatest(applied_version, ?) where account_id = ?', [version, accountId]);
}

/** SQL: accounts whose limits Redis does not have, changed longer than `:olderThanMs` ago, oldest change first. */
export const PENDING_SETS = `from limit_sets
  where applied_version < version and changed_at < now() - make_interval(secs => :olderThanMs::double precision / 1000)
  order by changed_at`;

/** Accounts whose limits Redis may not have yet, `olderThanMs` after their change. */
export async function pendingSets(db: Db, olderThanMs: number, limit: number): Promise<string[]> {
  const { rows } = await db.raw<{ rows: { account_id: string }[] }>(
    `select account_id ${PENDING_SETS} limit :limit::integer`, { olderThanMs, limit },
  );
  return rows.map((row) => row.account_id);
}
