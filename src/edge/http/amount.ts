import Type from 'typebox';
import { GatewayError } from '../../kit/errors.js';
import { parseCredits, type CreditsProblem } from '../../kit/money/credits.js';
import type { Micros } from '../../kit/money/micros.js';

/** Credits as callers send them: a JSON number or a decimal string such as "7.50". `readAmount` says which are valid. */
export const Credits = () => Type.Unsafe<number | string>({ type: ['number', 'string'], description: 'credits, at most six decimals' });

/** Credits as we answer: a number, exact to the sixth decimal. */
export const CreditsReply = () => Type.Number();

/** What is wrong with an amount, for callers. */
export const AMOUNT_PROBLEMS: Readonly<Record<CreditsProblem, string>> = {
  not_a_number: 'must be a number of credits, such as 7.5 or "7.50"',
  negative: 'must not be negative',
  too_precise: 'must have at most six decimals',
  too_large: 'must be at most 999999999.999999',
};

/** What a field is called, and what the legacy API says when it is wrong. */
export type AmountField = { readonly path: string; readonly message: string };

/** Reads an amount of zero or more. Throws GatewayError invalid_request. */
export function readAmount(value: number | string, { path, message }: AmountField): Micros {
  const amount = parseCredits(value);
  if (typeof amount === 'number') return amount;
  throw new GatewayError('invalid_request', message, { sources: [{ path, message: AMOUNT_PROBLEMS[amount] }] });
}

/** Reads an amount above zero. Throws GatewayError invalid_request. */
export function readPositiveAmount(value: number | string, field: AmountField): Micros {
  const amount = readAmount(value, field);
  if (amount > 0) return amount;
  throw new GatewayError('invalid_request', field.message, { sources: [{ path: field.path, message: 'must be above zero' }] });
}
