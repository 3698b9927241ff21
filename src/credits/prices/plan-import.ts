import { GatewayError } from '../../kit/errors.js';
import { checkPrice, isSamePrice, jumpsOf } from './check-price.js';
import { modelKey } from './model-book.js';
import type { PriceHistory } from './price-history.js';
import type { MapEntry, MapValue } from './price-map.js';
import { DIMENSIONS, MODEL_BOOK, NO_PRICES, traitsOf, type Dimension, type PriceDraft, type PriceVersion, type Prices } from './price.js';
import { microsPerOne } from './rate.js';
import { compare, over, parseDecimal, rational, times, toDecimal, toNumber, type Rational } from './rational.js';

export type ImportOptions = {
  readonly book: string;
  /** Credits for one dollar. Unused in a book whose prices are money. */
  readonly creditsPerDollar: Rational;
  readonly force: boolean;
  readonly nowMs: number;
  readonly actor: string;
  readonly note: string;
};

/** Old and new price in credits per million tokens; null: not sold by that. `factor` where both are above 0. */
export type PriceChange = {
  readonly dimension: Dimension;
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

/** Where each dimension is in the map; the first that is there counts. */
const FIELDS: Readonly<Partial<Record<Dimension, readonly string[]>>> = {
  input: ['input_cost_per_token'],
  output: ['output_cost_per_token'],
  cachedRead: ['cache_read_input_token_cost', 'input_cost_per_token_cache_hit'],
  cachedWrite: ['cache_creation_input_token_cost'],
  reasoning: ['output_cost_per_reasoning_token'],
};
/** What else in an entry is about money: tiers, priority, batches, audio, images, search, regional surcharges … */
const PRICE_FIELD = /cost|price|multiplier|^provider_specific_entry$/;
const SAMPLE = 'sample_spec';
/** These answer with vectors or scores: their output is not tokens, and a price of 0 for it is no gift. */
const MODES_WITHOUT_OUTPUT = new Set(['embedding', 'rerank']);
const MAP_UNIT = 1_000_000;

class Skip extends Error {}

/** What an import would do to a book: nothing is written, and no entry, however odd, stops it. */
export function planImport(history: PriceHistory, entries: readonly MapEntry[], options: ImportOptions): ImportPlan {
  const unused = new Map<string, number>();
  const seen = new Set<string>();
  const items = entries.map((entry): ImportItem => {
    if (entry.model !== SAMPLE && entry.fields !== null) countUnused(entry.fields, unused);
    try {
      const item = planEntry(history, entry, options);
      const key = `${item.draft?.provider ?? ''}\0${item.draft?.model ?? ''}`;
      if (seen.has(key)) throw new Skip('another entry has the same name in this book');
      seen.add(key);
      return item;
    } catch (error) {
      if (!(error instanceof Skip) && !(error instanceof GatewayError)) throw error;
      return { ...describe(entry), status: 'skipped', draft: null, changes: [], reason: error.message, notes: [] };
    }
  });
  return { items, unused: new Map([...unused].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

export const draftsOf = ({ items }: ImportPlan): PriceDraft[] =>
  items.flatMap(({ status, draft }) => ((status === 'new' || status === 'changed') && draft !== null ? [draft] : []));

function planEntry(history: PriceHistory, entry: MapEntry, options: ImportOptions): ImportItem {
  const { book, force, nowMs } = options;
  const { fields } = entry;
  if (entry.model === SAMPLE) throw new Skip('the sample that explains the format');
  if (fields === null) throw new Skip('not an object');
  const { model, provider } = describe(entry);
  const notes: string[] = provider === '' ? ['no litellm_provider'] : [];
  const money = readPrices(fields, force, notes);
  if (money.input === undefined && money.output === undefined) throw new Skip('no price per token');
  const comment = fields.get('_comment');
  if (comment !== undefined) notes.push(`comment: ${comment.text}`);

  const traits = traitsOf(book);
  const key = { provider: traits.hasProviders ? provider : '', model: book === MODEL_BOOK ? modelKey(model) : model };
  const before = history.own(book, key.provider, key.model, nowMs)?.row;
  const kin = before ?? defaultRow(history, book, nowMs);
  const moneyPerCredit = kin?.moneyPerCredit ?? null;
  const draft: PriceDraft = {
    book, ...key, effectiveFromMs: nowMs,
    prices: toPrices(money, moneyPerCredit === null ? options.creditsPerDollar : rational(1n)),
    unit: MAP_UNIT,
    rounding: before?.rounding ?? traits.rounding,
    marginPercent: kin?.marginPercent ?? '0',
    moneyPerCredit,
    isDefault: before?.isDefault ?? false,
    state: before?.state === 'inactive' ? 'inactive' : 'active',
    createdBy: options.actor,
    note: options.note,
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

function describe({ model, fields }: MapEntry): { readonly model: string; readonly provider: string } {
  const provider = fields?.get('litellm_provider');
  return { model, provider: provider?.kind === 'text' ? provider.text : '' };
}

type Money = Readonly<Partial<Record<Dimension, Rational>>>;

/** Dollars per token of each dimension. A special price of 0 is dropped, so that those tokens cost what the usual ones do. */
function readPrices(fields: ReadonlyMap<string, MapValue>, force: boolean, notes: string[]): Money {
  const money: Partial<Record<Dimension, Rational>> = {};
  for (const dimension of DIMENSIONS) {
    const field = FIELDS[dimension]?.find((each) => isThere(fields.get(each)));
    const value = field === undefined ? undefined : fields.get(field);
    if (field === undefined || value === undefined) continue;
    const price = value.kind === 'other' ? null : parseDecimal(value.text.trim());
    if (price === null) throw new Skip(`${field} is not a number: ${value.text.slice(0, 40)}`);
    if (price.numerator < 0n) throw new Skip(`${field} is negative: ${value.text}`);
    if (value.kind === 'text') notes.push(`${field} was text`);
    if (price.numerator === 0n && dimension === 'output' && MODES_WITHOUT_OUTPUT.has(fields.get('mode')?.text ?? '')) {
      notes.push('no output tokens');
    } else if (price.numerator === 0n && !force && dimension !== 'input' && dimension !== 'output') {
      notes.push(`${field} is 0: left out, so the usual price holds`);
    } else {
      money[dimension] = price;
    }
  }
  return money;
}

const isThere = (value: MapValue | undefined): boolean => value !== undefined && !(value.kind === 'other' && value.text === 'null');

function toPrices(money: Money, rate: Rational): Prices {
  const perMillion = times(rate, rational(BigInt(MAP_UNIT)));
  const converted = DIMENSIONS.flatMap((dimension) => {
    const price = money[dimension];
    return price === undefined ? [] : [[dimension, toDecimal(times(price, perMillion))] as const];
  });
  return { ...NO_PRICES, ...Object.fromEntries(converted) };
}

/** Whose terms a new model takes over: the book's default. */
function defaultRow(history: PriceHistory, book: string, nowMs: number): PriceVersion | undefined {
  const found = history.find(book, '', '', nowMs, false);
  return found.status === 'found' ? found.stored.row : undefined;
}

function changesOf(before: PriceVersion | undefined, after: PriceDraft): PriceChange[] {
  return DIMENSIONS.flatMap((dimension): PriceChange[] => {
    const isNamed = after.prices[dimension] !== null || (before !== undefined && before.prices[dimension] !== null);
    if (!isNamed) return [];
    // A token price in micros for one is the same number in credits for a million.
    const [from, to] = [before === undefined ? null : microsPerOne(before, dimension), microsPerOne(after, dimension)];
    if (from === to || (from !== null && to !== null && compare(from, to) === 0)) return [];
    const factor = from === null || to === null || from.numerator === 0n ? null : toNumber(over(to, from));
    return [{ dimension, from: from === null ? null : toNumber(from), to: to === null ? null : toNumber(to), factor }];
  });
}

function countUnused(fields: ReadonlyMap<string, MapValue>, unused: Map<string, number>): void {
  const used = new Set(Object.values(FIELDS).map((names) => names.find((each) => isThere(fields.get(each)))));
  for (const [field, value] of fields) {
    if (PRICE_FIELD.test(field) && isThere(value) && !used.has(field)) unused.set(field, (unused.get(field) ?? 0) + 1);
  }
}
