import { GatewayError } from '../../kit/errors.js';
import { MICROS_PER_CREDIT } from '../../kit/money/micros.js';
import { checkPrice, isSamePrice, jumpsOf } from './check-price.js';
import { isRead, isThere, readMapPrices, Skip, type Money } from './map-prices.js';
import { modelKey } from './model-book.js';
import { ratesOf, type PlacedRate } from './placed-rates.js';
import type { PriceHistory } from './price-history.js';
import type { MapEntry, MapFields } from './price-map.js';
import {
  DIMENSIONS, isPiece, MODEL_BOOK, NO_PRICES, PLAIN, traitsOf, type Dimension, type PriceDraft, type PriceTerms, type PriceVersion,
} from './price.js';
import { microsAt, microsPerOne } from './rate.js';
import { compare, over, rational, times, toDecimal, toNumber, type Rational } from './rational.js';
import { checkAlias } from './set-price.js';

export type ImportOptions = {
  readonly book: string;
  /** Credits for one dollar. Unused in a book whose prices are money. */
  readonly creditsPerDollar: Rational;
  readonly force: boolean;
  readonly nowMs: number;
  readonly actor: string;
  readonly note: string;
};

/**
 * Old and new price in credits per million tokens, or for one request or picture; null: not sold by that. `factor` where both
 * are above 0.
 */
export type PriceChange = {
  /** A class of tokens, with its length and service tier: `input above 200000`. */
  readonly what: string;
  readonly from: number | null;
  readonly to: number | null;
  readonly factor: number | null;
};

/** `needs_force` and `skipped` are not applied; `reason` says why. */
export type ImportItem = {
  readonly model: string;
  readonly provider: string;
  readonly status: 'new' | 'changed' | 'unchanged' | 'needs_force' | 'skipped';
  readonly draft: PriceDraft | null;
  readonly changes: readonly PriceChange[];
  readonly reason: string;
  readonly notes: readonly string[];
};

export type ImportPlan = {
  readonly items: readonly ImportItem[];
  /** Price fields that the book has no dimension for, or that were of no use, and in how many entries they are. */
  readonly unused: ReadonlyMap<string, number>;
};

/** What in an entry is about money, used or not: search, characters, seconds, pixels, regional surcharges … */
const PRICE_FIELD = /cost|pric(?:e|ing)|multiplier|^provider_specific_entry$/;
/** An entry with this field is another name for that model. */
const ALIAS_FIELD = 'alias_of';
const SAMPLE = 'sample_spec';
const MAP_UNIT = 1_000_000;

