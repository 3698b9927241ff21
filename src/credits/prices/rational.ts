/**
 * An exact fraction in lowest terms with a positive denominator. Prices are decimals, and decimals divided by decimals
 * (money by the price of a credit) are not: doubles over-charge by a credit where the exact sum is whole (contract
 * docs/contracts/credits-process.md#end lists three such sums), so prices are fractions until their one rounding.
 */
export type Rational = { readonly numerator: bigint; readonly denominator: bigint };

/** Text beyond this is no price, and its power of ten would be a number of megabytes. */
const EXPONENT_MAX = 400;
const TEXT_LENGTH_MAX = 400;
const DECIMAL = /^([+-]?)(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,4}))?$/;

/** @throws RangeError when the denominator is zero. */
export function rational(numerator: bigint, denominator = 1n): Rational {
  if (denominator === 0n) throw new RangeError('a fraction by zero');
  const sign = denominator < 0n ? -1n : 1n;
  const divisor = greatestCommonDivisor(numerator, denominator) * sign;
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

/** Reads decimal text such as `0.060`, `2.5e-07` or `-3` digit by digit. Null for anything else, NaN and hex included. */
export function parseDecimal(text: string): Rational | null {
  if (text.length > TEXT_LENGTH_MAX) return null;
  const match = DECIMAL.exec(text);
  if (match === null) return null;
  const [, sign = '', digits = '', exponentText = '0'] = match;
  const [whole = '', fraction = ''] = digits.split('.');
  const exponent = Number(exponentText) - fraction.length;
  if (Math.abs(exponent) > EXPONENT_MAX) return null;
  const magnitude = BigInt(`0${whole}${fraction}`) * (sign === '-' ? -1n : 1n);
  return exponent >= 0 ? rational(magnitude * 10n ** BigInt(exponent)) : rational(magnitude, 10n ** BigInt(-exponent));
}

/** Decimal text of our own making. @throws RangeError when it is not one: a bug, never input. */
export function decimal(text: string): Rational {
  const value = parseDecimal(text);
  if (value === null) throw new RangeError(`not a decimal: ${JSON.stringify(text)}`);
  return value;
}

export const ZERO_RATIONAL: Rational = { numerator: 0n, denominator: 1n };

export const plus = (a: Rational, b: Rational): Rational =>
  rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator);
export const minus = (a: Rational, b: Rational): Rational => plus(a, { numerator: -b.numerator, denominator: b.denominator });
export const times = (a: Rational, b: Rational): Rational => rational(a.numerator * b.numerator, a.denominator * b.denominator);
/** @throws RangeError when `b` is zero. */
export const over = (a: Rational, b: Rational): Rational => rational(a.numerator * b.denominator, a.denominator * b.numerator);

/** Negative, zero or positive, as for `sort`. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** `dividend / divisor` rounded up, for a dividend ≥ 0 and a divisor > 0: the only rounding of prices. */
export const ceilDivide = (dividend: bigint, divisor: bigint): bigint => (dividend + divisor - 1n) / divisor;

/** Exact decimal text, without an exponent. @throws RangeError for a fraction that has none, such as a third. */
export function toDecimal({ numerator, denominator }: Rational): string {
  const places = placesOf(denominator);
  if (places === null) throw new RangeError(`${numerator.toString()}/${denominator.toString()} has no finite decimal`);
  return fixed(numerator * (10n ** BigInt(places) / denominator), places);
}

/** Decimals of a text whose fraction has no end. */
const TEXT_PLACES = 20;

/** Decimal text for people: exact where the fraction has an end, otherwise cut. Nothing is computed from it. */
export const toText = (value: Rational): string => (placesOf(value.denominator) === null
  ? fixed((value.numerator * 10n ** BigInt(TEXT_PLACES)) / value.denominator, TEXT_PLACES)
  : toDecimal(value));

/** More decimals than any double of a price can tell apart. */
const NUMBER_PLACES = 60;

/** The nearest double, for JSON. Only for showing: nothing is computed from it. */
export function toNumber({ numerator, denominator }: Rational): number {
  return Number(fixed((numerator * 10n ** BigInt(NUMBER_PLACES)) / denominator, NUMBER_PLACES));
}

function fixed(scaled: bigint, places: number): string {
  const digits = (scaled < 0n ? -scaled : scaled).toString().padStart(places + 1, '0');
  const fraction = digits.slice(digits.length - places).replace(/0+$/, '');
  const whole = digits.slice(0, digits.length - places);
  return `${scaled < 0n ? '-' : ''}${whole}${places === 0 || fraction === '' ? '' : `.${fraction}`}`;
}

/** How many decimals a fraction with this denominator needs; null when no number of them is enough. */
function placesOf(denominator: bigint): number | null {
  let twos = 0;
  let fives = 0;
  let rest = denominator;
  for (; rest % 2n === 0n; rest /= 2n) twos += 1;
  for (; rest % 5n === 0n; rest /= 5n) fives += 1;
  return rest === 1n ? Math.max(twos, fives) : null;
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}
