import { isDeepStrictEqual } from 'node:util';
import Type from 'typebox';
import type { ServiceTier } from '../../credits/prices/price.js';
import type { TokenUsage } from '../../credits/prices/token-usage.js';
import type { ErrorSource } from '../../kit/errors.js';
import { TOKENS_MAX } from '../../kit/limits.js';
import { integerOrNull } from '../http/schema.js';
import { unreadTokenFields } from '../http/token-fields.js';
import { orNull, validationError } from './fields.js';

/**
 * The counts of tokens that providers give, under their own names, as one usage by class
 * (docs/contracts/credits-process.md#classes-of-tokens).
 */

/** Totals. In each list the first that is there counts. `token`: the spelling of old callers (docs/contracts/README.md#c-13). */
const INPUT_NAMES = ['input_tokens', 'input_token', 'prompt_tokens', 'prompt_token_count'] as const;
const OUTPUT_NAMES = ['output_tokens', 'output_token', 'completion_tokens', 'candidates_token_count'] as const;
/** Names of providers that count cached tokens into the total of these. */
const INCLUSIVE_INPUT: ReadonlySet<string> = new Set(['prompt_tokens', 'prompt_token_count']);
const TOTAL_NAMES = ['total_tokens', 'total_token_count'] as const;

type Part = Exclude<keyof TokenUsage, 'inputTokens' | 'outputTokens' | 'requests' | 'inputImages' | 'outputImages'>;
type Place = 'inside' | 'beside' | 'by_provider';

/** Counts beside the totals, by the class they are of, and whether the total has them in it. */
const FLAT: Readonly<Record<string, readonly [Part, Place]>> = {
  cache_read_input_tokens: ['cachedInputTokens', 'by_provider'],
  cache_creation_input_tokens: ['cacheWriteTokens', 'by_provider'],
  cached_tokens: ['cachedInputTokens', 'inside'],
  prompt_cache_hit_tokens: ['cachedInputTokens', 'inside'],
  cached_content_token_count: ['cachedInputTokens', 'inside'],
  audio_input_tokens: ['audioInputTokens', 'inside'],
  image_input_tokens: ['imageInputTokens', 'inside'],
  reasoning_tokens: ['reasoningTokens', 'inside'],
  thoughts_token_count: ['reasoningTokens', 'beside'],
  audio_output_tokens: ['audioOutputTokens', 'inside'],
  image_output_tokens: ['imageOutputTokens', 'inside'],
};
/** What the input total does not have, and is plain input. */
const MORE_INPUT = 'tool_use_prompt_token_count';
/** Plain tokens that are in the total already. */
const PLAIN: ReadonlySet<string> = new Set(['prompt_cache_miss_tokens']);

const INPUT_DETAILS = ['prompt_tokens_details', 'input_tokens_details', 'input_token_details'] as const;
const OUTPUT_DETAILS = ['completion_tokens_details', 'output_tokens_details', 'output_token_details'] as const;
/** Inside the totals. `null`: plain tokens. */
const IN_DETAILS: Readonly<Record<'input' | 'output', Readonly<Record<string, Part | null>>>> = {
  input: {
    cached_tokens: 'cachedInputTokens', cache_read: 'cachedInputTokens', cache_creation: 'cacheWriteTokens',
    cache_creation_tokens: 'cacheWriteTokens', cache_write_tokens: 'cacheWriteTokens', audio_tokens: 'audioInputTokens',
    audio: 'audioInputTokens', image_tokens: 'imageInputTokens', text_tokens: null,
  },
  output: {
    reasoning_tokens: 'reasoningTokens', reasoning: 'reasoningTokens', audio_tokens: 'audioOutputTokens', audio: 'audioOutputTokens',
    image_tokens: 'imageOutputTokens', text_tokens: null, accepted_prediction_tokens: null, rejected_prediction_tokens: null,
  },
};
/** How long what was written to a cache stays there: parts of `cache_creation_input_tokens`. */
const CACHE_CREATION = 'cache_creation';
const FIVE_MINUTES = 'ephemeral_5m_input_tokens';
const AN_HOUR = 'ephemeral_1h_input_tokens';

const SERVICE_TIER_OF: Readonly<Record<string, ServiceTier>> = {
  standard: 'standard', default: 'standard', auto: 'standard', scale: 'standard', priority: 'priority', flex: 'flex', batch: 'batch',
};

const Tokens = () => Type.Optional(integerOrNull(0, TOKENS_MAX));
const counts = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, Tokens()])) as Record<Name, ReturnType<typeof Tokens>>;
const Details = (names: readonly string[]) => orNull(Type.Object(counts(names)));

