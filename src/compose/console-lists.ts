import { sumAccounts } from '../books/account.table.js';
import { listAccounts } from '../books/account-list.table.js';
import { listHolds, sumHolds } from '../books/listed-hold.table.js';
import { listLots, sumLots } from '../books/listed-lot.table.js';
import type { FeatureAdmin } from '../credits/features/manage-features.js';
import { countLimits, listLimits } from '../credits/limits/listed-limit.table.js';
import { readPlans, countAccountsOfPlans } from '../credits/plans/plan.table.js';
import { countPools, listMembers } from '../credits/pools/listed-member.table.js';
import { listPrices } from '../credits/prices/list-prices.js';
import { planImport } from '../credits/prices/plan-import.js';
import { readPriceMap } from '../credits/prices/price-map.js';
import { CREDITS_PER_DOLLAR, MODEL_BOOK, NATIVE_BOOK, TOKEN_BOOK } from '../credits/prices/price.js';
import { rational } from '../credits/prices/rational.js';
import { listRefusals } from '../credits/refusals/listed-refusal.table.js';
import { readRefusedMost } from '../credits/refusals/refused-most.table.js';
import { webhookState } from '../credits/webhooks/delivery.table.js';
import { listDeliveryPage } from '../credits/webhooks/listed-delivery.table.js';
import type { Deliveries } from '../credits/webhooks/manage-deliveries.js';
import type { Webhooks } from '../credits/webhooks/manage-endpoints.js';
import type { ServerKeyAdmin } from '../edge/auth/manage-server-keys.js';
import type { ImportDesk } from '../edge/console/import.routes.js';
import type { ListReads } from '../edge/console/lists/all-lists.js';
import { REFUSED_MINUTES } from '../edge/console/overview.js';
import type { ResendDesk } from '../edge/console/resend-action.js';
import type { Clock } from '../kit/clock.js';
import { rethrow } from '../stores/postgres/errors.js';
import type { Core } from './core.js';

/** The use cases of other routes that the console uses too. */
export type ConsoleShares = {
  readonly serverKeys: Pick<ServerKeyAdmin, 'list'>;
  readonly features: Pick<FeatureAdmin, 'endpoints' | 'packages'>;
  readonly webhooks: Pick<Webhooks, 'list'>;
  readonly deliveries: Pick<Deliveries, 'read' | 'resend'>;
};

const MINUTE_MS = 60_000;
const MOST_MAX = 5;
/** Operators see every webhook. */
const maySeeAll = (): boolean => true;

/** What the lists of the console read: Postgres as it is, and prices from memory. */
export function composeLists({ db, prices }: Core, { serverKeys, features, webhooks }: ConsoleShares, clock: Clock): ListReads {
  return {
    accounts: (query) => listAccounts(db, query).catch(rethrow),
    accountSums: () => sumAccounts(db),
    holds: (query) => listHolds(db, query).catch(rethrow),
    holdSums: () => sumHolds(db),
    lots: (query) => listLots(db, query).catch(rethrow),
    lotSums: () => sumLots(db),
    refusals: (query) => listRefusals(db, query).catch(rethrow),
    refusedLately: () => readRefusedMost(db, clock() - REFUSED_MINUTES * MINUTE_MS, MOST_MAX),
    limits: (query) => listLimits(db, query).catch(rethrow),
    limitCounts: () => countLimits(db),
    members: (query) => listMembers(db, query).catch(rethrow),
    poolCounts: () => countPools(db),
    prices: () => listPrices(prices.history, clock()),
    plans: async () => {
      const [plans, accounts] = await Promise.all([readPlans(db), countAccountsOfPlans(db)]).catch(rethrow);
      return plans.map((plan) => ({ ...plan, accounts: accounts.get(plan.planId) ?? 0 }));
    },
    features: async () => {
      const [endpoints, packages] = await Promise.all([features.endpoints(), features.packages()]);
      return { endpoints, packages };
    },
    keys: () => serverKeys.list(),
    webhooks: () => webhooks.list(maySeeAll),
    webhookState: () => webhookState(db, clock()),
    deliveries: (query) => listDeliveryPage(db, query).catch(rethrow),
  };
}

/** What an import of prices would change, with the usual price of a credit. */
export const composeImports = ({ prices }: Core, clock: Clock): ImportDesk => ({
  books: [NATIVE_BOOK, TOKEN_BOOK, MODEL_BOOK],
  plan: (map, book) => planImport(prices.history, readPriceMap(map), {
    book, creditsPerDollar: rational(CREDITS_PER_DOLLAR), force: false, nowMs: clock(), actor: 'preview', note: '',
  }),
});

export const composeResending = ({ deliveries }: Pick<ConsoleShares, 'deliveries'>): ResendDesk => ({
  delivery: (endpointId, deliveryId) => deliveries.read(endpointId, maySeeAll, deliveryId),
  resend: (endpointId, deliveryId) => deliveries.resend(endpointId, maySeeAll, deliveryId),
});
