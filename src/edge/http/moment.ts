import Type from 'typebox';
import { invalid } from '../../kit/errors.js';
import type { GatewayContext } from './context.js';
import { queryText } from './query-fields.js';

/** ISO 8601 with a time zone, or milliseconds since 1970. */
const MOMENT = /^(?:\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)|\d{1,15})$/;
/** Moments end before the year 10000. */
export const MS_MAX = Date.UTC(10_000, 0, 1);

/** The schema of a moment in a query string. */
export const Moment = (description: string) => Type.Optional(Type.String({
  default: '2026-01-31T03:12:00Z', description: `${description}: ISO 8601 with a time zone, or milliseconds since 1970`,
}));

/** A moment in a query string, in milliseconds since 1970. Throws invalid_request for what is none. */
export function momentIn(ctx: GatewayContext, name: string): number | undefined {
  const text = queryText(ctx, name);
  if (text === undefined) return undefined;
  const ms = !MOMENT.test(text) ? NaN : /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (!(ms >= 0 && ms < MS_MAX)) {
    throw invalid(`query.${name}`, `${name} must be a moment, such as 2026-01-31T03:12:00Z, or milliseconds since 1970`);
  }
  return ms;
}
