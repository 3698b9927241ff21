import { invalid } from '../../kit/errors.js';
import { MICROS_PER_CREDIT, micros, type Micros } from '../../kit/money/micros.js';
import { parsePriceName, priceName } from '../../ledger/price-name.js';
import type { PriceFinder } from './price-finder.js';
import type { Price } from './price-tokens.js';
import { ANY_MODEL, NO_PRICES, TOKEN_BOOK, traitsOf, type Rounding } from './price.js';
import { rateOf, roundedUp, weightOf, type Rate } from './rate.js';
import { ceilDivide } from './rational.js';

/** One model's price as a hold stores it. */
export type TokenPrice = Price;

/** The prices of the accounting dialect: one blended price per model, per 1 000 tokens (docs/contracts/accounting-service.md#prices). */
export interface TokenBook {
  /**
   * The current price of a model; the book's default for one it does not know.
   * @throws GatewayError invalid_request for a model that is inactive, or unknown under UNKNOWN_MODEL=refuse.
   */
  priceOf(modelId: string): TokenPrice;
  /** The price that a hold was placed with, by its stored name. Throws as `PriceFinder.named`. */
  named(name: string): TokenPrice;
}

export const tokenBook = (finder: PriceFinder): TokenBook => ({
  priceOf: (modelId) => finder.priceOf(TOKEN_BOOK, '', modelId).price,
  named: (name) => (isBuiltIn(name) ? builtInTokenBook.named(name) : finder.named(TOKEN_BOOK, name).price),
});

/** The version that was in the code before prices were in Postgres. Holds may name it for ever; Postgres begins at 2. */
const BUILT_IN_VERSION = 1;

const perThousand = (input: string, output: string, rounding: Rounding = 'credit'): Rate =>
  rateOf({
    prices: { ...NO_PRICES, input, output }, tiers: [], unit: traitsOf(TOKEN_BOOK).unit, rounding, marginPercent: '0', moneyPerCredit: null,
  });
const DEFAULT_RATE = perThousand('0.200', '0.500');

/** A Map, not an object: `__proto__` is an ordinary unknown model (docs/contracts/README.md#what-must-hold). */
const RATES: ReadonlyMap<string, Rate> = new Map([
  ['amazon.nova-micro-v1:0', perThousand('0.060', '0.060')],
  ['amazon.nova-lite-v1:0', perThousand('0.250', '0.800')],
  ['amazon.titan-text-express-v1', perThousand('0.200', '0.600')],
  ['meta.llama3-70b-instruct-v1:0', perThousand('0.265', '0.350')],
  ['anthropic.claude-3-sonnet-20240229-v1:0', perThousand('3', '3')],
  ['anthropic.claude-3-haiku-20240307-v1:0', perThousand('0.25', '0.25')],
  ['anthropic.claude-instant-v1', perThousand('0.8', '0.8')],
  // Seed 000 prices gpt-4 at 0.005 a token and does not round: 1 500 tokens are 7.50.
  ['gpt-4', perThousand('5', '5', 'micro')],
]);

/** The initial prices of the book (docs/contracts/accounting-service.md#prices). Needs no Postgres. */
export const builtInTokenBook: TokenBook = {
  priceOf: (modelId) => {
    const own = RATES.get(modelId);
    const isDefault = own === undefined;
    return {
      name: priceName(TOKEN_BOOK, BUILT_IN_VERSION, modelId), modelId, rate: own ?? DEFAULT_RATE, marginPercent: '0',
      maxInputTokens: null, maxOutputTokens: null,
      by: {
        book: TOKEN_BOOK, provider: '', model: isDefault ? ANY_MODEL : modelId, version: BUILT_IN_VERSION,
        rule: isDefault ? 'default' : 'exact', isDefault,
      },
    };
  },
  named: (name) => {
    if (!isBuiltIn(name)) throw new RangeError(`no such price: ${name}`);
    return builtInTokenBook.priceOf(parsePriceName(name).model);
  },
};

const isBuiltIn = (name: string): boolean => name.startsWith(priceName(TOKEN_BOOK, BUILT_IN_VERSION, ''));

/**
 * What `tokens` cost, half of them input and half output, as the original blends them:
 * ceil(tokens/2/1000 × input + tokens/2/1000 × output). Exact, rounded up once at the end (I11).
 */
export function costOfTokens({ modelId, rate }: TokenPrice, tokens: number): Micros {
  const promptTokens = tokens / 2;
  const [input, output] = [weightOf(rate, 'input', promptTokens, 'standard'), weightOf(rate, 'output', promptTokens, 'standard')];
  if (input === null || output === null) throw invalid('modelId', `${modelId} has no price for tokens`);
  return roundedUp(BigInt(tokens) * (input.weight + output.weight), 2n * rate.denominator, rate.roundTo);
}

/**
 * What a stream's hold reserves for an estimated cost: a fifth more, in whole credits
 * (docs/contracts/accounting-service.md#streaming-sessions).
 */
export function bufferedEstimate(estimate: Micros): Micros {
  const credit = BigInt(MICROS_PER_CREDIT);
  return micros(Number(ceilDivide(BigInt(estimate) * 12n, 10n * credit) * credit));
}
