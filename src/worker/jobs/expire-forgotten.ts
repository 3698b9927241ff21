import { overdueHolds } from '../../books/hold.table.js';
import { overdueLotAccounts } from '../../books/lot.table.js';
import type { Clock } from '../../kit/clock.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';

export type ExpireForgottenDeps = {
  readonly db: Db;
  readonly ledger: Pick<Ledger, 'expireHold' | 'expireLots'>;
  /** The gateway's time; tests move it. */
  readonly clock: Clock;
};

/** The sweeps and the drain need at most about a second. What is overdue in Postgres for longer was lost from Redis. */
export const OVERDUE_BY_MS = 5_000;
const BATCH_MAX = 200;

/**
 * Ends holds and lots that are due in Postgres but missing from Redis' due indexes. They belong to accounts that Redis
 * lost and that no request has loaded since; ending them loads the account. A hold or lot that has ended meanwhile
 * answers so and is left alone.
 */
export async function expireForgotten({ db, ledger, clock }: ExpireForgottenDeps): Promise<{ readonly ended: number }> {
  const dueBeforeMs = clock() - OVERDUE_BY_MS;
  let ended = 0;
  for (const { accountId, holdId } of await overdueHolds(db, dueBeforeMs, BATCH_MAX)) {
    if ((await ledger.expireHold(accountId, holdId)).status === 'expired') ended += 1;
  }
  for (const accountId of await overdueLotAccounts(db, dueBeforeMs, BATCH_MAX)) {
    if ((await ledger.expireLots(accountId)).status === 'expired') ended += 1;
  }
  return { ended };
}
