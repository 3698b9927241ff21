import { TOKENS_MAX } from '../../kit/limits.js';
import { tierName } from './placed-rates.js';
import type { MapFields, MapValue } from './price-map.js';
import { DIMENSIONS, type Dimension, type PriceTier, type ServiceTier } from './price.js';
import { compare, decimal, parseDecimal, type Rational } from './rational.js';

/** Why an entry of a price map is left out; its message says it. */
export class Skip extends Error {}

/** Money for one of each class. */
export type Money = Readonly<Partial<Record<Dimension, Rational>>>;
export type MoneyTier = Omit<PriceTier, 'prices'> & { readonly money: Money };

/** The prices and limits of an entry, in the currency of the map. */
export type MapPrices = {
  readonly money: Money;
  readonly tiers: readonly MoneyTier[];
  readonly maxInputTokens: number | null;
  readonly maxOutputTokens: number | null;
};

/** Where each class is in the map; the first that is there counts. */
const FIELDS: Readonly<Partial<Record<Dimension, readonly string[]>>> = {
  input: ['input_cost_per_token'],
  output: ['output_cost_per_token'],
  cachedRead: ['cache_read_input_token_cost', 'input_cost_per_token_cache_hit'],
  cachedWrite: ['cache_creation_input_token_cost'],
  cachedWrite1h: ['cache_creation_input_token_cost_above_1hr'],
  audioInput: ['input_cost_per_audio_token'],
  imageInput: ['input_cost_per_image_token'],
  reasoning: ['output_cost_per_reasoning_token'],
  audioOutput: ['output_cost_per_audio_token'],
  imageOutput: ['output_cost_per_image_token'],
  request: ['input_cost_per_request', 'input_cost_per_query'],
  inputImage: ['input_cost_per_image'],
  outputImage: ['output_cost_per_image'],
};
/** What follows the name of a class: a length of the prompt, a service tier, or both in either order. */
const TIER_SUFFIX = /^(?:_above_(\d{1,9})(k?)_tokens)?(?:_(priority|flex|batches))?(?:_above_(\d{1,9})(k?)_tokens)?$/;
const SERVICE_TIER_OF: Readonly<Record<string, ServiceTier>> = { priority: 'priority', flex: 'flex', batches: 'batch' };
const RANGES = 'tiered_pricing';

/** These answer with vectors or scores: their output is not tokens, and a price of 0 for it is no gift. */
const MODES_WITHOUT_OUTPUT = new Set(['embedding', 'rerank']);
/** Older entries have only `max_tokens`, which in these modes is the output's. */
const MODES_OF_TEXT = new Set(['chat', 'completion', 'responses']);
/** All output of these is of one class, whichever name the price has. */
const OUTPUT_OF_MODE: Readonly<Record<string, Dimension>> = {
  image_generation: 'imageOutput', image_edit: 'imageOutput', audio_speech: 'audioOutput',
};

/**
 * Reads the prices of an entry. A special price of 0 is left out, so that those tokens cost what the usual ones do.
 *
 * @throws Skip for what is no price.
 */
export function readMapPrices(fields: MapFields, force: boolean, notes: string[]): MapPrices {
  const groups = new Map<string, { readonly tier: Omit<PriceTier, 'prices'>; readonly money: Partial<Record<Dimension, Rational>> }>();
  const moneyOf = (tier: Omit<PriceTier, 'prices'>): Partial<Record<Dimension, Rational>> => {
    const key = tierName({ ...tier, prices: {} });
    const group = groups.get(key) ?? { tier, money: {} };
    groups.set(key, group);
    return group.money;
  };
  const mode = fields.get('mode')?.text ?? '';
  const read = (dimension: Dimension, field: string, value: MapValue, tier: Omit<PriceTier, 'prices'>): void => {
    const price = priceIn(field, value, notes);
    const isUsual = tierName({ ...tier, prices: {} }) === '';
    if (price.numerator === 0n && isUsual && dimension === 'output' && MODES_WITHOUT_OUTPUT.has(mode)) notes.push('no output tokens');
    else if (price.numerator === 0n && !force && !(isUsual && (dimension === 'input' || dimension === 'output'))) {
      notes.push(`${field} is 0: left out, so the usual price holds`);
    } else moneyOf(tier)[dimension] ??= price;
  };
  for (const dimension of DIMENSIONS) {
    for (const name of FIELDS[dimension] ?? []) {
      for (const [field, value] of fields) {
        const tier = field.startsWith(name) && isThere(value) ? tierIn(field.slice(name.length)) : null;
        if (tier !== null) read(dimension, field, value, tier);
      }
    }
  }
  readRanges(fields, read);
  const money = moneyOf(USUAL);
  const ofMode = OUTPUT_OF_MODE[mode];
  const special = ofMode === undefined ? undefined : money[ofMode];
  if (special !== undefined && (money.output === undefined || money.output.numerator === 0n)) {
    money.output = special;
    notes.push(`output tokens are priced as ${String(ofMode)}`);
  }
  return {
    money,
    tiers: [...groups.values()].filter((group) => group.money !== money && Object.keys(group.money).length > 0)
      .map(({ tier, money: each }) => ({ ...tier, money: each })),
    maxInputTokens: tokensIn(fields.get('max_input_tokens')),
    maxOutputTokens: tokensIn(fields.get('max_output_tokens')) ?? (MODES_OF_TEXT.has(mode) ? tokensIn(fields.get('max_tokens')) : null),
  };
}

