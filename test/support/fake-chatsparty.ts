import type { ModelPricing } from '../../src/credits/prices/message-book.js';
import type { ReadCreditProfile } from '../../src/credits/statement/credit-profile.js';
import type { ModelPrices } from '../../src/edge/chatsparty/library/model-prices.js';
import type { ChatspartyDeps } from '../../src/edge/chatsparty/routes.js';
import type { PlanRouteDeps } from '../../src/edge/v1/plan.routes.js';
import { GatewayError } from '../../src/kit/errors.js';
import { micros, ZERO } from '../../src/kit/money/micros.js';
import type { FakeLedger } from './fake-ledger.js';

/** A minimal credit service for tests of the HTTP side. The real one is tested in test/contract/chatsparty. */
export function fakeChatsparty(
  ledger: FakeLedger, clock: () => number,
): { readonly creditProfile: ReadCreditProfile; readonly chatsparty: ChatspartyDeps; readonly plans: PlanRouteDeps } {
  const creditProfile: ReadCreditProfile = () => Promise.resolve({ purchased: ZERO, plan: null, lastRefillAtMs: null });
  let added = 0;
  const nobody = (): Promise<never> => Promise.reject(new GatewayError('not_found', 'there is none'));
  return {
    creditProfile,
    chatsparty: {
      ledger, clock, creditProfile,
      prices: fakePrices(),
      resolveAccount: (text) => Promise.resolve({ accountId: text, username: null }),
      listTransactions: () => Promise.resolve({ transactions: [], total: 0, next: null }),
      statistics: () => Promise.resolve({ used: ZERO, purchased: ZERO, balance: ZERO, count: 0, byType: new Map(), byReason: new Map() }),
      addCredits: ({ accountId, amount, type, reason, description, metadata }) => Promise.resolve({
        status: 'added', replayed: false,
        transaction: {
          id: 2 * (added += 1), accountId, atMs: clock(), type, reason, amount, balanceAfter: amount, description,
          metadata: metadata === null ? null : JSON.stringify(metadata),
        },
      }),
    },
    plans: {
      listPlans: () => Promise.resolve([]),
      definePlan: (plan) => Promise.resolve({ ...plan, version: 1 }),
      showPlan: nobody, removePlan: nobody, assignPlan: nobody, planOf: nobody, endPlan: nobody,
      grantReferral: () => Promise.resolve({ status: 'granted', replayed: false }),
    },
  };
}

/** Every model costs ten credits a message, unless a test sets another price. */
export function fakePrices(): ModelPrices {
  const set = new Map<string, ModelPricing>();
  const get = (provider: string, modelName: string): ModelPricing =>
    set.get(`${provider}/${modelName}`) ?? {
      provider, modelName, costPerMessage: 10, costPer1kTokens: null, isDefaultModel: false, isActive: true,
    };
  return {
    get,
    list: () => [...set.values()],
    cost: ({ provider, modelName }) => ({
      totalCost: micros(10_000_000), breakdown: { messageCost: micros(10_000_000) }, modelPricing: get(provider, modelName),
      price: 'messages/1/x',
    }),
    upsert: ({ isDefaultModel = false, isActive = true, ...pricing }) => {
      set.set(`${pricing.provider}/${pricing.modelName}`, { ...pricing, isDefaultModel, isActive });
      return Promise.resolve(get(pricing.provider, pricing.modelName));
    },
    remove: (provider, modelName) => Promise.resolve(set.delete(`${provider}/${modelName}`)),
    initialize: () => Promise.resolve(),
  };
}
