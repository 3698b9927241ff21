import { GatewayError } from '../../kit/errors.js';
import { AMOUNT_MAX, MICROS_PER_CREDIT, micros, type Micros } from '../../kit/money/micros.js';
import { DIMENSIONS, isPiece, type Dimension, type PriceTerms, type Rounding, type ServiceTier } from './price.js';
import { ceilDivide, decimal, over, rational, times, type Rational } from './rational.js';

/**
 * A price made ready for computing: a cost is Σ count × weight, divided and rounded up once. Made when a version is
 * loaded, so that a request costs a few multiplications of BigInts.
 */
export type Rate = {
  /** Micro-credits of one, times `denominator`. Null: it has no price of its own. */
  readonly weights: Readonly<Record<Dimension, bigint | null>>;
  /** By length of the prompt, the longest first. */
  readonly tiers: readonly RateTier[];
  readonly denominator: bigint;
  /** Micros that a cost is a whole number of. */
  readonly roundTo: bigint;
};

export type RateTier = {
  readonly aboveInputTokens: number;
  readonly serviceTier: ServiceTier;
  readonly weights: Readonly<Partial<Record<Dimension, bigint>>>;
};

/** The weight of a class in one call, and where it comes from. */
export type ClassWeight = {
  readonly weight: bigint;
  /** The class whose price it is: its own, or the one that stands in for it. */
  readonly pricedAs: Dimension;
  readonly aboveInputTokens: number;
  readonly serviceTier: ServiceTier;
};

const roundToOf = (rounding: Rounding): bigint => (rounding === 'credit' ? BigInt(MICROS_PER_CREDIT) : 1n);

/**
 * The class whose price a class has when it has none of its own, so that it is never free. Only where what stands in is what
 * providers bill: cached tokens as input, reasoning as output, pictures and sound that are read as input. What they bill at a
 * higher price has none: pictures and sound that are written, and an hour in the cache where five minutes have their own price.
 */
function insteadOf(dimension: Dimension, { weights }: Rate): Dimension | null {
  return dimension === 'cachedWrite1h' && weights.cachedWrite !== null ? null : INSTEAD[dimension] ?? null;
}

const INSTEAD: Readonly<Partial<Record<Dimension, Dimension>>> = {
  cachedRead: 'input', cachedWrite: 'input', cachedWrite1h: 'input', audioInput: 'input', imageInput: 'input', reasoning: 'output',
};

/**
 * What one of a class costs in a call whose prompt has so many tokens, all of them counted. Above a length, its price holds
 * for all tokens. Where a price list names no price for a length and a service tier together, the dearer of the two holds.
 * Null: it has no price.
 */
export function weightOf(rate: Rate, dimension: Dimension, promptTokens: number, serviceTier: ServiceTier): ClassWeight | null {
  const own = ownWeight(rate, dimension, promptTokens, serviceTier);
  if (own !== null) return own;
  const instead = insteadOf(dimension, rate);
  return instead === null ? null : weightOf(rate, instead, promptTokens, serviceTier);
}

function ownWeight(rate: Rate, dimension: Dimension, promptTokens: number, serviceTier: ServiceTier): ClassWeight | null {
  const base = rate.weights[dimension];
  const standard = base === null ? null : { weight: base, pricedAs: dimension, aboveInputTokens: 0, serviceTier: 'standard' } as const;
  if (rate.tiers.length === 0) return standard;
  const inTier = (tier: ServiceTier, isLong: boolean): ClassWeight | null => {
    for (const { aboveInputTokens, serviceTier: each, weights } of rate.tiers) {
      const weight = weights[dimension];
      if (weight === undefined || each !== tier || promptTokens <= aboveInputTokens || isLong !== (aboveInputTokens > 0)) continue;
      return { weight, pricedAs: dimension, aboveInputTokens, serviceTier: tier };
    }
    return null;
  };
  if (serviceTier === 'standard') return inTier('standard', true) ?? standard;
  const both = inTier(serviceTier, true);
  if (both !== null) return both;
  const [served, long] = [inTier(serviceTier, false), inTier('standard', true)];
  if (served !== null && long !== null) return served.weight >= long.weight ? served : long;
  return served ?? long ?? standard;
}

/** Whether any class has a price of its own in a service tier. */
export const hasServiceTier = ({ tiers }: Rate, serviceTier: ServiceTier): boolean =>
  serviceTier === 'standard' || tiers.some((each) => each.serviceTier === serviceTier);

/** Micro-credits, exactly, for one of a class at a price; `text` is decimal. */
export function microsAt(terms: PriceTerms, dimension: Dimension, text: string): Rational {
  const credits = over(times(decimal(text), marginFactor(terms)), decimal(terms.moneyPerCredit ?? '1'));
  return over(times(credits, rational(BigInt(MICROS_PER_CREDIT))), rational(isPiece(dimension) ? 1n : BigInt(terms.unit)));
}

/** The same at the usual price of a class, or of the class that stands in for it; null: not sold by that. */
export function microsPerOne(terms: PriceTerms, dimension: Dimension): Rational | null {
  const instead = INSTEAD[dimension];
  const text = terms.prices[dimension] ?? (instead === undefined ? null : terms.prices[instead]);
  return text === null ? null : microsAt(terms, dimension, text);
}

/** 1 + margin / 100. */
export const marginFactor = ({ marginPercent }: Pick<PriceTerms, 'marginPercent'>): Rational => {
  const { numerator, denominator } = decimal(marginPercent);
  return rational(100n * denominator + numerator, 100n * denominator);
};

export function rateOf(terms: PriceTerms): Rate {
  const exact = (prices: PriceTerms['tiers'][number]['prices'] | PriceTerms['prices']): (readonly [Dimension, Rational])[] =>
    DIMENSIONS.flatMap((dimension) => {
      const text = prices[dimension] ?? null;
      return text === null ? [] : [[dimension, microsAt(terms, dimension, text)] as const];
    });
  const base = exact(terms.prices);
  const tiers = terms.tiers.map((tier) => ({ ...tier, exact: exact(tier.prices) }));
  const denominator = [base, ...tiers.map((tier) => tier.exact)].flat()
    .reduce((common, [, each]) => leastCommonMultiple(common, each.denominator), 1n);
  const weigh = (each: Rational): bigint => each.numerator * (denominator / each.denominator);
  const weights = Object.fromEntries(DIMENSIONS.map((dimension): [Dimension, bigint | null] => [dimension, null])) as Record<
    Dimension, bigint | null
  >;
  for (const [dimension, each] of base) weights[dimension] = weigh(each);
  return {
    weights, denominator, roundTo: roundToOf(terms.rounding),
    tiers: tiers.sort((a, b) => b.aboveInputTokens - a.aboveInputTokens).map((tier): RateTier => ({
      aboveInputTokens: tier.aboveInputTokens, serviceTier: tier.serviceTier,
      weights: Object.fromEntries(tier.exact.map(([dimension, each]) => [dimension, weigh(each)])),
    })),
  };
}

/** `dividend / divisor` micros, rounded up to a whole number of `roundTo`. @throws GatewayError limit_exceeded. */
export function roundedUp(dividend: bigint, divisor: bigint, roundTo: bigint): Micros {
  const cost = ceilDivide(dividend, divisor * roundTo) * roundTo;
  if (cost > BigInt(AMOUNT_MAX)) throw new GatewayError('limit_exceeded', 'this usage costs more than one operation may move');
  return micros(Number(cost));
}

const leastCommonMultiple = (a: bigint, b: bigint): bigint => rational(a, b).numerator * b;
