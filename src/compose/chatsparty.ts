import type { MoneyIn } from '../credits/grants/money-in.js';
import { assignPlan, definePlan, endPlan, listPlans, planOf, removePlan, showPlan } from '../credits/plans/manage-plans.js';
import { grantReferral } from '../credits/plans/referral-bonus.js';
import { deleteMessagePricing, initializeMessagePricing, upsertMessagePricing } from '../credits/prices/message-pricing.js';
import type { PriceBooks } from '../credits/prices/price-books.js';
import { addCredits } from '../credits/statement/add-credits.js';
import { lastKnownProfile, type ReadCreditProfile } from '../credits/statement/credit-profile.js';
import { readCreditProfile } from '../credits/statement/credit-profile.table.js';
import { creditStatistics } from '../credits/statement/credit-statistics.js';
import { listTransactions } from '../credits/statement/list-transactions.js';
import { CreditService } from '../edge/chatsparty/library/credit-service.js';
import type { ModelPrices } from '../edge/chatsparty/library/model-prices.js';
import { ModelPricingService } from '../edge/chatsparty/library/model-pricing-service.js';
import type { ChatspartyDeps } from '../edge/chatsparty/routes.js';
import type { ResolveAccount } from '../edge/http/account-target.js';
import type { PlanRouteDeps } from '../edge/v1/plan.routes.js';
import type { Clock } from '../kit/clock.js';
import { GatewayError } from '../kit/errors.js';
import type { Log } from '../kit/log.js';
import type { Core } from './core.js';

export type ChatspartyParts = {
  readonly core: Core;
  readonly money: MoneyIn;
  readonly clock: Clock;
  readonly log: Log;
  readonly resolveAccount: ResolveAccount;
};

export type Chatsparty = {
  readonly chatsparty: ChatspartyDeps;
  readonly plans: PlanRouteDeps;
  /** For the balance in the accounting service's dialect: both dialects report the same balance (docs/contracts/README.md#c-02). */
  readonly creditProfile: ReadCreditProfile;
};

/** The credit service of seed 004, its plans and its bonuses. */
export function composeChatsparty({ core, money: moneyIn, clock, log, resolveAccount }: ChatspartyParts): Chatsparty {
  const { db, ledger, freshen } = core;
  const plans = { db, moneyIn, clock, freshen };
  const creditProfile = creditProfileOf(core, log);
  return {
    creditProfile,
    chatsparty: {
      ledger, clock, creditProfile, resolveAccount,
      listTransactions: (query) => listTransactions({ db, freshen }, query),
      statistics: (query) => creditStatistics({ db, ledger, freshen }, query),
      addCredits: (command) => addCredits({ moneyIn, db, freshen }, command),
      prices: modelPrices(core.prices, clock),
    },
    plans: {
      listPlans: () => listPlans(plans),
      showPlan: (planId) => showPlan(plans, planId),
      definePlan: (plan, actor, check) => definePlan(plans, plan, actor, check),
      removePlan: (planId, check) => removePlan(plans, planId, check),
      assignPlan: (command) => assignPlan(plans, command),
      planOf: (accountId) => planOf(plans, accountId),
      endPlan: (accountId) => endPlan(plans, accountId),
      grantReferral: (command) => grantReferral({ moneyIn }, command),
    },
  };
}

/** The services of seed 004 for use as a library by other code of this project, over an open core. */
export function composeLibrary(
  { core, money: moneyIn, clock, log }: Omit<ChatspartyParts, 'resolveAccount'>,
): { readonly credits: CreditService; readonly pricing: ModelPricingService } {
  const { db, ledger, freshen } = core;
  const onError = (error: unknown): void => { log.error({ err: error }, 'a service of the library failed'); };
  return {
    credits: new CreditService({
      db, ledger, moneyIn, freshen, creditProfile: creditProfileOf(core, log), clock, onError,
    }),
    pricing: new ModelPricingService({ prices: modelPrices(core.prices, clock), onError }),
  };
}

const creditProfileOf = ({ db }: Core, log: Log): ReadCreditProfile => lastKnownProfile({
  read: (accountId) => readCreditProfile(db, accountId),
  onError: (error) => { log.debug({ err: error }, 'a balance is answered with the last known plan and purchases'); },
});

/** Reads prices from memory; writes each change as a new version. */
export function modelPrices(books: PriceBooks, clock: Clock): ModelPrices {
  const deps = { books, clock };
  return {
    ...books.messages,
    upsert: (pricing, change) => upsertMessagePricing(deps, { ...pricing, ...change }),
    remove: async (provider, modelName, actor) => {
      try {
        await deleteMessagePricing(deps, { provider, modelName, actor });
        return true;
      } catch (error) {
        if (error instanceof GatewayError && error.code === 'not_found') return false;
        throw error;
      }
    },
    initialize: async (actor) => { await initializeMessagePricing(deps, actor); },
  };
}
