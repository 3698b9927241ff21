import { GatewayError, type ErrorSource } from '../../kit/errors.js';

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

/** Bodies that were parsed by a schema: `known` are its fields. @throws GatewayError invalid_request with `message`. */
export function refuseUnreadTokens(body: object, known: ReadonlySet<string>, message: string): void {
  const sources = unreadTokenFields(body, (name) => known.has(name), 'body');
  if (sources.length > 0) throw new GatewayError('invalid_request', message, { sources });
}
