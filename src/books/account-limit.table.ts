import { micros } from '../kit/money/micros.js';
import type { AccountLimits, LimitDefinition, LimitMode, LimitPeriod, LimitWindow } from '../ledger/limits.js';
import type { Db } from '../stores/postgres/connect.js';

/**
 * The limits of accounts. The drain does not write them (credits/limits does); they are read here because an account that is
 * loaded brings its own.
 */
export type LimitColumns = {
  readonly limit_id: string; readonly version: number; readonly counter: number; readonly amount: number;
  readonly period: LimitPeriod; readonly window_kind: LimitWindow; readonly time_zone: string; readonly mode: LimitMode;
  readonly spender: string | null; readonly model: string | null; readonly feature: string | null; readonly api_key: string | null;
};

export const LIMIT_COLUMNS =
  'limit_id, version, counter, amount, period, window_kind, time_zone, mode, spender, model, feature, api_key';

/** A limit and the version that is its ETag. */
export type StoredLimit = LimitDefinition & { readonly version: number };

export const toLimit = (row: LimitColumns): StoredLimit => ({
  limitId: row.limit_id, version: row.version, counter: row.counter, amount: micros(row.amount), period: row.period,
  window: row.window_kind, timeZone: row.time_zone, mode: row.mode,
  match: {
    ...(row.spender === null ? {} : { spender: row.spender }), ...(row.model === null ? {} : { model: row.model }),
    ...(row.feature === null ? {} : { feature: row.feature }), ...(row.api_key === null ? {} : { key: row.api_key }),
  },
});

/** All limits of an account with the version of the set; version 0 for one that never had any. */
export async function readLimitSet(db: Db, accountId: string): Promise<AccountLimits & { readonly limits: readonly StoredLimit[] }> {
  const { rows } = await db.raw<{ rows: { version: number; limits: LimitColumns[] | null }[] }>(
    `select version, (select json_agg(l) from (
       select ${LIMIT_COLUMNS} from account_limits as a where a.account_id = s.account_id order by limit_id) as l) as limits
       from limit_sets as s where account_id = ?`,
    [accountId],
  );
  const [row] = rows;
  return row === undefined ? { version: 0, limits: [] } : { version: row.version, limits: (row.limits ?? []).map(toLimit) };
}
