import type { Ledger } from '../../ledger/ledger.js';
import type { AddRoute } from '../http/routes.js';
import { addRoutes, type AddDeps } from './add.routes.js';
import { balanceRoutes, type BalanceDeps } from './balance.routes.js';
import { checkRoutes } from './check.routes.js';
import type { ModelPrices } from './library/model-prices.js';
import { pricingRoutes } from './pricing.routes.js';
import { statisticsRoutes, type StatisticsDeps } from './statistics.routes.js';
import { transactionRoutes, type ListTransactions } from './transactions.routes.js';

export type ChatspartyDeps = BalanceDeps & StatisticsDeps & AddDeps & {
  readonly ledger: Pick<Ledger, 'readAccount' | 'readBalance' | 'readFunds'>;
  readonly listTransactions: ListTransactions;
  readonly prices: ModelPrices;
};

/** The API of the credit service (seed 004, docs/contracts/chatsparty.md), translated to the core. */
export function chatspartyRoutes(add: AddRoute, deps: ChatspartyDeps): void {
  balanceRoutes(add, deps);
  transactionRoutes(add, deps);
  statisticsRoutes(add, deps);
  checkRoutes(add, deps);
  addRoutes(add, deps);
  pricingRoutes(add, deps);
}
