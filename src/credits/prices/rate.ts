import { GatewayError, invalid } from '../../kit/errors.js';
import { AMOUNT_MAX, MICROS_PER_CREDIT, micros, type Micros } from '../../kit/money/micros.js';
import { DIMENSIONS, type Dimension, type PriceTerms, type Rounding } from './price.js';
import { ceilDivide, decimal, over, rational, times, type Rational } from './rational.js';

/**
 * A price made ready for computing: a cost is Σ count × weight, divided and rounded up once. Made when a version is
 * loaded, so that a request costs a few multiplications of BigInts.
 */
export type Rate = {
  /** Micro-credits of one, times `denominator`. Null: not sold by that. */
  readonly weights: Readonly<Record<Dimension, bigint | null>>;
  readonly denominator: bigint;
  /** Micros that a cost is a whole number of. */
  readonly roundTo: bigint;
};

/** A price as a use case holds it. `name` finds the very same price again, whatever the book says later. */
export type Price = { readonly name: string; readonly modelId: string; readonly rate: Rate };

/** What was used. The kinds of tokens exclude each other (`Dimension`). Whole numbers ≥ 0; absent means none. */
export type Usage = {
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly cachedReadTokens?: number | undefined;
  readonly cachedWriteTokens?: number | undefined;
  readonly reasoningTokens?: number | undefined;
  readonly messages?: number | undefined;
  readonly requests?: number | undefined;
};

const USAGE_OF: Readonly<Record<Dimension, keyof Usage>> = {
  input: 'inputTokens', output: 'outputTokens', cachedRead: 'cachedReadTokens', cachedWrite: 'cachedWriteTokens',
  reasoning: 'reasoningTokens', message: 'messages', request: 'requests',
};

/** Special tokens without a price of their own cost what they are a kind of, so that they are never silently free. */
const INSTEAD: Readonly<Partial<Record<Dimension, Dimension>>> = { cachedRead: 'input', cachedWrite: 'input', reasoning: 'output' };

const roundToOf = (rounding: Rounding): bigint => (rounding === 'credit' ? BigInt(MICROS_PER_CREDIT) : 1n);

/** Micro-credits, exactly, for one token, message or request; null: not sold by that. */
export function microsPerOne(terms: PriceTerms, dimension: Dimension): Rational | null {
  const instead = INSTEAD[dimension];
  const text = terms.prices[dimension] ?? (instead === undefined ? null : terms.prices[instead]);
  if (text === null) return null;
  const isToken = dimension !== 'message' && dimension !== 'request';
  const credits = over(times(decimal(text), marginFactor(terms)), decimal(terms.moneyPerCredit ?? '1'));
  return over(times(credits, rational(BigInt(MICROS_PER_CREDIT))), rational(isToken ? BigInt(terms.unit) : 1n));
}

/** 1 + margin / 100. */
export const marginFactor = ({ marginPercent }: PriceTerms): Rational => {
  const { numerator, denominator } = decimal(marginPercent);
  return rational(100n * denominator + numerator, 100n * denominator);
};

export function rateOf(terms: PriceTerms): Rate {
  const exact = DIMENSIONS.map((dimension) => [dimension, microsPerOne(terms, dimension)] as const);
  const denominator = exact.reduce((common, [, each]) => (each === null ? common : leastCommonMultiple(common, each.denominator)), 1n);
  const weights = Object.fromEntries(
    exact.map(([dimension, each]) => [dimension, each === null ? null : each.numerator * (denominator / each.denominator)]),
  ) as Record<Dimension, bigint | null>;
  return { weights, denominator, roundTo: roundToOf(terms.rounding) };
}

/**
 * What a usage costs: exact, then rounded up once by the price's rule (I11). A flat fee that is paid covers tokens that
 * have no price of their own.
 *
 * @throws GatewayError invalid_request when something was used that this model is not sold by: it would be free.
 */
export function costOfUsage({ modelId, rate }: Price, usage: Usage): Micros {
  let sum = 0n;
  let unpriced: keyof Usage | undefined;
  for (const dimension of DIMENSIONS) {
    const field = USAGE_OF[dimension];
    const count = usage[field] ?? 0;
    if (!Number.isSafeInteger(count) || count < 0) throw invalid(field, `${field} must be a whole number, 0 or more`);
    const weight = rate.weights[dimension];
    if (weight !== null) sum += BigInt(count) * weight;
    else if (count > 0) unpriced ??= field;
  }
  if (unpriced !== undefined && !paysFlatFee(rate, usage)) throw invalid(unpriced, `${modelId} has no price for ${unpriced}`);
  return roundedUp(sum, rate.denominator, rate.roundTo);
}

const paysFlatFee = ({ weights }: Rate, { messages = 0, requests = 0 }: Usage): boolean =>
  (weights.message !== null && messages > 0) || (weights.request !== null && requests > 0);

/** `dividend / divisor` micros, rounded up to a whole number of `roundTo`. */
export function roundedUp(dividend: bigint, divisor: bigint, roundTo: bigint): Micros {
  const cost = ceilDivide(dividend, divisor * roundTo) * roundTo;
  if (cost > BigInt(AMOUNT_MAX)) throw new GatewayError('limit_exceeded', 'this usage costs more than one operation may move');
  return micros(Number(cost));
}

const leastCommonMultiple = (a: bigint, b: bigint): bigint => rational(a, b).numerator * b;
