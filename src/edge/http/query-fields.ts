import Type, { type TSchema } from 'typebox';
import { GatewayError, invalid } from '../../kit/errors.js';
import { characterCount, shownName } from '../../kit/ids.js';
import type { GatewayContext } from './context.js';

/** Nothing that is asked for is longer. */
const QUERY_LENGTH_MAX = 100;

/** Reads the query strings of this dialect. What is sent twice is refused: neither can be meant. */
export function queryText(ctx: GatewayContext, name: string, maxLength = QUERY_LENGTH_MAX): string | undefined {
  const value = ctx.query[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw invalid(`query.${name}`, `${name} must be given once`);
  if (characterCount(value) > maxLength) throw invalid(`query.${name}`, `${name} must have at most ${maxLength} characters`);
  return value;
}

/** The same of a text that forms send empty when there is none. */
export function filledText(ctx: GatewayContext, name: string, maxLength = QUERY_LENGTH_MAX): string | undefined {
  const text = queryText(ctx, name, maxLength);
  return text === '' ? undefined : text;
}

/** The same of a text that has at least one character: a filter that is empty by mistake must not be no filter. */
export function givenText(ctx: GatewayContext, name: string, maxLength = QUERY_LENGTH_MAX): string | undefined {
  const text = queryText(ctx, name, maxLength);
  if (text === '') throw invalid(`query.${name}`, `${name} must not be empty`);
  return text;
}

/** Parameters that one refusal names; a URL may have thousands. */
const UNKNOWN_MAX = 10;

/**
 * Refuses what `declared` does not have: a misspelt `limt=10` must not be a list without a limit.
 *
 * @throws GatewayError invalid_request with the path of each unknown parameter.
 */
export function assertKnownQuery(ctx: GatewayContext, declared: Readonly<Record<string, unknown>>): void {
  if (ctx.querystring === '') return;
  const unknown = Object.keys(ctx.query).filter((name) => !Object.hasOwn(declared, name));
  if (unknown.length === 0) return;
  const message = 'is not a parameter of this request';
  throw new GatewayError('invalid_request', message, {
    sources: unknown.slice(0, UNKNOWN_MAX).map((name) => ({ path: `query.${shownName(name)}`, message })),
  });
}

export function queryNumber(ctx: GatewayContext, name: string, min: number, max: number): number | undefined {
  const text = queryText(ctx, name);
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : -1;
  if (value < min || value > max) throw invalid(`query.${name}`, `${name} must be a whole number from ${min} to ${max}`);
  return value;
}

/**
 * One of a few words, in any of the spellings that `spellings` has. Refused with the words that are allowed. An empty
 * one, as forms send it, is none.
 */
export function queryWord<Word>(ctx: GatewayContext, name: string, spellings: ReadonlyMap<string, Word>): Word | undefined {
  const text = filledText(ctx, name);
  return text === undefined ? undefined : readWord(text, `query.${name}`, name, spellings);
}

export function readWord<Word>(text: string, path: string, name: string, spellings: ReadonlyMap<string, Word>): Word {
  const word = spellings.get(text);
  if (word !== undefined) return word;
  throw invalid(path, `${name} must be one of ${allowed(spellings)}`);
}

/** The words as an error names them: each once, in the spelling that comes first. */
const allowed = (spellings: ReadonlyMap<string, unknown>): string => {
  const first = new Map<unknown, string>();
  for (const [text, word] of spellings) if (!first.has(word)) first.set(word, text);
  return [...first.values()].join(', ');
};

export const WordField = (spellings: ReadonlyMap<string, unknown>, description: string): TSchema =>
  Type.Optional(Type.Enum([...spellings.keys(), ''], { description }));
