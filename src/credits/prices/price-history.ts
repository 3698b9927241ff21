import { foldName, otherNames } from './model-names.js';
import { ANY_MODEL, type PriceVersion } from './price.js';
import { rateOf, type Rate } from './rate.js';

/** A version with its rate, computed once. */
export type StoredPrice = { readonly row: PriceVersion; readonly rate: Rate };

/** Every version that ever was, in memory. A few kilobytes per hundred; prices change by the day, not by the second. */
export interface PriceHistory {
  /** Takes versions in any order and any number of times: they never change. */
  add(rows: readonly PriceVersion[]): void;
  /** The newest version that was added; versions are given in the order in which they are committed. */
  lastVersion(): number;
  byVersion(version: number): StoredPrice | undefined;
  /** The name under which any book has, or ever had, a model, by the rules of docs/contracts/README.md#names-of-models; else null. */
  entryName(model: string): string | null;
  /** The model's own version at that moment, whatever its state. */
  own(book: string, provider: string, model: string, atMs: number): StoredPrice | undefined;
  /** Models of a book that are, or were, spelled like that but for case, of all providers. */
  spelled(book: string, model: string): readonly PricedModel[];
  /** Whether a name ever was another name for a model of the book. */
  wasAlias(book: string, name: string, model: string): boolean;
  /** What models without a price cost: the default of their provider, or of the book. */
  defaultOf(book: string, provider: string, atMs: number): StoredPrice | undefined;
  /** The first moment after `atMs` at which a version takes effect; Infinity when none does. */
  nextChangeMs(atMs: number): number;
  isDefault(row: PriceVersion, atMs: number): boolean;
  /** Each model's version at that moment, deleted ones left out. */
  current(book: string, atMs: number): StoredPrice[];
  /** Versions that take effect after that moment and are not overtaken by another of the same model and moment. */
  scheduled(book: string, atMs: number): StoredPrice[];
}

export type PricedModel = { readonly provider: string; readonly model: string };

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
  const names = modelNames();
  const spellings = new Map<string, PricedModel[]>();
  const spellingOf = (book: string, model: string): string => `${book}/${foldName(model)}`;
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
    entryName: names.entryOf,
    add: (rows) => {
      for (const row of rows) {
        if (versions.has(row.version)) continue;
        const stored: StoredPrice = { row, rate: rateOf(row) };
        versions.set(row.version, stored);
        const provider = providerOf(row.book, row.provider);
        insert(getOrMake(provider.models, row.model, () => {
          getOrMake(spellings, spellingOf(row.book, row.model), () => []).push({ provider: row.provider, model: row.model });
          return [];
        }), stored);
        if (row.isDefault) insert(provider.claims, stored);
        if (row.model !== ANY_MODEL) names.add(row.model);
        last = Math.max(last, row.version);
      }
    },
    spelled: (book, model) => spellings.get(spellingOf(book, model)) ?? [],
    wasAlias: (book, name, model) => (spellings.get(spellingOf(book, name)) ?? []).some((each) =>
      (books.get(book)?.get(each.provider)?.models.get(each.model) ?? []).some(({ row }) => row.aliasOf === model)),
    defaultOf,
    nextChangeMs: (atMs) => nextMoment(versions.values(), atMs),
    isDefault: ({ book, provider, version }, atMs) => claimed(book, provider, atMs)?.row.version === version,
    current: (book, atMs) => timelines(book).flatMap((timeline) => known(timeline, atMs)),
    scheduled: (book, atMs) =>
      timelines(book).flatMap((timeline) =>
        timeline.filter(({ row }, index) =>
          row.effectiveFromMs > atMs && timeline[index - 1]?.row.effectiveFromMs !== row.effectiveFromMs)),
  };
}

/** The names of models in all books. */
function modelNames(): { readonly add: (model: string) => void; readonly entryOf: (name: string) => string | null } {
  const models = new Set<string>();
  /** The first spelling of each folded name. */
  const folded = new Map<string, string>();
  const spelled = (name: string): string | undefined => (models.has(name) ? name : folded.get(foldName(name)));
  return {
    add: (model) => {
      models.add(model);
      getOrMake(folded, foldName(model), () => model);
    },
    entryOf: (name) => {
      const asWritten = spelled(name);
      if (asWritten !== undefined) return asWritten;
      for (const other of otherNames(name)) {
        const model = spelled(other.name);
        if (model !== undefined) return model;
      }
      return null;
    },
  };
}

function nextMoment(all: Iterable<StoredPrice>, atMs: number): number {
  let next = Infinity;
  for (const { row } of all) if (row.effectiveFromMs > atMs) next = Math.min(next, row.effectiveFromMs);
  return next;
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
