import { GatewayError, invalid } from '../../kit/errors.js';
import { AMOUNT_MAX, micros, ZERO, type Micros } from '../../kit/money/micros.js';
import type { PricedFact } from '../../ledger/facts.js';
import type { NativeBook } from './native-book.js';
import { priceTokens, type Price, type PricedTokens } from './price-tokens.js';
import type { ServiceTier } from './price.js';
import { classCounts, type TokenUsage } from './token-usage.js';

/** The usage of one model, as a caller of `/v1` reports it. */
export type ModelUsage = {
  readonly model: string;
  readonly provider?: string | undefined;
  readonly serviceTier?: ServiceTier | undefined;
  readonly usage: TokenUsage;
};

/** A usage with its cost. `priceName` finds the very same price again (`NativeBook.named`). */
export type PricedUsage = PricedTokens & { readonly asked: ModelUsage; readonly priceName: string };

/**
 * Prices the usage of one model. `path` is where the request has it, such as `body.usages.0`.
 *
 * @throws GatewayError invalid_request (counts that are none, parts beyond their total), unknown_model, price_missing (a class
 *   with usage has no price: it would be free), limit_exceeded.
 */
export function priceUsage(book: NativeBook, asked: ModelUsage, path: string): PricedUsage {
  const usagePath = `${path}.usage`;
  // Bad counts are the caller's fault, whatever the prices are.
  const counts = classCounts(asked.usage, usagePath);
  if (Object.keys(counts).length === 0) throw invalid(usagePath, 'must contain a count above zero');
  const price = refusedAs('unknown_model', path, () => book.priceOf(asked.model, asked.provider));
  return priceBy(price, asked, path);
}

/** The same with a price that is known already, such as that of a receipt. */
export function priceBy(price: Price, asked: ModelUsage, path: string): PricedUsage {
  const priced = refusedAs('price_missing', `${path}.usage`, () => priceTokens(price, asked.usage, asked.serviceTier));
  return { ...priced, asked, priceName: price.name };
}

/** What an earlier charge priced, with the prices of then. */
export const pricedAgain = (book: NativeBook, facts: readonly PricedFact[]): PricedUsage[] => facts.map((fact) => priceBy(
  book.named(fact.price), { model: fact.model, usage: fact.usage, serviceTier: fact.serviceTier as ServiceTier }, 'body',
));

/** What several usages cost together: each is rounded by its own price. Throws GatewayError limit_exceeded. */
export function sumOf(priced: readonly Pick<PricedUsage, 'amount'>[]): Micros {
  const sum = priced.reduce((total, { amount }) => total + BigInt(amount), 0n);
  if (sum > BigInt(AMOUNT_MAX)) throw new GatewayError('limit_exceeded', 'the usage costs more than one operation may move');
  return sum === 0n ? ZERO : micros(Number(sum));
}

/** The books refuse with the name of a field; the caller is told the code and where the field is. */
export function refusedAs<Result>(code: 'unknown_model' | 'price_missing', path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'invalid_request') throw error;
    // The service tier stands beside the usage, its counts in it.
    const beside = path.replace(/\.usage$/, '');
    const sources = error.sources.map(({ path: field, message }) =>
      ({ path: `${field === 'serviceTier' ? beside : path}.${field}`, message }));
    throw new GatewayError(code, error.message, { sources, cause: error });
  }
}