const USUAL: Omit<PriceTier, 'prices'> = { aboveInputTokens: 0, serviceTier: 'standard' };

function tierIn(suffix: string): Omit<PriceTier, 'prices'> | null {
  const match = TIER_SUFFIX.exec(suffix);
  if (match === null) return null;
  const [, first, firstK, service, second, secondK] = match;
  if (first !== undefined && second !== undefined) return null;
  return {
    aboveInputTokens: Number(first ?? second ?? 0) * ((firstK ?? secondK) === 'k' ? 1_000 : 1),
    serviceTier: service === undefined ? 'standard' : SERVICE_TIER_OF[service] ?? 'standard',
  };
}

/** Whether a field of an entry is one of those whose prices are read. */
export const isRead = (field: string): boolean => field === RANGES
  || Object.values(FIELDS).flat().some((name) => field.startsWith(name) && tierIn(field.slice(name.length)) !== null);

/** `tiered_pricing`: a list of prices, each with the range of the prompt's length that it is for: above its first number. */
function readRanges(
  fields: MapFields,
  read: (dimension: Dimension, field: string, value: MapValue, tier: Omit<PriceTier, 'prices'>) => void,
): void {
  const list = fields.get(RANGES);
  if (list === undefined || !isThere(list)) return;
  for (const [index, { fields: each }] of (list.items ?? [{ value: list, fields: null }]).entries()) {
    const from = each?.get('range')?.items?.[0]?.value;
    const above = from === undefined ? null : parseDecimal(from.text);
    if (each === null || above?.denominator !== 1n || above.numerator < 0n || above.numerator > BigInt(TOKENS_MAX)) {
      throw new Skip(`${RANGES} is not a list of prices with ranges of tokens`);
    }
    for (const dimension of DIMENSIONS) {
      for (const name of FIELDS[dimension] ?? []) {
        const value = each.get(name);
        if (value === undefined || !isThere(value)) continue;
        read(dimension, `${RANGES}.${index}.${name}`, value, { aboveInputTokens: Number(above.numerator), serviceTier: 'standard' });
      }
    }
  }
}

function priceIn(field: string, value: MapValue, notes: string[]): Rational {
  const price = value.kind === 'other' ? null : parseDecimal(value.text.trim());
  if (price === null) throw new Skip(`${field} is not a number: ${value.text.slice(0, 40)}`);
  if (price.numerator < 0n) throw new Skip(`${field} is negative: ${value.text}`);
  if (value.kind === 'text') notes.push(`${field} was text`);
  return price;
}

const MOST_TOKENS = decimal(String(TOKENS_MAX));

/** Null for what is no limit: it only bounds a stream whose caller names none. */
function tokensIn(value: MapValue | undefined): number | null {
  const tokens = value === undefined ? null : parseDecimal(value.text.trim());
  if (tokens?.denominator !== 1n || tokens.numerator < 1n || compare(tokens, MOST_TOKENS) > 0) return null;
  return Number(tokens.numerator);
}

export const isThere = (value: MapValue | undefined): boolean =>
  value !== undefined && !(value.kind === 'other' && value.text === 'null');
