import type { MessageBook, ModelPricing } from '../../../credits/prices/message-book.js';

/** Who changes prices. `force` allows more than ten times as much, or as little; `allowZero` a price of nothing. */
export type PriceChange = { readonly actor: string; readonly force: boolean; readonly allowZero: boolean };

/** A price to set, in credits. What is left out stays as it is, or is the book's default. */
export type PricingDraft = Pick<ModelPricing, 'provider' | 'modelName' | 'costPerMessage' | 'costPer1kTokens'> & {
  readonly isDefaultModel: boolean | undefined;
  readonly isActive: boolean | undefined;
};

/** What the credit service of seed 004 needs of prices: the message book, and ways to change it. */
export type ModelPrices = Pick<MessageBook, 'cost' | 'get' | 'list'> & {
  /** Makes a new version of a model's price. @throws GatewayError invalid_request for a price that cannot be meant. */
  upsert(pricing: PricingDraft, change: PriceChange): Promise<ModelPricing>;
  /** False: there was none. */
  remove(provider: string, modelName: string, actor: string): Promise<boolean>;
  /** Sets the prices of seed 004 again, over whatever these models cost now. */
  initialize(actor: string): Promise<void>;
};
