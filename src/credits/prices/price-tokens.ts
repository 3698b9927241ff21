import { invalid } from '../../kit/errors.js';
import { TOKENS_MAX } from '../../kit/limits.js';
import type { Micros } from '../../kit/money/micros.js';
import { DIMENSIONS, isPiece, type Dimension, type Rounding, type ServiceTier } from './price.js';
import { hasServiceTier, marginFactor, roundedUp, weightOf, type ClassWeight, type Rate } from './rate.js';
import { minus, over, plus, rational, times, toText, ZERO_RATIONAL, type Rational } from './rational.js';
import { classCounts, fieldOf, type ClassCounts, type TokenUsage } from './token-usage.js';

/** How a model's name led to the entry that prices it (docs/contracts/README.md#names-of-models). */
export const PRICE_RULES = ['exact', 'alias', 'case', 'provider', 'date', 'variant', 'region', 'default'] as const;
export type PriceRule = (typeof PRICE_RULES)[number];

/** The entry of a book that prices a model, and why it does. `version` with the book finds the very same price for ever. */
export type PricedBy = {
  readonly book: string;
  readonly provider: string;
  /** The model of the entry, which need not be the one that was asked for. */
  readonly model: string;
  readonly version: number;
  readonly rule: PriceRule;
  readonly isDefault: boolean;
};

/** A price as a use case holds it. `name` is kept on holds and charges: the book's `named` finds the very same price by it. */
export type Price = {
  readonly name: string;
  /** The model that was asked for. */
  readonly modelId: string;
  readonly rate: Rate;
  readonly by: PricedBy;
  readonly marginPercent: string;
  /** The most tokens that the model reads and writes in one call; null: not known. */
  readonly maxInputTokens: number | null;
  readonly maxOutputTokens: number | null;
};

/** What facts tell of a price that is not the model's own, so that a default is seen where its hold and its charge are. */
export const pricedByOther = ({ by: { model, rule } }: Price): { readonly pricedBy?: Pick<PricedBy, 'model' | 'rule'> } =>
  (rule === 'exact' ? {} : { pricedBy: { model, rule } });

/** A line of a quote or a receipt. `rate` and `amount` are decimal text of credits, without margin. */
export type PriceComponent = {
  readonly tokenClass: Dimension;
  readonly tokens: number;
  /** Credits for `per` of them: for a million tokens, or for one message, request or picture. */
  readonly rate: string;
  readonly per: 1_000_000 | 1;
  readonly amount: string;
  /** The class whose price it is. Null: it has none, and a fee of this usage covers it. */
  readonly pricedAs: Dimension | null;
  readonly aboveInputTokens: number;
  readonly serviceTier: ServiceTier;
};

/** Σ components + margin + rounding is the amount. Text without a finite decimal is cut after 20 places; the amount never is. */
export type PricedTokens = {
  readonly amount: Micros;
  readonly price: PricedBy;
  readonly components: readonly PriceComponent[];
  readonly margin: { readonly percent: string; readonly amount: string };
  readonly rounding: { readonly upTo: Rounding; readonly amount: string };
};

/** What a usage costs, in parts. Throws as `costOfUsage`. */
export function priceTokens(price: Price, usage: TokenUsage, serviceTier: ServiceTier = 'standard'): PricedTokens {
  const { rate, by, marginPercent } = price;
  const { parts, base, exact, amount } = exactParts(price, usage, serviceTier);
  return {
    amount, price: by, components: parts.map(componentOf),
    margin: { percent: marginPercent, amount: toText(minus(exact, base)) },
    rounding: {
      upTo: rate.roundTo === 1n ? 'micro' : 'credit', amount: toText(minus(rational(BigInt(amount), MICROS), exact)),
    },
  };
}

/** One class of a usage: exact credits of one and of all of them, without margin. */
export type PricedPart = Weighed & { readonly one: Rational; readonly cost: Rational };

/** `base`: Σ parts, without margin; `exact`: with it; `amount`: `exact` rounded up once. Credits, but for the amount. */
export type ExactParts = {
  readonly parts: readonly PricedPart[]; readonly base: Rational; readonly exact: Rational; readonly amount: Micros;
};

/** The same as `priceTokens` in fractions, for books that have figures of their own to show. Throws as `costOfUsage`. */
export function exactParts(price: Price, usage: TokenUsage, serviceTier: ServiceTier): ExactParts {
  const { rate } = price;
  const weighed = weigh(price, classCounts(usage), serviceTier);
  const factor = marginFactor(price);
  const parts = weighed.map((each): PricedPart => {
    const one = each.found === null ? ZERO_RATIONAL : over(creditsOf(each.found.weight, rate), factor);
    return { ...each, one, cost: times(one, rational(BigInt(each.count))) };
  });
  const base = parts.reduce((sum, { cost }) => plus(sum, cost), ZERO_RATIONAL);
  return { parts, base, exact: times(base, factor), amount: costOfWeighed(rate, weighed) };
}

/** Exact credits of one of a class in a call, without margin; 0 for a class without a price. */
export function creditsOfOne(price: Price, dimension: Dimension, usage: TokenUsage, serviceTier: ServiceTier): Rational {
  const found = weightOf(price.rate, dimension, usage.inputTokens ?? 0, serviceTier);
  return found === null ? ZERO_RATIONAL : over(creditsOf(found.weight, price.rate), marginFactor(price));
}