/** What an import would do to a book: nothing is written, and no entry, however odd, stops it. */
export function planImport(history: PriceHistory, entries: readonly MapEntry[], options: ImportOptions): ImportPlan {
  const unused = new Map<string, number>();
  const seen = new Set<string>();
  /** Models that have a price when this is written. */
  const priced = new Set<string>();
  const plan = (entry: MapEntry): ImportItem => {
    if (entry.model !== SAMPLE && entry.fields !== null) countUnused(entry.fields, unused);
    try {
      const item = isAlias(entry) ? planAlias(history, entry, options, priced) : planEntry(history, entry, options);
      const key = `${item.draft?.provider ?? ''}\0${item.draft?.model ?? ''}`;
      if (seen.has(key)) throw new Skip('another entry has the same name in this book');
      seen.add(key);
      if (item.draft !== null && item.draft.aliasOf === null && item.status !== 'needs_force') priced.add(item.draft.model);
      return item;
    } catch (error) {
      if (!(error instanceof Skip) && !(error instanceof GatewayError)) throw error;
      return { ...describe(entry), status: 'skipped', draft: null, changes: [], reason: error.message, notes: [] };
    }
  };
  // Names for models come last: what they stand for may be new in this map.
  const planned = new Map([...entries.filter((entry) => !isAlias(entry)), ...entries.filter(isAlias)].map((entry) => [entry, plan(entry)]));
  const items = entries.flatMap((entry) => planned.get(entry) ?? []);
  return { items, unused: new Map([...unused].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

export const draftsOf = ({ items }: ImportPlan): PriceDraft[] =>
  items.flatMap(({ status, draft }) => ((status === 'new' || status === 'changed') && draft !== null ? [draft] : []));

const isAlias = ({ fields }: MapEntry): boolean => isThere(fields?.get(ALIAS_FIELD));

function planEntry(history: PriceHistory, entry: MapEntry, options: ImportOptions): ImportItem {
  const { force } = options;
  const { fields } = entry;
  if (entry.model === SAMPLE) throw new Skip('the sample that explains the format');
  if (fields === null) throw new Skip('not an object');
  const { model, provider } = describe(entry);
  const notes: string[] = provider === '' ? ['no litellm_provider'] : [];
  const { money, tiers, maxInputTokens, maxOutputTokens } = readMapPrices(fields, force, notes);
  if (Object.keys(money).length === 0 && tiers.length === 0) throw new Skip('no price per token');
  const comment = fields.get('_comment');
  if (comment !== undefined) notes.push(`comment: ${comment.text}`);

  const { before, draft: plain } = draftOf(history, entry, options);
  const rate = plain.moneyPerCredit === null ? options.creditsPerDollar : rational(1n);
  const draft: PriceDraft = {
    ...plain, maxInputTokens, maxOutputTokens, prices: { ...NO_PRICES, ...toPrices(money, rate) },
    tiers: tiers.map(({ money: each, ...tier }) => ({ ...tier, prices: toPrices(each, rate) })),
  };
  checkPrice(draft, { allowZero: true });
  const item = { model, provider, draft, notes, reason: '', changes: changesOf(before, draft) };
  if (before !== undefined && isSamePrice(before, draft)) return { ...item, status: 'unchanged' };
  const free = force ? [] : DIMENSIONS.filter((dimension) => money[dimension]?.numerator === 0n);
  if (free.length > 0) return { ...item, status: 'needs_force', reason: `${free.join(' and ')} for nothing` };
  if (!force && before !== undefined && jumpsOf(before, draft).length > 0) {
    return { ...item, status: 'needs_force', reason: 'changes by more than ×10' };
  }
  return { ...item, status: before === undefined ? 'new' : 'changed' };
}

function planAlias(history: PriceHistory, entry: MapEntry, options: ImportOptions, priced: ReadonlySet<string>): ImportItem {
  const { model, provider } = describe(entry);
  const text = entry.fields?.get(ALIAS_FIELD)?.text ?? '';
  const { before, draft: plain } = draftOf(history, entry, options);
  const draft: PriceDraft = { ...plain, aliasOf: options.book === MODEL_BOOK ? modelKey(text) : text };
  checkPrice(draft, {});
  if (!priced.has(draft.aliasOf ?? '')) checkAlias(history, draft);
  const item = { model, provider, draft, notes: [`another name for ${text}`], reason: '', changes: [] };
  if (before !== undefined && isSamePrice(before, draft)) return { ...item, status: 'unchanged' };
  return { ...item, status: before === undefined ? 'new' : 'changed' };
}

/** A draft without prices: under which name, on which terms, and what the model costs until now. */
function draftOf(
  history: PriceHistory, entry: MapEntry, { book, nowMs, actor, note }: ImportOptions,
): { readonly before: PriceVersion | undefined; readonly draft: PriceDraft } {
  const { model, provider } = describe(entry);
  const traits = traitsOf(book);
  const key = { provider: traits.hasProviders ? provider : '', model: book === MODEL_BOOK ? modelKey(model) : model };
  const before = history.own(book, key.provider, key.model, nowMs)?.row;
  // A new model takes over the terms of the book's default.
  const kin = before ?? history.defaultOf(book, '', nowMs)?.row;
  return {
    before,
    draft: {
      ...PLAIN, book, ...key, effectiveFromMs: nowMs, prices: NO_PRICES, unit: MAP_UNIT,
      rounding: before?.rounding ?? traits.rounding,
      marginPercent: kin?.marginPercent ?? '0',
      moneyPerCredit: kin?.moneyPerCredit ?? null,
      isDefault: before?.isDefault ?? false,
      state: before?.state === 'inactive' ? 'inactive' : 'active',
      createdBy: actor, note,
    },
  };
}

function describe({ model, fields }: MapEntry): { readonly model: string; readonly provider: string } {
  const provider = fields?.get('litellm_provider');
  return { model, provider: provider?.kind === 'text' ? provider.text : '' };
}

function toPrices(money: Money, rate: Rational): Partial<Record<Dimension, string>> {
  const perMillion = times(rate, rational(BigInt(MAP_UNIT)));
  return Object.fromEntries(DIMENSIONS.flatMap((dimension) => {
    const price = money[dimension];
    return price === undefined ? [] : [[dimension, toDecimal(times(price, isPiece(dimension) ? rate : perMillion))] as const];
  }));
}

function changesOf(before: PriceVersion | undefined, after: PriceDraft): PriceChange[] {
  // A token price in micros for one is the same number in credits for a million.
  const shown = (price: Rational | null, dimension: Dimension): Rational | null =>
    (price === null || !isPiece(dimension) ? price : over(price, rational(BigInt(MICROS_PER_CREDIT))));
  const usual = DIMENSIONS.flatMap((dimension): PriceChange[] => {
    const isNamed = after.prices[dimension] !== null || (before !== undefined && before.prices[dimension] !== null);
    if (!isNamed) return [];
    const from = before === undefined ? null : microsPerOne(before, dimension);
    return changeOf(dimension, shown(from, dimension), shown(microsPerOne(after, dimension), dimension));
  });
  const rates = (terms: PriceTerms): Map<string, PlacedRate> =>
    new Map(ratesOf({ ...terms, prices: NO_PRICES }).map((rate) => [rate.key, rate]));
  const [earlier, later] = [before === undefined ? new Map<string, PlacedRate>() : rates(before), rates(after)];
  return [...usual, ...[...new Set([...earlier.keys(), ...later.keys()])].flatMap((key) => {
    const [from, to] = [earlier.get(key), later.get(key)];
    return changeOf(
      key, before === undefined || from === undefined ? null : shown(microsAt(before, from.dimension, from.text), from.dimension),
      to === undefined ? null : shown(microsAt(after, to.dimension, to.text), to.dimension),
    );
  })];
}

function changeOf(what: string, from: Rational | null, to: Rational | null): PriceChange[] {
  if (from === to || (from !== null && to !== null && compare(from, to) === 0)) return [];
  const factor = from === null || to === null || from.numerator === 0n ? null : toNumber(over(to, from));
  return [{ what, from: from === null ? null : toNumber(from), to: to === null ? null : toNumber(to), factor }];
}

function countUnused(fields: MapFields, unused: Map<string, number>): void {
  for (const [field, value] of fields) {
    if (PRICE_FIELD.test(field) && isThere(value) && !isRead(field)) unused.set(field, (unused.get(field) ?? 0) + 1);
  }
}
