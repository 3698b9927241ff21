import type { PriceFinder } from './price-finder.js';
import type { PriceVersion } from './price.js';
import type { Price } from './price-tokens.js';

/** A book of the gateway's own: per provider and model, every class of tokens. `price-tokens.ts` prices a usage with it. */
export interface NativeBook {
  readonly name: string;
  /**
   * The current price of a model, by the rules for names of models. Without a provider the one that has it is meant.
   * @throws GatewayError invalid_request for a model that is inactive, unknown, or sold by several providers.
   */
  priceOf(model: string, provider?: string): Price;
  /** The price that a hold was placed with, by its stored name. Throws as `PriceFinder.named`. */
  named(name: string): Price;
  /** Every model's price now, by provider and model. */
  list(): PriceVersion[];
}

export const nativeBook = (finder: PriceFinder, book: string): NativeBook => ({
  name: book,
  priceOf: (model, provider) => finder.priceOf(book, provider ?? '', model).price,
  named: (name) => finder.named(book, name).price,
  list: () =>
    finder.history.current(book, finder.clock()).map(({ row }) => row)
      .sort((a, b) => byText(a.provider, b.provider) || byText(a.model, b.model)),
});

/** By code unit, so that the order is the same everywhere. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
