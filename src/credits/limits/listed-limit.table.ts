import type { Micros } from '../../kit/money/micros.js';
import type { LimitMode, LimitPeriod, LimitWindow } from '../../ledger/limits.js';
import type { Db } from '../../stores/postgres/connect.js';
import { readListPage, type ListPage, type ListQuery, type ListSource } from '../../stores/postgres/list-page.js';
import { toMs } from '../../stores/postgres/unnest.js';

/** A limit of any account. `spender`, `model`, `feature`, `key`: what it matches; null: everything. */
export type ListedLimit = {
  readonly accountId: string;
  readonly limitId: string;
  readonly amount: Micros;
  readonly period: LimitPeriod;
  readonly window: LimitWindow;
  readonly timeZone: string;
  readonly mode: LimitMode;
  readonly spender: string | null;
  readonly model: string | null;
  readonly feature: string | null;
  readonly key: string | null;
  readonly changedAtMs: number;
  readonly changedBy: string | null;
  /** Whether Redis has it. */
  readonly isApplied: boolean;
};

const SOURCE: ListSource = {
  columns: `l.account_id as "accountId", l.limit_id as "limitId", l.amount, l.period, l.window_kind as window, l.time_zone as "timeZone",
    l.mode, l.spender, l.model, l.feature, l.api_key as key, ${toMs('l.updated_at')} as "changedAtMs", l.updated_by as "changedBy",
    s.applied_version >= l.version as "isApplied"`,
  from: 'account_limits l join limit_sets s using (account_id)',
  key: [['l.account_id', 'text'], ['l.limit_id', 'text']],
  sorts: { account: ['l.account_id', 'text'], amount: ['l.amount', 'bigint'], changed: ['l.updated_at', 'timestamptz'] },
  filters: {
    account: 'l.account_id = :account::text', mode: 'l.mode = :mode::text', period: 'l.period = :period::text',
  },
};

/** Limits of all accounts. Filters: `account`, `mode`, `period`. */
export const listLimits = (db: Db, query: ListQuery): Promise<ListPage<ListedLimit>> => readListPage<ListedLimit>(db, SOURCE, query);

/** `pending`: accounts whose newest limits Redis may not have yet. */
export type LimitCounts = { readonly limits: number; readonly accounts: number; readonly pending: number };

export async function countLimits(db: Db): Promise<LimitCounts> {
  const { rows: [counts] } = await db.raw<{ rows: [LimitCounts] }>(
    `select count(*)::integer as limits, count(distinct account_id)::integer as accounts,
            (select count(*)::integer from limit_sets where applied_version < version) as pending from account_limits`,
  );
  return counts;
}
