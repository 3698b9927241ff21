import { balanceAt } from '../credits/accounts/balance-at.js';
import type { MoneyIn } from '../credits/grants/money-in.js';
import type { Pools } from '../credits/pools/pools.js';
import { refundForMember } from '../credits/pools/refund-of-member.js';
import { refundCredits } from '../credits/refunds/refund-credits.js';
import { showTransfer, transferCredits } from '../credits/transfers/transfer-credits.js';
import type { BalanceRouteDeps } from '../edge/v1/balance.routes.js';
import type { RefundRouteDeps } from '../edge/v1/refunds.routes.js';
import type { TransferRouteDeps } from '../edge/v1/transfers.routes.js';
import type { Clock } from '../kit/clock.js';
import type { Core } from './core.js';

export type MoneyMoves = RefundRouteDeps & TransferRouteDeps & BalanceRouteDeps;

/** Refunds, transfers and balances in the past. */
export function composeMoneyMoves(
  { db, ledger, freshen }: Core, moneyIn: MoneyIn, clock: Clock, pools: Pick<Pools, 'payerOf'>,
): MoneyMoves {
  return {
    refund: (command) => refundForMember(pools, command, (named) => refundCredits({ db, ledger, freshen }, named)),
    transfer: (command) => transferCredits({ db, ledger, moneyIn, freshen }, command),
    showTransfer: (transferId) => showTransfer(db, transferId),
    balanceAt: (accountId, atMs) => balanceAt({ db, ledger, freshen, clock }, accountId, atMs),
  };
}
