import { presentMessageCost, type MessageUsage, type ModelPricing, type PricingFilter } from '../../../credits/prices/message-book.js';
import type { ModelPrices, PricingDraft } from './model-prices.js';
import { respond, type ServiceResponse } from './service-response.js';

export type ModelPricingServiceDeps = { readonly prices: ModelPrices; readonly onError: (error: unknown) => void };

export type CostCalculation = ReturnType<typeof presentMessageCost>;

/** `force` allows more than ten times the price until now, `allowZero` a price of nothing. */
export type UpsertModelPricingParams = Pick<PricingDraft, 'provider' | 'modelName' | 'costPerMessage'> & {
  readonly costPer1kTokens?: number | null | undefined;
  readonly isDefaultModel?: boolean | undefined;
  readonly isActive?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly allowZero?: boolean | undefined;
};

const ACTOR = 'library';

/** The model pricing service of seed 004 for code inside this project: its method names over the message book. */
export class ModelPricingService {
  readonly #deps: ModelPricingServiceDeps;

  constructor(deps: ModelPricingServiceDeps) {
    this.#deps = deps;
  }

  /** The model's price; for one that is not known, its provider's default under the requested name. */
  getModelPricing(provider: string, modelName: string): Promise<ServiceResponse<ModelPricing>> {
    return this.#respond('Failed to get model pricing', () => this.#deps.prices.get(provider, modelName));
  }

  calculateCost(usage: MessageUsage): Promise<ServiceResponse<CostCalculation>> {
    return this.#respond('Failed to calculate cost', () => presentMessageCost(this.#deps.prices.cost(usage)));
  }

  listModelPricing(filter: PricingFilter = {}): Promise<ServiceResponse<ModelPricing[]>> {
    return this.#respond('Failed to list model pricing', () => this.#deps.prices.list(filter));
  }

  upsertModelPricing(
    { force = false, allowZero = false, costPer1kTokens = null, isDefaultModel, isActive, ...names }: UpsertModelPricingParams,
  ): Promise<ServiceResponse<ModelPricing>> {
    return this.#respond('Failed to update model pricing', () =>
      this.#deps.prices.upsert({ ...names, costPer1kTokens, isDefaultModel, isActive }, { actor: ACTOR, force, allowZero }));
  }

  /** `false` in `data`: there was none. */
  deleteModelPricing(provider: string, modelName: string): Promise<ServiceResponse<boolean>> {
    return this.#respond('Failed to delete model pricing', () => this.#deps.prices.remove(provider, modelName, ACTOR));
  }

  initializeDefaultPricing(): Promise<ServiceResponse<void>> {
    return this.#respond('Failed to initialize pricing', () => this.#deps.prices.initialize(ACTOR));
  }

  #respond<T>(fallback: string, work: () => T | Promise<T>): Promise<ServiceResponse<T>> {
    return respond(fallback, this.#deps.onError, async () => work());
  }
}
