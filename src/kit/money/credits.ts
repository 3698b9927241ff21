import { AMOUNT_MAX, MICROS_PER_CREDIT, micros, type Micros } from './micros.js';

/** Why a value is not an amount of credits. The caller adds the field's name. */
export type CreditsProblem = 'not_a_number' | 'negative' | 'too_precise' | 'too_large';

const DECIMAL = /^(\d{1,9})(?:\.(\d{1,6}))?$/;
/** Differences of doubles carry noise far behind the sixth decimal; a real seventh decimal is a hundred times larger. */
const NOISE = 1e-9;

/**
 * Parses credits as the dialects send them: a JSON number, or a decimal string such as "7.50".
 * At most six decimals and 999 999 999.999999 (docs/architecture.md#money-rules). Float noise of a number is absorbed; a real seventh
 * decimal, NaN, Infinity, hex, exponents in strings and spaces are refused.
 */
export function parseCredits(value: unknown): Micros | CreditsProblem {
  if (typeof value === 'string') return parseDecimal(value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'not_a_number';
  if (value < 0) return 'negative';
  if (value * MICROS_PER_CREDIT > AMOUNT_MAX + 0.5) return 'too_large';
  const rounded = Math.round(value * MICROS_PER_CREDIT);
  if (rounded > AMOUNT_MAX) return 'too_large';
  // The nearest whole micro must equal the number that was sent, up to float noise: tiny in absolute terms, or beyond
  // the fifteen digits that a double keeps (large amounts).
  const nearest = rounded / MICROS_PER_CREDIT;
  const isNoise = Math.abs(nearest - value) <= NOISE || Number(value.toPrecision(15)) === nearest;
  return isNoise ? micros(rounded) : 'too_precise';
}

function parseDecimal(text: string): Micros | CreditsProblem {
  const match = DECIMAL.exec(text);
  if (match === null) return explainText(text);
  const whole = match[1] ?? '0';
  const fraction = (match[2] ?? '').padEnd(6, '0');
  return micros(Number(whole) * MICROS_PER_CREDIT + Number(fraction));
}

function explainText(text: string): CreditsProblem {
  if (/^-\d+(\.\d+)?$/.test(text)) return 'negative';
  if (/^\d{1,9}\.\d{7,}$/.test(text)) return 'too_precise';
  if (/^\d{10,}(\.\d+)?$/.test(text)) return 'too_large';
  return 'not_a_number';
}

/**
 * Credits as a JSON number, for the dialects. Exact to the micro for every amount up to AMOUNT_MAX: a double keeps
 * sixteen significant digits, enough to print the same six decimals.
 */
export const toCredits = (amount: Micros): number => amount / MICROS_PER_CREDIT;

/** Credits as exact decimal text without trailing zeros, such as `2.5` or `-0.000001`: how `/v1` writes amounts. */
export function creditsText(amount: Micros | SumOfMicros): string {
  // Without BigInt, which costs several times as much, where the amount is exact without it.
  if (typeof amount === 'number') {
    const positive = Math.abs(amount);
    const micros = positive % MICROS_PER_CREDIT;
    const credits = `${amount < 0 ? '-' : ''}${(positive - micros) / MICROS_PER_CREDIT}`;
    return micros === 0 ? credits : `${credits}.${micros.toString().padStart(6, '0').replace(/0+$/, '')}`;
  }
  const sum = amount;
  const size = sum < 0n ? -sum : sum;
  const fraction = (size % PER_CREDIT).toString().padStart(6, '0').replace(/0+$/, '');
  return `${sum < 0n ? '-' : ''}${size / PER_CREDIT}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Micros of many operations: a BigInt, because a sum may exceed a double's exact range. */
export type SumOfMicros = bigint;

/** Credits of a sum, for the dialects: its decimal text, rounded once to the nearest double. Sums are never negative. */
export const sumToCredits = (sum: SumOfMicros): number =>
  Number(`${sum / PER_CREDIT}.${(sum % PER_CREDIT).toString().padStart(6, '0')}`);

const PER_CREDIT = BigInt(MICROS_PER_CREDIT);
