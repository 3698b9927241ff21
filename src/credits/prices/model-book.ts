import { invalid } from '../../kit/errors.js';
import { MICROS_PER_CREDIT, type Micros } from '../../kit/money/micros.js';
import type { PriceFinder } from './price-finder.js';
import { ANY_MODEL, MODEL_BOOK, type PriceVersion } from './price.js';
import type { Price } from './price-tokens.js';
import { roundedUp } from './rate.js';
import { decimal, minus, over, plus, rational, times, toNumber, type Rational } from './rational.js';

/** Tokens of one model in one run of the credits process (docs/contracts/credits-process.md#end). */
export type ModelUsage = { readonly aiModel?: string | undefined; readonly inputTokens: number; readonly outputTokens: number };

/** One item of `details`, with the original's field names; `input_credits` and `output_credits` were always missing there. */
export type ModelItemDetails = {
  readonly ai_model?: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly input_credits: number;
  readonly output_credits: number;
  readonly input_token_price: number;
  readonly output_token_price: number;
  readonly profit_credits_percentage: number;
  readonly profit_credits: number;
  readonly cost_credits: number;
  readonly cost_price: number;
  readonly credits: number;
  readonly price: number;
  readonly rounding_credits: number;
  readonly rounding_price: number;
  readonly credit_price: number;
};

export type ModelItem = {
  readonly details: ModelItemDetails;
  /** What is charged: cost_credits, rounded up to a credit for this item alone. */
  readonly charged: Micros;
  /** Exact, for sums over items; `details` has the nearest doubles. */
  readonly exact: { readonly costCredits: Rational; readonly costPrice: Rational; readonly price: Rational };
  /** Name of the price, for the charge. */
  readonly price: string;
};

/** The AI-model book of the credits process: money per token, the price of a credit, and profit on top. */
export interface ModelBook {
  /**
   * What one usage item costs: the model's price, else the initial model's, else the defaults.
   * @throws GatewayError invalid_request for a model that is inactive, or unknown under UNKNOWN_MODEL=refuse.
   */
  item(usage: ModelUsage): ModelItem;
  /** The same at the price of a name that `item` gave. Throws as `PriceFinder.named`. */
  itemNamed(name: string, usage: ModelUsage): ModelItem;
}

export const modelBook = (finder: PriceFinder): ModelBook => ({
  item: (usage) => {
    const { price, stored } = finder.priceOf(MODEL_BOOK, '', modelKey(usage.aiModel ?? ANY_MODEL));
    return itemAt(price, stored.row, usage);
  },
  itemNamed: (name, usage) => {
    const { price, stored } = finder.named(MODEL_BOOK, name);
    return itemAt(price, stored.row, usage);
  },
});

/** The original stores a model's value trimmed and in lower case. */
export const modelKey = (model: string): string => model.trim().toLowerCase();

function itemAt({ name, rate }: Price, row: PriceVersion, { aiModel, inputTokens, outputTokens }: ModelUsage): ModelItem {
  const perToken = (text: string | null): Rational => over(decimal(text ?? '0'), rational(BigInt(row.unit)));
  const creditPrice = decimal(row.moneyPerCredit ?? '1');
  const inputPrice = perToken(row.prices.input);
  const outputPrice = perToken(row.prices.output);
  const inputCredits = over(times(countOf('input_tokens', inputTokens), inputPrice), creditPrice);
  const outputCredits = over(times(countOf('output_tokens', outputTokens), outputPrice), creditPrice);
  const base = plus(inputCredits, outputCredits);
  const profit = over(times(base, decimal(row.marginPercent)), rational(100n));
  const cost = plus(base, profit);
  const costMicros = times(cost, rational(BigInt(MICROS_PER_CREDIT)));
  const charged = roundedUp(costMicros.numerator, costMicros.denominator, rate.roundTo);
  const credits = rational(BigInt(charged), BigInt(MICROS_PER_CREDIT));
  const rounding = minus(credits, cost);
  const costPrice = times(cost, creditPrice);
  const price = times(credits, creditPrice);
  return {
    charged,
    price: name,
    exact: { costCredits: cost, costPrice, price },
    details: {
      ...(aiModel !== undefined && { ai_model: aiModel }),
      input_tokens: inputTokens,
      output_tokens: outputTokens,
      input_credits: toNumber(inputCredits),
      output_credits: toNumber(outputCredits),
      input_token_price: toNumber(inputPrice),
      output_token_price: toNumber(outputPrice),
      profit_credits_percentage: toNumber(decimal(row.marginPercent)),
      profit_credits: toNumber(profit),
      cost_credits: toNumber(cost),
      cost_price: toNumber(costPrice),
      credits: toNumber(credits),
      price: toNumber(price),
      rounding_credits: toNumber(rounding),
      rounding_price: toNumber(times(rounding, creditPrice)),
      credit_price: toNumber(creditPrice),
    },
  };
}

function countOf(path: string, count: number): Rational {
  if (!Number.isSafeInteger(count) || count < 0) throw invalid(path, `${path} must be a whole number, 0 or more`);
  return rational(BigInt(count));
}
