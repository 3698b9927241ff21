declare const unit: unique symbol;

/**
 * A whole number of millionths of a credit: the only form in which money moves through this code (I11).
 * Always a safe integer, so sums and comparisons are exact in JavaScript, in Lua and in Postgres `bigint`.
 */
export type Micros = number & { readonly [unit]: 'micros' };

export const MICROS_PER_CREDIT = 1_000_000;

/** No single operation may move more than this: 999 999 999.999999 credits (docs/architecture.md#money-rules). */
export const AMOUNT_MAX = 999_999_999_999_999 as Micros;

/** No balance may exceed this: the largest integer that a double, and therefore Lua, holds exactly. */
export const BALANCE_MAX = Number.MAX_SAFE_INTEGER as Micros;

export const ZERO = 0 as Micros;

/** Brands a number as micros. Throws RangeError unless it is a safe integer, which would be a bug, never bad input. */
export function micros(value: number): Micros {
  if (!Number.isSafeInteger(value)) throw new RangeError(`micros must be a safe integer: ${value}`);
  return (value === 0 ? 0 : value) as Micros;
}

/** Parses the integer text that scripts and Postgres return. Throws RangeError on anything else. */
export function microsFromText(text: string): Micros {
  if (text === '0') return ZERO; // most amounts of an entry
  if (!/^-?\d{1,16}$/.test(text)) throw new RangeError(`not integer text: ${JSON.stringify(text)}`);
  return micros(Number(text));
}

/** The integer text that scripts accept for an amount or none. */
export const textOrNone = (value: Micros | null): string => (value === null ? '' : microsToText(value));

/** The integer text that scripts and Postgres accept; `-0` becomes `0`. */
export const microsToText = (value: Micros): string => (value === 0 ? '0' : value.toString());
