import type { RecordUsageDeps } from '../../credits/usage/record-usage.js';
import type { Clock } from '../../kit/clock.js';
import type { AddRoute } from '../http/routes.js';
import { adminRoutes, type AdministrationDeps } from './admin.routes.js';
import { allocateRoutes, type AllocateDeps } from './allocate.routes.js';
import { allocationsRoutes, type AllocationsDeps } from './allocations.routes.js';
import { balanceRoutes, type BalanceDeps } from './balance.routes.js';
import { calculateRoutes } from './calculate.routes.js';
import { checkRoutes } from './check.routes.js';
import { deductRoutes } from './deduct.routes.js';
import { healthRoutes } from './health.routes.js';
import { sessionViewRoutes, type SessionViewDeps } from './session-views.routes.js';
import { sessionRoutes, type SessionDeps } from './sessions.routes.js';
import { usageStatsRoutes, type UsageStatsRouteDeps } from './usage-stats.routes.js';
import { usageRoutes } from './usage.routes.js';
import { usersRoutes, type UsersDeps } from './users.routes.js';

type RouteDeps = SessionDeps & Pick<BalanceDeps, 'creditProfile'> & AllocateDeps & AdministrationDeps & AllocationsDeps & UsersDeps
  & SessionViewDeps & UsageStatsRouteDeps;

export type AccountingDeps = RouteDeps & {
  readonly version: string;
  readonly clock: Clock;
  readonly usageRecordMode: RecordUsageDeps['mode'];
};

/** The API of the accounting service (docs/contracts/accounting-service.md), translated to the core. */
export function accountingRoutes(add: AddRoute, deps: AccountingDeps): void {
  healthRoutes(add, deps);
  balanceRoutes(add, deps);
  checkRoutes(add, deps);
  calculateRoutes(add, deps);
  deductRoutes(add, deps);
  allocateRoutes(add, deps);
  adminRoutes(add, deps);
  allocationsRoutes(add, deps);
  usersRoutes(add, deps);
  sessionRoutes(add, deps);
  sessionViewRoutes(add, deps);
  usageRoutes(add, { ledger: deps.ledger, mode: deps.usageRecordMode });
  usageStatsRoutes(add, deps);
}
