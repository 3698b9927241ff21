import { invalid } from '../../kit/errors.js';
import { isStorable } from '../../kit/ids.js';
import { MICROS_PER_CREDIT } from '../../kit/money/micros.js';
import { isBookName } from '../../ledger/price-name.js';
import { DIMENSIONS, UNITS, type Dimension, type PriceDraft, type PriceTerms } from './price.js';
import { microsPerOne } from './rate.js';
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

export type Insistence = {
  /** A change of more than ×10, and whatever `allowZero` allows. */
  readonly force?: boolean | undefined;
  /** Allows a price of 0. */
  readonly allowZero?: boolean | undefined;
};

/** A price that changes by more than ×10; `factor` is null when it was zero or becomes zero. */
export type Jump = { readonly dimension: Dimension; readonly factor: number | null };

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
  for (const dimension of DIMENSIONS) {
    const text = draft.prices[dimension];
    if (text === null) continue;
    const path = `prices.${dimension}`;
    const price = numberOf(path, text);
    if (price.numerator === 0n && insistence.allowZero !== true && insistence.force !== true) {
      throw invalid(path, `${path} is 0: leave it out if it is not sold, or say allowZero if it is free`);
    }
    const micros = microsPerOne(draft, dimension);
    if (micros !== null && compare(micros, MICROS_PER_ONE_MAX) > 0) {
      throw invalid(path, `${path} is above ${toNumber(MICROS_PER_ONE_MAX) / MICROS_PER_CREDIT} credits for one: is the unit right?`);
    }
  }
  const { input, output, message, request } = draft.prices;
  if ([input, output, message, request].every((each) => each === null)) {
    throw invalid('prices', 'a price needs input, output, message or request');
  }
}

function checkNames({ book, provider, model, note }: PriceDraft): void {
  if (!isBookName(book)) throw invalid('book', 'book must be 1 to 32 lower-case letters, digits or dashes, and begin with a letter');
  if (!isText(provider, 0)) throw invalid('provider', `provider must be text of at most ${PRICED_MODEL_LENGTH_MAX} characters`);
  if (!isText(model, 1)) throw invalid('model', `model must be text of 1 to ${PRICED_MODEL_LENGTH_MAX} characters`);
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

/** What one costs, old and new, that changes by more than ×10 either way. Compares credits, whatever the units are. */
export function jumpsOf(before: PriceTerms, after: PriceTerms): Jump[] {
  return DIMENSIONS.flatMap((dimension): Jump[] => {
    const [from, to] = [microsPerOne(before, dimension), microsPerOne(after, dimension)];
    if (from === null || to === null || compare(from, to) === 0) return [];
    if (from.numerator === 0n || to.numerator === 0n) return [{ dimension, factor: null }];
    const factor = over(to, from);
    const isJump = compare(factor, JUMP_MAX) > 0 || compare(over(from, to), JUMP_MAX) > 0;
    return isJump ? [{ dimension, factor: toNumber(factor) }] : [];
  });
}

/** @throws GatewayError invalid_request for a jump without `force`. */
export function checkJumps(before: PriceTerms | undefined, after: PriceTerms, { force }: Insistence): void {
  if (before === undefined || force === true) return;
  const jumps = jumpsOf(before, after);
  if (jumps.length === 0) return;
  const words = jumps.map(({ dimension, factor }) =>
    (factor === null ? `${dimension} from or to 0` : `${dimension} ×${Number(factor.toPrecision(3))}`));
  throw invalid('force', `this changes ${words.join(', ')}; more than ×10 needs force`);
}

/** Whether two versions make the same price, however it is written: 0.25 for a thousand tokens is 250 for a million. */
export function isSamePrice(a: PriceDraft, b: PriceDraft): boolean {
  return a.rounding === b.rounding && a.isDefault === b.isDefault && a.state === b.state
    && isSameNumber(a.marginPercent, b.marginPercent) && isSameNumber(a.moneyPerCredit, b.moneyPerCredit)
    && DIMENSIONS.every((dimension) => {
      const isPerUnit = dimension !== 'message' && dimension !== 'request';
      return isSameNumber(a.prices[dimension], b.prices[dimension], isPerUnit ? rational(BigInt(a.unit), BigInt(b.unit)) : undefined);
    });
}

/** `a` is `b` times the factor; null is only null. */
function isSameNumber(a: string | null, b: string | null, factor = rational(1n)): boolean {
  if (a === null || b === null) return a === b;
  return compare(decimal(a), times(decimal(b), factor)) === 0;
}
