import type { SetPriceDeps } from '../../credits/prices/set-price.js';
import type { Clock } from '../../kit/clock.js';
import type { AddRoute } from '../http/routes.js';
import { accountRoutes, type AccountRouteDeps } from './account.routes.js';
import { apiKeyRoutes, type ApiKeyRouteDeps } from './api-key.routes.js';
import { balanceRoutes, type BalanceRouteDeps } from './balance.routes.js';
import { changeRoutes, type ChangeRouteDeps } from './changes.routes.js';
import { chargeRoutes, type ChargeRouteDeps } from './charges.routes.js';
import { deliveryRoutes, type DeliveryRouteDeps } from './deliveries.routes.js';
import { entryRoutes, receiptRoutes, type ReadHistory, type ReceiptRouteDeps } from './entries.routes.js';
import { eventRoutes, type EventRouteDeps } from './events.routes.js';
import { explainRoutes, type ExplainRouteDeps } from './explain.routes.js';
import { grantRoutes, type GrantRouteDeps } from './grants.routes.js';
import { holdRoutes, placements, type HoldRouteDeps } from './holds.routes.js';
import { limitRoutes, type LimitRouteDeps } from './limits.routes.js';
import { lotRoutes, type LotRouteDeps } from './lots.routes.js';
import { lowBalanceRoutes, type LowBalanceRouteDeps } from './low-balance.routes.js';
import { memberRoutes, type MemberRouteDeps } from './members.routes.js';
import { modelCostsRoutes, type ModelCostsRouteDeps } from './model-costs.routes.js';
import { planRoutes, type PlanRouteDeps } from './plan.routes.js';
import { waiting, type WriteLedger } from './prefer.js';
import { priceRoutes } from './price.routes.js';
import { keepingReasons, type KeepChange } from './reasons.js';
import { reconcileRoutes, type ReconcileRouteDeps } from './reconcile.routes.js';
import { refundRoutes, type RefundRouteDeps } from './refunds.routes.js';
import { refusalRoutes, type RefusalRouteDeps } from './refusal.routes.js';
import { remembering, type AnswerOnce } from './repeats.js';
import { batchRoutes, type BatchDeps } from './batch.routes.js';
import { collecting, type Operation } from './operations.js';
import { termsRoutes, type TermsRouteDeps } from './terms.routes.js';
import { usageRoutes, type UsageRouteDeps } from './usage.routes.js';
import { transferRoutes, type TransferRouteDeps } from './transfers.routes.js';
import { webhookRoutes, type WebhookRouteDeps } from './webhooks.routes.js';

/** What the routes of `/v1` need. The optional parts are left out by tests of the HTTP side that have no Postgres. */
export type NativeDeps = {
  readonly clock: Clock;
  readonly writeLedger: WriteLedger;
  readonly answerOnce: AnswerOnce;
  readonly keepChange: KeepChange;
  readonly history: ReadHistory;
  readonly plans: PlanRouteDeps;
  readonly oversight?: AccountRouteDeps & ReconcileRouteDeps & Pick<ModelCostsRouteDeps, 'modelCosts'>;
  readonly limits?: LimitRouteDeps & MemberRouteDeps & ExplainRouteDeps & TermsRouteDeps;
  readonly holds?: HoldRouteDeps;
  readonly prices?: SetPriceDeps;
  readonly refusals?: RefusalRouteDeps;
  readonly changes?: ChangeRouteDeps;
  readonly moves?: RefundRouteDeps & TransferRouteDeps & BalanceRouteDeps;
  readonly apiKeys?: ApiKeyRouteDeps;
  readonly accounts?: LotRouteDeps & Omit<ReceiptRouteDeps, 'history'>;
  readonly charges?: ChargeRouteDeps;
  readonly grants?: GrantRouteDeps;
  readonly usage?: UsageRouteDeps;
  readonly batch: Pick<BatchDeps, 'fail' | 'refused' | 'inTime'>;
  readonly webhooks?: WebhookRouteDeps & DeliveryRouteDeps & EventRouteDeps & LowBalanceRouteDeps;
};

/** The native API (docs/contracts/native.md): every group of its routes. */
export function nativeRoutes(table: AddRoute, deps: NativeDeps): void {
  const operations = new Map<string, Operation>();
  const add = remembering(waiting(collecting(table, operations), deps.writeLedger), deps.answerOnce);
  // The rest keeps its reasons in entries of the ledger.
  const configure = keepingReasons(add, deps.keepChange);
  if (deps.charges !== undefined) chargeRoutes(add, deps.charges);
  if (deps.grants !== undefined) grantRoutes(add, deps.grants, deps.clock);
  if (deps.accounts !== undefined) {
    receiptRoutes(add, { ...deps.accounts, history: deps.history });
    lotRoutes(add, deps.accounts);
  }
  if (deps.usage !== undefined) usageRoutes(add, { ...deps.usage, clock: deps.clock });
  entryRoutes(add, deps);
  planRoutes(configure, deps.plans);
  if (deps.oversight !== undefined) {
    accountRoutes(add, deps.oversight);
    reconcileRoutes(add, deps.oversight);
    modelCostsRoutes(add, { ...deps.oversight, clock: deps.clock });
  }
  if (deps.limits !== undefined) {
    limitRoutes(configure, deps.limits);
    memberRoutes(configure, deps.limits);
    explainRoutes(add, deps.limits);
    termsRoutes(add, deps.limits);
  }
  if (deps.holds !== undefined) holdRoutes(add, deps.holds);
  if (deps.prices !== undefined) priceRoutes(configure, deps.prices);
  if (deps.moves !== undefined) {
    refundRoutes(add, deps.moves);
    transferRoutes(add, { ...deps.moves, clock: deps.clock });
    balanceRoutes(add, deps.moves);
  }
  if (deps.webhooks !== undefined) {
    webhookRoutes(configure, deps.webhooks);
    deliveryRoutes(configure, deps.webhooks);
    eventRoutes(add, deps.webhooks);
    lowBalanceRoutes(configure, deps.webhooks);
  }
  if (deps.apiKeys !== undefined) apiKeyRoutes(configure, deps.apiKeys);
  if (deps.changes !== undefined) changeRoutes(add, deps.changes);
  if (deps.refusals !== undefined) refusalRoutes(add, deps.refusals);
  if (operations.size > 0) {
    const { holds } = deps;
    batchRoutes(add, { ...deps.batch, operations, foresee: holds?.foresee, placements: holds && placements(holds) });
  }
}