/** The fields of a usage, for the schema of a body. */
export const tokenFields = {
  ...counts([...INPUT_NAMES, ...OUTPUT_NAMES, ...TOTAL_NAMES]),
  ...counts([...Object.keys(FLAT), MORE_INPUT, ...PLAIN]),
  ...Object.fromEntries(INPUT_DETAILS.map((name) => [name, Details(Object.keys(IN_DETAILS.input))])),
  ...Object.fromEntries(OUTPUT_DETAILS.map((name) => [name, Details(Object.keys(IN_DETAILS.output))])),
  [CACHE_CREATION]: Details([FIVE_MINUTES, AN_HOUR]),
  service_tier: orNull(Type.Enum(Object.keys(SERVICE_TIER_OF))),
};

const isRead = (name: string): boolean => Object.hasOwn(tokenFields, name);

export type ReadUsage = TokenUsage & { readonly inputTokens: number; readonly outputTokens: number; readonly serviceTier?: ServiceTier };

/** Whether a usage counts anything at all, if only that it was nothing. */
export const hasCounts = (fields: object): boolean =>
  [...INPUT_NAMES, ...OUTPUT_NAMES].some((name) => typeof (fields as Record<string, unknown>)[name] === 'number');

/**
 * Reads a usage that has the schema's types. `path` names it in refusals; `model` decides what Anthropic's names of cached
 * tokens mean: beside the input for its models, and inside it for others where it has room for them.
 *
 * @throws GatewayError invalid_request for tokens that are counted in an unknown way, twice with two results, or by parts
 *   that are more than their total.
 */
export function readUsage(given: object, path: string, model: string): ReadUsage {
  const fields = given as Readonly<Record<string, unknown>>;
  const unread = unreadTokens(fields, path);
  if (unread.length > 0) throw validationError(...unread);
  const reading: Reading = { path, inside: {}, beside: {}, byProvider: {} };
  readDetails(reading, fields, INPUT_DETAILS, IN_DETAILS.input);
  readDetails(reading, fields, OUTPUT_DETAILS, IN_DETAILS.output);
  for (const [name, [part, place]] of Object.entries(FLAT)) {
    const count = fields[name];
    if (typeof count !== 'number') continue;
    put(reading, place === 'by_provider' ? 'byProvider' : place, part, count, `${path}.${name}`);
  }
  const input = INPUT_NAMES.find((name) => typeof fields[name] === 'number');
  const total = countIn(fields, input) + countIn(fields, MORE_INPUT);
  const isInclusive = INCLUSIVE_INPUT.has(input ?? '') || isInside(reading.inside, reading.byProvider, total, model);
  for (const [part, count] of Object.entries(reading.byProvider) as [Part, number][]) {
    if (!isInclusive) put(reading, 'beside', part, count, path);
    else if ((reading.inside[part] ?? count) === count) reading.inside[part] = count;
    else throw validationError({ path: `${path}.cache_read_input_tokens`, message: 'is not what the details of the input say' });
  }
  const usage = sumUp(reading, total, countIn(fields, OUTPUT_NAMES.find((name) => typeof fields[name] === 'number')));
  checkTotal(fields, usage, path);
  const split = splitWrites(usage, fields, path);
  checkCopies(fields, split, path, model);
  const tier = fields['service_tier'];
  const serviceTier = typeof tier === 'string' ? SERVICE_TIER_OF[tier] ?? 'standard' : 'standard';
  return { ...split, ...(serviceTier === 'standard' ? {} : { serviceTier }) };
}

/** Refuses a body beside its usages that counts tokens in an unknown way. @throws GatewayError invalid_request. */
export function refuseUnread(body: object): void {
  const unread = unreadTokenFields(body, isRead, 'body');
  if (unread.length > 0) throw validationError(...unread);
}

type Counts = Partial<Record<Part, number>>;
type Reading = { readonly path: string; readonly inside: Counts; readonly beside: Counts; readonly byProvider: Counts };

function unreadTokens(fields: Readonly<Record<string, unknown>>, path: string): ErrorSource[] {
  const details = [
    ...INPUT_DETAILS.map((name) => [name, IN_DETAILS.input] as const), ...OUTPUT_DETAILS.map((name) => [name, IN_DETAILS.output] as const),
    [CACHE_CREATION, { [FIVE_MINUTES]: null, [AN_HOUR]: null }] as const,
  ];
  return [...unreadTokenFields(fields, isRead, path), ...details.flatMap(([name, known]) => {
    const value = fields[name];
    return typeof value === 'object' && value !== null
      ? unreadTokenFields(value, (each) => Object.hasOwn(known, each), `${path}.${name}`, true)
      : [];
  })];
}

function readDetails(
  reading: Reading, fields: Readonly<Record<string, unknown>>, names: readonly string[], parts: Readonly<Record<string, Part | null>>,
): void {
  for (const name of names) {
    const details = (fields[name] ?? {}) as Readonly<Record<string, unknown>>;
    for (const [each, part] of Object.entries(parts)) {
      const count = details[each];
      if (part !== null && typeof count === 'number') put(reading, 'inside', part, count, `${reading.path}.${name}.${each}`);
    }
  }
}