/**
 * What a usage costs: exact, then rounded up once by the price's rule (docs/invariants.md#i11).
 *
 * @throws GatewayError invalid_request for counts that are none, for a class that the model has no price for (it would be
 *   free), and for the service tier `priority` of a model without prices for it; limit_exceeded.
 */
export const costOfUsage = (price: Price, usage: TokenUsage, serviceTier: ServiceTier = 'standard'): Micros =>
  costOfCounts(price, classCounts(usage), serviceTier);

/** The same for counts whose classes exclude each other, messages included. */
export const costOfCounts = (price: Price, counts: ClassCounts, serviceTier: ServiceTier = 'standard'): Micros =>
  costOfWeighed(price.rate, weigh(price, counts, serviceTier));

/** What `outputTokens` in all cost beside a usage. Its parts of the output stay what they are. Throws as `costOfUsage`. */
export const costOfOutput = (price: Price, outputTokens: number, usage: TokenUsage, serviceTier: ServiceTier = 'standard'): Micros =>
  costOfUsage(price, { ...usage, outputTokens }, serviceTier);

/**
 * The largest number of output tokens in all that `amount` pays for beside the input of a usage: one more would cost more.
 * Output beyond the parts that the usage names counts as plain output. 0 when the input alone costs more; TOKENS_MAX at most.
 *
 * @throws GatewayError invalid_request as `costOfUsage`, and for a model without a price for output.
 */
export function outputTokensFor(amount: Micros, price: Price, usage: TokenUsage, serviceTier: ServiceTier = 'standard'): number {
  const { reasoningTokens = 0, audioOutputTokens = 0, imageOutputTokens = 0 } = usage;
  const named = reasoningTokens + audioOutputTokens + imageOutputTokens;
  const weighed = weigh(price, { ...classCounts({ ...usage, outputTokens: named }), output: 1 }, serviceTier);
  const one = weighed.find(({ dimension }) => dimension === 'output')?.found?.weight ?? 0n;
  const fixed = sumOf(weighed) - one;
  const { rate: { denominator, roundTo } } = price;
  // A cost is rounded up to a whole number of steps: it is within the amount when it is within the whole steps of the amount.
  const left = (BigInt(amount) / roundTo) * roundTo * denominator - fixed;
  if (left < 0n) return 0;
  if (one === 0n) return TOKENS_MAX;
  const beyond = left / one;
  return beyond >= BigInt(TOKENS_MAX - named) ? TOKENS_MAX : named + Number(beyond);
}

type Weighed = { readonly dimension: Dimension; readonly count: number; readonly found: ClassWeight | null };

/** Every class that was used with its weight. Fees, once paid, cover classes without a price: then their weight is null. */
function weigh({ modelId, rate }: Price, counts: ClassCounts, serviceTier: ServiceTier): Weighed[] {
  if (serviceTier === 'priority' && !hasServiceTier(rate, serviceTier)) {
    throw invalid('serviceTier', `${modelId} has no price for the service tier priority`);
  }
  const promptTokens = INPUT_CLASSES.reduce((sum, dimension) => sum + (counts[dimension] ?? 0), 0);
  const weighed = DIMENSIONS.flatMap((dimension): Weighed[] => {
    const count = counts[dimension] ?? 0;
    return count === 0 ? [] : [{ dimension, count, found: weightOf(rate, dimension, promptTokens, serviceTier) }];
  });
  const unpriced = weighed.find(({ found }) => found === null);
  const paysFee = weighed.some(({ dimension, found }) => isPiece(dimension) && found !== null);
  if (unpriced !== undefined && (!paysFee || isPiece(unpriced.dimension))) {
    const field = fieldOf(unpriced.dimension);
    throw invalid(field, `${modelId} has no price for ${field}`);
  }
  return weighed;
}

const INPUT_CLASSES = ['input', 'cachedRead', 'cachedWrite', 'cachedWrite1h', 'audioInput', 'imageInput'] as const;
const MICROS = 1_000_000n;

const sumOf = (weighed: readonly Weighed[]): bigint =>
  weighed.reduce((sum, { count, found }) => sum + BigInt(count) * (found?.weight ?? 0n), 0n);

const costOfWeighed = ({ denominator, roundTo }: Rate, weighed: readonly Weighed[]): Micros =>
  roundedUp(sumOf(weighed), denominator, roundTo);

const creditsOf = (weight: bigint, { denominator }: Rate): Rational => rational(weight, denominator * MICROS);

function componentOf({ dimension: tokenClass, count: tokens, found, one }: PricedPart): PriceComponent {
  const per = isPiece(tokenClass) ? 1 : 1_000_000;
  return {
    tokenClass, tokens, per, rate: toText(times(one, rational(BigInt(per)))), amount: toText(times(one, rational(BigInt(tokens)))),
    pricedAs: found?.pricedAs ?? null, aboveInputTokens: found?.aboveInputTokens ?? 0, serviceTier: found?.serviceTier ?? 'standard',
  };
}
