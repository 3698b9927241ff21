import type { Db } from '../../stores/postgres/connect.js';
import { fromMs } from '../../stores/postgres/unnest.js';
import { minuteOf } from './refusal.js';

/** Who is refused the most, and for what. */
export type RefusedMost = {
  readonly reasons: readonly { readonly reason: string; readonly count: number; readonly accounts: number }[];
  /** `reasons`: all of this account's, in words. */
  readonly accounts: readonly { readonly accountId: string; readonly count: number; readonly reasons: string }[];
};

/** Refusals since a moment, its whole minute included: the reasons and the accounts with the most of them. */
export async function readRefusedMost(db: Db, sinceMs: number, limit: number): Promise<RefusedMost> {
  const since = `minute >= ${fromMs('?::double precision')}`;
  const [reasons, accounts] = await Promise.all([
    db.raw<{ rows: RefusedMost['reasons'] }>(
      `select reason, sum(count)::bigint as count, count(distinct account_id) as accounts from refusals where ${since}
        group by reason order by sum(count) desc, reason limit ?::integer`,
      [minuteOf(sinceMs), limit],
    ),
    db.raw<{ rows: RefusedMost['accounts'] }>(
      `select account_id as "accountId", sum(count)::bigint as count, string_agg(distinct reason, ', ') as reasons
        from refusals where ${since}
        group by account_id order by sum(count) desc, account_id limit ?::integer`,
      [minuteOf(sinceMs), limit],
    ),
  ]);
  return { reasons: reasons.rows, accounts: accounts.rows };
}
