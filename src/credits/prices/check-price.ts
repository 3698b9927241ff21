import { invalid } from '../../kit/errors.js';
import { isStorable } from '../../kit/ids.js';
import { TOKENS_MAX } from '../../kit/limits.js';
import { MICROS_PER_CREDIT } from '../../kit/money/micros.js';
import { isBookName } from '../../ledger/price-name.js';
import { ratesOf, tierName, type PlacedRate } from './placed-rates.js';
import { DIMENSIONS, isPiece, NO_PRICES, UNITS, type Dimension, type PriceDraft, type PriceTerms, type PriceTier } from './price.js';
import { microsAt, microsPerOne } from './rate.js';
import { compare, decimal, over, parseDecimal, rational, times, toNumber, type Rational } from './rational.js';

/** A change by more than this factor is taken for a misplaced decimal point unless `force` is set. */
const JUMP_MAX = rational(10n);
/** 10 000 times the most expensive token on the market: more is a wrong unit. In micro-credits per token. */
const MICROS_PER_ONE_MAX = rational(1_000_000n * BigInt(MICROS_PER_CREDIT));
/** More digits than any price list prints; sums of such fractions stay cheap. */
const DIGITS_MAX = 40;
const MARGIN_PERCENT_MAX = rational(10_000n);
/** Community price maps name a model with its host and path. */
export const PRICED_MODEL_LENGTH_MAX = 200;
const NOTE_LENGTH_MAX = 1_000;
/** Price lists have two lengths and four service tiers; lists of ranges have about ten. */
const TIERS_MAX = 32;

export type Insistence = {
  /** A change of more than ×10, and whatever `allowZero` allows. */
  readonly force?: boolean | undefined;
  /** Allows a price of 0. */
  readonly allowZero?: boolean | undefined;
};

/** A price that changes by more than ×10; `factor` is null when it was zero or becomes zero. */
export type Jump = { readonly what: string; readonly factor: number | null };

/**
 * Refuses an invalid price.
 * @throws GatewayError invalid_request with the field at fault.
 */
export function checkPrice(draft: PriceDraft, insistence: Insistence): void {
  checkNames(draft);
  if (!UNITS.includes(draft.unit)) throw invalid('unit', `unit must be one of ${UNITS.join(', ')} tokens`);
  if (!Number.isSafeInteger(draft.effectiveFromMs)) throw invalid('effectiveFrom', 'effectiveFrom must be a moment');
  const margin = numberOf('marginPercent', draft.marginPercent);
  if (compare(margin, MARGIN_PERCENT_MAX) > 0) {
    throw invalid('marginPercent', `marginPercent must be at most ${toNumber(MARGIN_PERCENT_MAX)}`);
  }
  if (draft.moneyPerCredit !== null && numberOf('moneyPerCredit', draft.moneyPerCredit).numerator === 0n) {
    throw invalid('moneyPerCredit', 'moneyPerCredit must be above 0');
  }
  checkTokens('maxInputTokens', draft.maxInputTokens);
  checkTokens('maxOutputTokens', draft.maxOutputTokens);
  checkTiers(draft.tiers);
  const rates = ratesOf(draft);
  if (draft.aliasOf !== null) {
    if (rates.length > 0) throw invalid('aliasOf', 'another name for a model has no prices of its own');
    return;
  }
  for (const each of rates) checkRate(draft, each, insistence);
  if (rates.every(({ dimension }) => SPECIAL.has(dimension))) {
    throw invalid('prices', 'a price needs input, output, message or request');
  }
}

/** Classes that no model is sold by alone. */
const SPECIAL: ReadonlySet<Dimension> = new Set(['cachedRead', 'cachedWrite', 'cachedWrite1h', 'reasoning']);

function checkTiers(tiers: readonly PriceTier[]): void {
  if (tiers.length > TIERS_MAX) throw invalid('tiers', `there may be at most ${TIERS_MAX} tiers`);
  const seen = new Set<string>();
  tiers.forEach((tier, index) => {
    const path = `tiers.${index}`;
    if (!Number.isSafeInteger(tier.aboveInputTokens) || tier.aboveInputTokens < 0 || tier.aboveInputTokens > TOKENS_MAX) {
      throw invalid(`${path}.aboveInputTokens`, `aboveInputTokens must be a whole number from 0 to ${TOKENS_MAX}`);
    }
    if (tierName(tier) === '') throw invalid(path, 'what holds for any prompt in the service tier standard belongs into prices');
    if (seen.has(tierName(tier))) throw invalid(path, `there are two tiers "${tierName(tier)}"`);
    seen.add(tierName(tier));
  });
}

function checkRate(draft: PriceDraft, { path, dimension, text }: PlacedRate, { allowZero, force }: Insistence): void {
  if (numberOf(path, text).numerator === 0n && allowZero !== true && force !== true) {
    throw invalid(path, `${path} is 0: leave it out if it is not sold, or say allowZero if it is free`);
  }
  if (compare(microsAt(draft, dimension, text), MICROS_PER_ONE_MAX) > 0) {
    throw invalid(path, `${path} is above ${toNumber(MICROS_PER_ONE_MAX) / MICROS_PER_CREDIT} credits for one: is the unit right?`);
  }
}

