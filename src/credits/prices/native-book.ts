import { invalid } from '../../kit/errors.js';
import type { PriceFinder } from './price-finder.js';
import type { PriceVersion } from './price.js';
import type { Price } from './rate.js';

/** A book of the gateway's own: per provider and model, every dimension. `costOfUsage` prices a usage with it. */
export interface NativeBook {
  /**
   * The current price of a model. Without a provider the one that has it is meant.
   * @throws GatewayError invalid_request for a model that is inactive, unknown, or sold by several providers.
   */
  priceOf(model: string, provider?: string): Price;
  /** The price that a hold was placed with, by its stored name. Throws as `PriceFinder.named`. */
  named(name: string): Price;
  /** Every model's price now, by provider and model. */
  list(): PriceVersion[];
}

export const nativeBook = (finder: PriceFinder, book: string): NativeBook => ({
  priceOf: (model, provider) => finder.priceOf(book, provider ?? onlyProvider(finder, book, model), model).price,
  named: (name) => finder.named(book, name).price,
  list: () =>
    finder.history.current(book, finder.clock()).map(({ row }) => row)
      .sort((a, b) => byText(a.provider, b.provider) || byText(a.model, b.model)),
});

function onlyProvider({ history, clock }: PriceFinder, book: string, model: string): string {
  const [provider = '', ...others] = history.providersOf(book, model, clock());
  if (others.length > 0) {
    throw invalid('provider', `several providers have "${model}": ${[provider, ...others].sort().join(', ')}; name one`);
  }
  return provider;
}

/** By code unit, so that the order is the same everywhere. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
