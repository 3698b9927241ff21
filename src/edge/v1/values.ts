import Type from 'typebox';
import { invalid } from '../../kit/errors.js';
import { creditsText, parseCredits } from '../../kit/money/credits.js';
import type { Micros } from '../../kit/money/micros.js';
import { AMOUNT_PROBLEMS } from '../http/amount.js';
import { isStorable } from '../../kit/ids.js';
import { MS_MAX } from '../http/moment.js';

export { creditsText };

/** An amount in a body: decimal text or a number of credits, at most six decimals. `amountIn` and `positiveAmountIn` read it. */
export const AmountIn = (description = 'credits') => Type.Unsafe<number | string>({
  type: ['string', 'number'], description: `${description}: decimal text such as \`"2.5"\`, or a number; at most six decimals`,
});

/** An amount in an answer: decimal text, exact. `creditsText` writes it. */
export const AmountOut = (description?: string) =>
  Type.String({ pattern: '^-?\\d+(?:\\.\\d{1,6})?$', ...(description === undefined ? {} : { description }) });

/** The same, or null. `creditsOrNull` writes it. */
export const AmountOrNull = (description: string) => Type.Union([AmountOut(), Type.Null()], { description });
export const creditsOrNull = (amount: Micros | null): string | null => (amount === null ? null : creditsText(amount));

/** Zero or more. Throws GatewayError invalid_request. */
export function amountIn(value: number | string, path: string): Micros {
  const amount = parseCredits(value);
  if (typeof amount === 'number') return amount;
  throw invalid(path, AMOUNT_PROBLEMS[amount]);
}

/** Above zero. Throws GatewayError invalid_request. */
export function positiveAmountIn(value: number | string, path: string): Micros {
  const amount = amountIn(value, path);
  if (amount > 0) return amount;
  throw invalid(path, 'must be above zero');
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** A time in a body or a query: RFC 3339, such as `2026-01-31T12:00:00Z`. `timeIn` reads it. */
export const TimeIn = (description: string) =>
  Type.String({ maxLength: 40, description: `${description}: RFC 3339, such as 2026-01-31T12:00:00Z` });

/** A time in an answer: RFC 3339 in UTC. `timeText` writes it. */
export const TimeOut = () => Type.String({ format: 'date-time' });
export const OptionalTimeOut = () => Type.Union([TimeOut(), Type.Null()]);

/** Milliseconds since 1970. Throws GatewayError invalid_request for what is no time, or no day of its month. */
export function timeIn(text: string, path: string): number {
  const [, , month, day] = RFC_3339.exec(text) ?? [];
  const ms = day === undefined ? NaN : Date.parse(text);
  // The parser takes the thirtieth of February for the second of March.
  const isDay = new Date(`${text.slice(0, 10)}T00:00:00Z`).getUTCMonth() + 1 === Number(month);
  if (ms >= 0 && ms < MS_MAX && isDay) return ms;
  throw invalid(path, 'must be a time in RFC 3339, such as 2026-01-31T12:00:00Z');
}

/** Texts of late. Answers of one moment tell the same times, and making one takes longer than the rest of a short answer. */
const timeTexts = new Map<number, string>();
const TIME_TEXTS_MAX = 256;

export function timeText(ms: number): string {
  const known = timeTexts.get(ms);
  if (known !== undefined) return known;
  const text = new Date(ms).toISOString();
  if (timeTexts.size === TIME_TEXTS_MAX) timeTexts.clear();
  timeTexts.set(ms, text);
  return text;
}
export const timeTextOrNull = (ms: number | null): string | null => (ms === null ? null : timeText(ms));

/** Text of a caller that cannot be stored is refused before it is compared with anything. */
export function storable(text: string, path: string): string {
  if (isStorable(text)) return text;
  throw invalid(path, 'must not contain NUL or lone surrogates');
}