function checkTokens(path: string, tokens: number | null): void {
  if (tokens !== null && (!Number.isSafeInteger(tokens) || tokens < 1 || tokens > TOKENS_MAX)) {
    throw invalid(path, `${path} must be a whole number from 1 to ${TOKENS_MAX}`);
  }
}

function checkNames({ book, provider, model, aliasOf, note }: PriceDraft): void {
  if (!isBookName(book)) throw invalid('book', 'book must be 1 to 32 lower-case letters, digits or dashes, and begin with a letter');
  if (!isText(provider, 0)) throw invalid('provider', `provider must be text of at most ${PRICED_MODEL_LENGTH_MAX} characters`);
  if (!isText(model, 1)) throw invalid('model', `model must be text of 1 to ${PRICED_MODEL_LENGTH_MAX} characters`);
  if (aliasOf !== null && (!isText(aliasOf, 1) || aliasOf === model)) {
    throw invalid('aliasOf', `aliasOf must be another model, of 1 to ${PRICED_MODEL_LENGTH_MAX} characters`);
  }
  if (note.length > NOTE_LENGTH_MAX || !isStorable(note)) {
    throw invalid('note', `note must be text of at most ${NOTE_LENGTH_MAX} characters`);
  }
}

const isText = (text: string, lengthMin: number): boolean =>
  text.length >= lengthMin && text.length <= PRICED_MODEL_LENGTH_MAX && isStorable(text);

function numberOf(path: string, text: string): Rational {
  const value = parseDecimal(text);
  if (value === null || text.replace(/\D/g, '').length > DIGITS_MAX) {
    throw invalid(path, `${path} must be a decimal number, not ${JSON.stringify(text)}`);
  }
  if (value.numerator < 0n) throw invalid(path, `${path} must not be negative`);
  return value;
}

/**
 * What one costs, old and new, that changes by more than ×10 either way. Compares credits, whatever the units are, and of tiers
 * those that both have.
 */
export function jumpsOf(before: PriceTerms, after: PriceTerms): Jump[] {
  const tiersBefore = new Map(ratesOf({ ...before, prices: NO_PRICES }).map((rate) => [rate.key, rate]));
  const inTiers = ratesOf({ ...after, prices: NO_PRICES }).flatMap(({ key, dimension, text }): Jump[] => {
    const earlier = tiersBefore.get(key);
    return earlier === undefined ? [] : jumpOf(key, microsAt(before, dimension, earlier.text), microsAt(after, dimension, text));
  });
  return [...DIMENSIONS.flatMap((dimension) =>
    jumpOf(dimension, microsPerOne(before, dimension), microsPerOne(after, dimension))), ...inTiers];
}

function jumpOf(what: string, from: Rational | null, to: Rational | null): Jump[] {
  if (from === null || to === null || compare(from, to) === 0) return [];
  if (from.numerator === 0n || to.numerator === 0n) return [{ what, factor: null }];
  const factor = over(to, from);
  const isJump = compare(factor, JUMP_MAX) > 0 || compare(over(from, to), JUMP_MAX) > 0;
  return isJump ? [{ what, factor: toNumber(factor) }] : [];
}

/** @throws GatewayError invalid_request for a jump without `force`. */
export function checkJumps(before: PriceTerms | undefined, after: PriceTerms, { force }: Insistence): void {
  if (before === undefined || force === true) return;
  const jumps = jumpsOf(before, after);
  if (jumps.length === 0) return;
  const words = jumps.map(({ what, factor }) =>
    (factor === null ? `${what} from or to 0` : `${what} ×${Number(factor.toPrecision(3))}`));
  throw invalid('force', `this changes ${words.join(', ')}; more than ×10 needs force`);
}

/** Whether two versions make the same price, however it is written: 0.25 for a thousand tokens is 250 for a million. */
export function isSamePrice(a: PriceDraft, b: PriceDraft): boolean {
  return a.rounding === b.rounding && a.isDefault === b.isDefault && a.state === b.state && a.aliasOf === b.aliasOf
    && a.maxInputTokens === b.maxInputTokens && a.maxOutputTokens === b.maxOutputTokens
    && isSameNumber(a.marginPercent, b.marginPercent) && isSameNumber(a.moneyPerCredit, b.moneyPerCredit)
    && hasSameRates(a, b);
}

function hasSameRates(a: PriceTerms, b: PriceTerms): boolean {
  const [rates, others] = [ratesOf(a), new Map(ratesOf(b).map(({ key, text }) => [key, text]))];
  const perUnit = rational(BigInt(a.unit), BigInt(b.unit));
  return rates.length === others.size && rates.every(({ key, dimension, text }) =>
    isSameNumber(text, others.get(key) ?? null, isPiece(dimension) ? undefined : perUnit));
}

/** `a` is `b` times the factor; null is only null. */
function isSameNumber(a: string | null, b: string | null, factor = rational(1n)): boolean {
  if (a === null || b === null) return a === b;
  return compare(decimal(a), times(decimal(b), factor)) === 0;
}
