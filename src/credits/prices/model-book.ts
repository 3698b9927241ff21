import { MICROS_PER_CREDIT, type Micros } from '../../kit/money/micros.js';
import type { PriceFinder } from './price-finder.js';
import { creditsOfOne, exactParts, type PricedBy, type PricedPart, type Price } from './price-tokens.js';
import { ANY_MODEL, MODEL_BOOK, type PriceVersion, type ServiceTier } from './price.js';
import { decimal, minus, plus, rational, times, toNumber, ZERO_RATIONAL, type Rational } from './rational.js';
import { isOfInput, type TokenUsage } from './token-usage.js';

/** Tokens of one model in one run of the credits process (docs/contracts/credits-process.md#end), by class. */
export type ModelUsage = TokenUsage & {
  readonly aiModel?: string | undefined;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Absent: standard. */
  readonly serviceTier?: ServiceTier | undefined;
};

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
  /** Where more than plain tokens were used: what the credits of input and output are made of. */
  readonly token_classes?: readonly { readonly token_class: string; readonly tokens: number; readonly credits: number }[];
};

export type ModelItem = {
  readonly details: ModelItemDetails;
  /** What is charged: cost_credits, rounded up to a credit for this item alone. */
  readonly charged: Micros;
  /** Exact, for sums over items; `details` has the nearest doubles. */
  readonly exact: { readonly costCredits: Rational; readonly costPrice: Rational; readonly price: Rational };
  /** Name of the price, for the charge. */
  readonly price: string;
  readonly by: PricedBy;
};

/** The AI-model book of the credits process: money per token, the price of a credit, and profit on top. */
export interface ModelBook {
  /**
   * What one usage item costs: the model's price, else the initial model's, else the defaults.
   * @throws GatewayError invalid_request for a model that is inactive, or unknown under UNKNOWN_MODEL=refuse, and for a class of
   *   tokens that was used and that the model has no price for.
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

function itemAt(price: Price, row: PriceVersion, { aiModel, serviceTier = 'standard', ...usage }: ModelUsage): ModelItem {
  const { parts, base, exact: cost, amount: charged } = exactParts(price, usage, serviceTier);
  const creditPrice = decimal(row.moneyPerCredit ?? '1');
  const moneyOfOne = (dimension: 'input' | 'output'): Rational => times(creditsOfOne(price, dimension, usage, serviceTier), creditPrice);
  const sumOf = (some: readonly PricedPart[]): Rational => some.reduce((sum, part) => plus(sum, part.cost), ZERO_RATIONAL);
  const inputCredits = sumOf(parts.filter(({ dimension }) => isOfInput(dimension)));
  const outputCredits = minus(base, inputCredits);
  const profit = minus(cost, base);
  const credits = rational(BigInt(charged), BigInt(MICROS_PER_CREDIT));
  const rounding = minus(credits, cost);
  const costPrice = times(cost, creditPrice);
  const total = times(credits, creditPrice);
  return {
    charged,
    price: price.name,
    by: price.by,
    exact: { costCredits: cost, costPrice, price: total },
    details: {
      ...(aiModel !== undefined && { ai_model: aiModel }),
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      input_credits: toNumber(inputCredits),
      output_credits: toNumber(outputCredits),
      input_token_price: toNumber(moneyOfOne('input')),
      output_token_price: toNumber(moneyOfOne('output')),
      profit_credits_percentage: toNumber(decimal(row.marginPercent)),
      profit_credits: toNumber(profit),
      cost_credits: toNumber(cost),
      cost_price: toNumber(costPrice),
      credits: toNumber(credits),
      price: toNumber(total),
      rounding_credits: toNumber(rounding),
      rounding_price: toNumber(times(rounding, creditPrice)),
      credit_price: toNumber(creditPrice),
      ...(parts.every(({ dimension }) => dimension === 'input' || dimension === 'output') ? {} : {
        token_classes: parts.map(({ dimension, count, cost: each }) => ({
          token_class: dimension, tokens: count, credits: toNumber(each),
        })),
      }),
    },
  };
}
