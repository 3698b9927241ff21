import { readBalanceAt } from '../../books/balance-at.table.js';
import type { Freshen } from '../../journal/freshen.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import type { Balance, Totals } from '../../ledger/account-snapshot.js';
import { BALANCES, figuresOf, TOTALS } from '../../ledger/figures.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';

export type BalanceAtDeps = {
  readonly db: Db; readonly ledger: Pick<Ledger, 'readAccount'>; readonly freshen: Pick<Freshen, 'account'>; readonly clock: Clock;
};

export type PastBalance = Balance & {
  readonly totals: Totals;
  readonly atMs: number;
  /** The last entry that is counted; 0 before the first. */
  readonly seq: number;
  /** Every entry up to this time is counted. Before `atMs` while the ledger in Postgres lags. */
  readonly asOfMs: number;
};

/**
 * The balance of an account at a time, from the ledger in Postgres; without a time the balance of now. Credits that had
 * expired by then, or a hold whose lease was over, count until the entry that ended them.
 *
 * @throws GatewayError invalid_request (a time in the future), ledger_unavailable.
 */
export async function balanceAt(
  { db, ledger, freshen, clock }: BalanceAtDeps, accountId: string, atMs: number | null,
): Promise<PastBalance> {
  const nowMs = clock();
  if (atMs === null) {
    const { totals, seq, ...account } = await ledger.readAccount(accountId);
    return { ...figuresOf(BALANCES, (name) => account[name]), totals, seq, atMs: nowMs, asOfMs: nowMs };
  }
  if (atMs > nowMs) throw invalid('query.at', 'must not be in the future');
  const isFresh = await freshen.account(accountId).then(() => true, ignoreOutage);
  const { seq, newestAtMs, ...amounts } = await readBalanceAt(db, accountId, atMs)
    .catch((error: unknown) => { throw toGatewayError(error); });
  return {
    ...figuresOf(BALANCES, (name) => amounts[name]), totals: figuresOf(TOTALS, (name) => amounts[name]), atMs, seq,
    asOfMs: isFresh ? atMs : Math.min(atMs, newestAtMs ?? 0),
  };
}

/** While Redis is away, the answer is as Postgres has it, and says so. */
function ignoreOutage(error: unknown): false {
  if (error instanceof GatewayError && error.code === 'ledger_unavailable') return false;
  throw error;
}
