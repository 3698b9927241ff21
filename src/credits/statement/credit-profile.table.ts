import type { Db } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';
import type { CreditProfile } from './credit-profile.js';

/** Totals of purchases, the last refill, and the plan of an account: a handful of rows by key. */
export async function readCreditProfile(db: Db, accountId: string): Promise<CreditProfile> {
  const { rows } = await db.raw<{ rows: CreditProfile[] }>(
    `select coalesce(sum(credited) filter (where type = 'PURCHASE'), 0)::bigint as purchased,
            ${toMs(`max(last_at) filter (where credited > 0 and (type = 'REFILL' or reason = 'SUBSCRIPTION_REFILL'))`)} as "lastRefillAtMs",
            (select p.name from account_plans a join plans p using (plan_id) where a.account_id = :accountId) as plan
       from transaction_totals where account_id = :accountId`,
    { accountId },
  );
  if (rows[0] === undefined) throw new Error('an aggregate is always one row');
  return rows[0];
}