/** The same count under two names is one count. */
function put(reading: Reading, place: 'inside' | 'beside' | 'byProvider', part: Part, count: number, path: string): void {
  const before = reading[place][part];
  if (before !== undefined && before !== 0 && count !== 0 && before !== count) {
    throw validationError({ path, message: `is ${count} where another field says ${before}` });
  }
  reading[place][part] = Math.max(before ?? 0, count);
}

/** Whether Anthropic's counts of cached tokens are in the input of this usage. */
function isInside(inside: Counts, byProvider: Counts, total: number, model: string): boolean {
  if ((inside.cachedInputTokens ?? 0) > 0 || (inside.cacheWriteTokens ?? 0) > 0) return true;
  const cached = (byProvider.cachedInputTokens ?? 0) + (byProvider.cacheWriteTokens ?? 0);
  return !/claude|anthropic/i.test(model) && cached <= total;
}

function sumUp({ path, inside, beside }: Reading, input: number, output: number): Counts & { inputTokens: number; outputTokens: number } {
  const sum: Counts = { ...inside };
  for (const [part, count] of Object.entries(beside) as [Part, number][]) sum[part] = (sum[part] ?? 0) + count;
  const besideInput = (beside.cachedInputTokens ?? 0) + (beside.cacheWriteTokens ?? 0);
  const [inputTokens, outputTokens] = [input + besideInput, output + (beside.reasoningTokens ?? 0)];
  for (const [which, all] of [['input', inputTokens], ['output', outputTokens]] as const) {
    if (all > TOKENS_MAX) throw validationError({ path: `${path}.${which}_tokens`, message: `is more than ${TOKENS_MAX} with its parts` });
  }
  const media = (sum.audioInputTokens ?? 0) + (sum.imageInputTokens ?? 0);
  const parts = media + (sum.cachedInputTokens ?? 0) + (sum.cacheWriteTokens ?? 0);
  // Sound and pictures may have been cached and are then in both counts: they cost what they are.
  if (parts > inputTokens && media > 0 && media <= inputTokens) {
    sum.cachedInputTokens = Math.max(0, (sum.cachedInputTokens ?? 0) - (parts - inputTokens));
  }
  const over = (sum.cachedInputTokens ?? 0) + (sum.cacheWriteTokens ?? 0) + media > inputTokens ? 'input' : null;
  const written = (sum.reasoningTokens ?? 0) + (sum.audioOutputTokens ?? 0) + (sum.imageOutputTokens ?? 0);
  const which = over ?? (written > outputTokens ? 'output' : null);
  if (which !== null) {
    throw validationError({ path: `${path}.${which}_tokens`, message: `is less than the ${which} tokens that are parts of it` });
  }
  return { ...sum, inputTokens, outputTokens };
}

/** A total beyond what was counted: some tokens have a name that is not known here. */
function checkTotal(fields: Readonly<Record<string, unknown>>, usage: { inputTokens: number; outputTokens: number }, path: string): void {
  const name = TOTAL_NAMES.find((each) => typeof fields[each] === 'number');
  if (name !== undefined && countIn(fields, name) > usage.inputTokens + usage.outputTokens) {
    throw validationError({ path: `${path}.${name}`, message: 'is more than the tokens of the input and the output' });
  }
}

/** What a provider said, sent along as it is: it may not count more, or otherwise, than the fields that are charged. */
const COPIES = ['usage', 'usage_metadata', 'usageMetadata'] as const;

function checkCopies(fields: Readonly<Record<string, unknown>>, usage: TokenUsage, path: string, model: string): void {
  for (const name of COPIES) {
    const copy = fields[name];
    if (typeof copy !== 'object' || copy === null || Array.isArray(copy)) continue;
    const counts = countsOf(readUsage(copy, `${path}.${name}`, model));
    if (Object.keys(counts).length > 0 && !isDeepStrictEqual(counts, countsOf(usage))) {
      throw validationError({ path: `${path}.${name}`, message: 'counts other tokens than the fields beside it, which are charged' });
    }
  }
}

const countsOf = (usage: TokenUsage): object =>
  Object.fromEntries(Object.entries(usage).filter(([, count]) => typeof count === 'number' && count !== 0));

/** What was written to a cache for an hour is a class of its own. */
function splitWrites<T extends Counts>(usage: T, fields: Readonly<Record<string, unknown>>, path: string): T {
  const stays = (fields[CACHE_CREATION] ?? {}) as Readonly<Record<string, unknown>>;
  const [short, long] = [countIn(stays, FIVE_MINUTES), countIn(stays, AN_HOUR)];
  if (short + long === 0) return usage;
  if (short + long !== (usage.cacheWriteTokens ?? 0)) {
    throw validationError({ path: `${path}.${CACHE_CREATION}`, message: 'is not the sum that cache_creation_input_tokens says' });
  }
  return { ...usage, cacheWriteTokens: short, cacheWrite1hTokens: long };
}

const countIn = (fields: Readonly<Record<string, unknown>>, name: string | undefined): number => {
  const count = name === undefined ? undefined : fields[name];
  return typeof count === 'number' ? count : 0;
};
