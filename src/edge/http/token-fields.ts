import { GatewayError, type ErrorSource } from '../../kit/errors.js';
import type { Parser } from './schema.js';

/** A name that speaks of tokens, in any style: `output_tokens`, `cachedTokens`, `tokenCount`. */
const NAMES_TOKENS = /token/i;

/** Nothing was counted: null, 0, false, or text that is no number, such as `access_token`. */
const countsNothing = (value: unknown): boolean =>
  value === null || value === undefined || value === 0 || value === false || (typeof value === 'string' && !/^\s*[-+]?\.?\d/.test(value));

/**
 * Fields of an object that count tokens and that no rule reads: usage in them would be free. Objects that are such a count's
 * details count, too. `isOfTokens`: everything in the object counts tokens, whatever it is called.
 */
export const unreadTokenFields = (
  fields: object, isRead: (name: string) => boolean, path: string, isOfTokens = false,
): ErrorSource[] => Object.entries(fields).flatMap(([name, value]) =>
  (isRead(name) || countsNothing(value) || !(isOfTokens || NAMES_TOKENS.test(name))
    ? []
    : [{ path: `${path}.${name}`, message: 'counts tokens in a way that is not known here: they would not be charged' }]));

/**
 * A parser that also refuses fields that count tokens and that are not among `read`, for routes whose price is by a count of
 * tokens: tokens of another name would be free. `message` is what the legacy API says for a bad body.
 */
export const readingTokens = <T extends object>({ schema, parse }: Parser<T>, read: readonly string[], message: string): Parser<T> => ({
  schema,
  parse: (value) => {
    const body = parse(value);
    const sources = unreadTokenFields(body, (name) => read.includes(name), 'body');
    if (sources.length > 0) throw new GatewayError('invalid_request', message, { sources });
    return body;
  },
});
