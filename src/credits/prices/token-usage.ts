import { invalid } from '../../kit/errors.js';
import { TOKENS_MAX } from '../../kit/limits.js';
import type { Dimension } from './price.js';

/**
 * Tokens that were used, by class: whole numbers from 0 to TOKENS_MAX; absent means none. `inputTokens` and `outputTokens` are
 * totals. The other counts of tokens are parts of them and exclude each other.
 */
export type TokenUsage = Readonly<Partial<Record<TokenUsageField, number | undefined>>>;

/** The parts of the input. */
const INPUT_PARTS = ['cachedInputTokens', 'cacheWriteTokens', 'cacheWrite1hTokens', 'audioInputTokens', 'imageInputTokens'] as const;
/** The parts of the output. */
const OUTPUT_PARTS = ['reasoningTokens', 'audioOutputTokens', 'imageOutputTokens'] as const;
/** Counted one by one: requests, and whole pictures where a model is sold by the picture. */
const PIECES = ['requests', 'inputImages', 'outputImages'] as const;

export const TOKEN_USAGE_FIELDS = ['inputTokens', ...INPUT_PARTS, 'outputTokens', ...OUTPUT_PARTS, ...PIECES] as const;
export type TokenUsageField = (typeof TOKEN_USAGE_FIELDS)[number];

/** What was used of each class. The classes exclude each other; absent means none. */
export type ClassCounts = Readonly<Partial<Record<Dimension, number>>>;

const CLASS_OF = {
  cachedInputTokens: 'cachedRead', cacheWriteTokens: 'cachedWrite', cacheWrite1hTokens: 'cachedWrite1h', audioInputTokens: 'audioInput',
  imageInputTokens: 'imageInput', reasoningTokens: 'reasoning', audioOutputTokens: 'audioOutput', imageOutputTokens: 'imageOutput',
  requests: 'request', inputImages: 'inputImage', outputImages: 'outputImage',
} as const satisfies Readonly<Partial<Record<TokenUsageField, Dimension>>>;

/** The field of a usage that counts a class, to name it in a refusal. */
const FIELD_OF: Readonly<Partial<Record<Dimension, TokenUsageField>>> = {
  input: 'inputTokens', output: 'outputTokens',
  ...Object.fromEntries(Object.entries(CLASS_OF).map(([field, dimension]) => [dimension, field as TokenUsageField])),
};
/** Whether a class is of what goes into a call. */
export const isOfInput = (dimension: Dimension): boolean => OF_INPUT.has(dimension);
const OF_INPUT: ReadonlySet<Dimension> = new Set([
  'input', 'cachedRead', 'cachedWrite', 'cachedWrite1h', 'audioInput', 'imageInput', 'inputImage', 'message', 'request',
]);

export const fieldOf = (dimension: Dimension): string => FIELD_OF[dimension] ?? `${dimension}s`;

/**
 * The counts of a usage by class, those of 0 left out: what is left of a total when its parts are taken out is plain input and
 * plain output. `path` names the usage in refusals.
 *
 * @throws GatewayError invalid_request for a count that is none, and for parts that are more than their total.
 */
export function classCounts(usage: TokenUsage, path = ''): ClassCounts {
  for (const field of TOKEN_USAGE_FIELDS) checkCount(at(path, field), usage[field] ?? 0);
  const counts: Partial<Record<Dimension, number>> = {};
  const add = (dimension: Dimension, count: number): void => { if (count > 0) counts[dimension] = count; };
  add('input', restOf(usage, 'inputTokens', INPUT_PARTS, path));
  add('output', restOf(usage, 'outputTokens', OUTPUT_PARTS, path));
  for (const field of [...INPUT_PARTS, ...OUTPUT_PARTS, ...PIECES]) add(CLASS_OF[field], usage[field] ?? 0);
  return counts;
}

function restOf(usage: TokenUsage, total: 'inputTokens' | 'outputTokens', parts: readonly TokenUsageField[], path: string): number {
  const rest = parts.reduce((left, field) => left - (usage[field] ?? 0), usage[total] ?? 0);
  if (rest < 0) {
    const named = parts.filter((field) => (usage[field] ?? 0) > 0).join(' + ');
    throw invalid(at(path, total), `${total} must be at least ${named}, which are parts of it`);
  }
  return rest;
}

function checkCount(path: string, count: number): void {
  if (!Number.isSafeInteger(count) || count < 0 || count > TOKENS_MAX) {
    throw invalid(path, `${path} must be a whole number from 0 to ${TOKENS_MAX}`);
  }
}

const at = (path: string, field: string): string => (path === '' ? field : `${path}.${field}`);
