import type { Clock } from '../../clock.js';
import type { AddRoute } from '../../http/routes.js';
import type { RecordUsageDeps } from '../../usage/record-usage.js';
import { allocateRoutes, type AllocateDeps } from './allocate.routes.js';
import { balanceRoutes } from './balance.routes.js';
import { calculateRoutes } from './calculate.routes.js';
import { checkRoutes } from './check.routes.js';
import { healthRoutes } from './health.routes.js';
import { sessionRoutes, type SessionDeps } from './sessions.routes.js';
import { usageRoutes } from './usage.routes.js';

export type AccountingDeps = SessionDeps & AllocateDeps & {
  readonly version: string;
  readonly clock: Clock;
  readonly usageRecordMode: RecordUsageDeps['mode'];
};

/** The API of the accounting service (contract §2), translated to the core. */
export function accountingRoutes(add: AddRoute, deps: AccountingDeps): void {
  healthRoutes(add, deps);
  balanceRoutes(add, deps);
  checkRoutes(add, deps);
  calculateRoutes(add, deps);
  allocateRoutes(add, deps);
  sessionRoutes(add, deps);
  usageRoutes(add, { ledger: deps.ledger, mode: deps.usageRecordMode });
}
