import { ANY_MODEL, type PriceVersion } from './price.js';
import { rateOf, type Rate } from './rate.js';

/** A version with its rate, computed once. */
export type StoredPrice = { readonly row: PriceVersion; readonly rate: Rate };

/** Which price a model has at a moment. `isOwn`: the model's; otherwise the default of its provider or its book. */
export type Found =
  | { readonly status: 'found'; readonly stored: StoredPrice; readonly isOwn: boolean }
  | { readonly status: 'inactive'; readonly stored: StoredPrice }
  | { readonly status: 'unknown' };

/** Every version that ever was, in memory. A few kilobytes per hundred; prices change by the day, not by the second. */
export interface PriceHistory {
  /** Takes versions in any order and any number of times: they never change. */
  add(rows: readonly PriceVersion[]): void;
  /** The newest version that was added; versions are given in the order in which they are committed. */
  lastVersion(): number;
  byVersion(version: number): StoredPrice | undefined;
  /** Whether any book has, or ever had, a price for a model of that name. */
  knows(model: string): boolean;
  /** The model's own version at that moment, whatever its state. */
  own(book: string, provider: string, model: string, atMs: number): StoredPrice | undefined;
  /** The model's own price, or else the default's, unless `refusesUnknown`. */
  find(book: string, provider: string, model: string, atMs: number, refusesUnknown: boolean): Found;
  isDefault(row: PriceVersion, atMs: number): boolean;
  /** Providers that know this model at that moment. */
  providersOf(book: string, model: string, atMs: number): string[];
  /** Each model's version at that moment, deleted ones left out. */
  current(book: string, atMs: number): StoredPrice[];
  /** Versions that take effect after that moment and are not overtaken by another of the same model and moment. */
  scheduled(book: string, atMs: number): StoredPrice[];
}

/** Newest first: by the moment they take effect, then by version. */
type Timeline = StoredPrice[];
/** `claims`: versions of any model that said "I am the default". */
type Provider = { readonly models: Map<string, Timeline>; readonly claims: Timeline };

const at = (timeline: Timeline | undefined, atMs: number): StoredPrice | undefined =>
  timeline?.find(({ row }) => row.effectiveFromMs <= atMs);

/** The version of that moment, unless it is deleted. */
function known(timeline: Timeline | undefined, atMs: number): StoredPrice[] {
  const stored = at(timeline, atMs);
  return stored === undefined || stored.row.state === 'deleted' ? [] : [stored];
}

export function priceHistory(): PriceHistory {
  // Maps, not objects: `__proto__` is an ordinary unknown model (docs/contracts/README.md#what-must-hold).
  const versions = new Map<number, StoredPrice>();
  const books = new Map<string, Map<string, Provider>>();
  const models = new Set<string>();
  let last = 0;

  const providerOf = (book: string, name: string): Provider => {
    const providers = getOrMake(books, book, () => new Map<string, Provider>());
    return getOrMake(providers, name, () => ({ models: new Map(), claims: [] }));
  };

  const own = (book: string, provider: string, model: string, atMs: number): StoredPrice | undefined =>
    at(books.get(book)?.get(provider)?.models.get(model), atMs);

  /** At most one default at any time: the last model that claimed it, while it still does. */
  const claimed = (book: string, provider: string, atMs: number): StoredPrice | undefined => {
    const claim = at(books.get(book)?.get(provider)?.claims, atMs);
    const now = claim === undefined ? undefined : own(book, provider, claim.row.model, atMs);
    return now?.row.isDefault === true && now.row.state === 'active' ? now : undefined;
  };

  const anyModel = (book: string, provider: string, atMs: number): StoredPrice | undefined => {
    const any = own(book, provider, ANY_MODEL, atMs);
    return any?.row.state === 'active' ? any : undefined;
  };

  const defaultOf = (book: string, provider: string, atMs: number): StoredPrice | undefined =>
    claimed(book, provider, atMs) ?? anyModel(book, provider, atMs) ?? (provider === '' ? undefined : defaultOf(book, '', atMs));

  const timelines = (book: string): Timeline[] => [...(books.get(book)?.values() ?? [])].flatMap(({ models }) => [...models.values()]);

  return {
    own,
    lastVersion: () => last,
    byVersion: (version) => versions.get(version),
    knows: (model) => models.has(model),
    add: (rows) => {
      for (const row of rows) {
        if (versions.has(row.version)) continue;
        const stored: StoredPrice = { row, rate: rateOf(row) };
        versions.set(row.version, stored);
        const provider = providerOf(row.book, row.provider);
        insert(getOrMake(provider.models, row.model, () => []), stored);
        if (row.isDefault) insert(provider.claims, stored);
        if (row.model !== ANY_MODEL) models.add(row.model);
        last = Math.max(last, row.version);
      }
    },
    find: (book, provider, model, atMs, refusesUnknown) => {
      const mine = model === ANY_MODEL ? undefined : own(book, provider, model, atMs);
      if (mine?.row.state === 'active') return { status: 'found', stored: mine, isOwn: true };
      if (mine?.row.state === 'inactive') return { status: 'inactive', stored: mine };
      const stored = refusesUnknown ? undefined : defaultOf(book, provider, atMs);
      return stored === undefined ? { status: 'unknown' } : { status: 'found', stored, isOwn: false };
    },
    isDefault: ({ book, provider, version }, atMs) => claimed(book, provider, atMs)?.row.version === version,
    providersOf: (book, model, atMs) =>
      [...(books.get(book)?.entries() ?? [])].filter(([, { models }]) => known(models.get(model), atMs).length > 0).map(([name]) => name),
    current: (book, atMs) => timelines(book).flatMap((timeline) => known(timeline, atMs)),
    scheduled: (book, atMs) =>
      timelines(book).flatMap((timeline) =>
        timeline.filter(({ row }, index) =>
          row.effectiveFromMs > atMs && timeline[index - 1]?.row.effectiveFromMs !== row.effectiveFromMs)),
  };
}

function insert(timeline: Timeline, stored: StoredPrice): void {
  const { effectiveFromMs, version } = stored.row;
  const index = timeline.findIndex(({ row }) =>
    row.effectiveFromMs < effectiveFromMs || (row.effectiveFromMs === effectiveFromMs && row.version < version));
  timeline.splice(index === -1 ? timeline.length : index, 0, stored);
}

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
