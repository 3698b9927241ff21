import { LRUCache } from 'lru-cache';
import type { Clock } from '../../kit/clock.js';
import { invalid } from '../../kit/errors.js';
import { isSamePrice } from './check-price.js';
import { foldName, otherNames } from './model-names.js';
import type { PriceHistory, StoredPrice } from './price-history.js';
import type { PriceRule } from './price-tokens.js';
import { ANY_MODEL } from './price.js';

/** Which entry prices a model now, and by which rule. `inactive`: known and not for sale. */
export type Resolved =
  | { readonly status: 'found'; readonly stored: StoredPrice; readonly rule: PriceRule }
  | { readonly status: 'inactive'; readonly stored: StoredPrice }
  | { readonly status: 'unknown' };

/** `provider` '': not named, or the book has none. */
export type Resolve = (book: string, provider: string, model: string) => Resolved;

export type ResolverDeps = {
  readonly history: PriceHistory;
  readonly clock: Clock;
  /** Whether a book refuses models that it does not know instead of pricing them by its default. */
  readonly refusesUnknown: (book: string) => boolean;
};

/** Names that are remembered with their entries. Callers use a few hundred; junk pushes out junk. */
const NAMES_KEPT_MAX = 5_000;
const NOTHING: Resolved = { status: 'unknown' };

/**
 * Finds the entry of a model in any book, by the rules of docs/contracts/README.md#names-of-models. What is found is
 * remembered until a version is added or takes effect.
 *
 * @throws GatewayError invalid_request for a name that several entries of different prices answer to.
 */
export function priceResolver({ history, clock, refusesUnknown }: ResolverDeps): Resolve {
  const kept = new LRUCache<string, Resolved>({ max: NAMES_KEPT_MAX });
  let knownVersion = -1;
  let changesAtMs = -Infinity;
  const forgetWhatChanged = (nowMs: number): void => {
    if (history.lastVersion() === knownVersion && nowMs < changesAtMs) return;
    kept.clear();
    knownVersion = history.lastVersion();
    changesAtMs = history.nextChangeMs(nowMs);
  };
  return (book, provider, model) => {
    const nowMs = clock();
    forgetWhatChanged(nowMs);
    const key = `${book}\0${provider}\0${model}`;
    let resolved = kept.get(key);
    if (resolved === undefined) {
      resolved = resolve(history, { book, provider, model, nowMs, takesDefault: !refusesUnknown(book) });
      kept.set(key, resolved);
    }
    return resolved;
  };
}

type Question = {
  readonly book: string; readonly provider: string; readonly model: string; readonly nowMs: number; readonly takesDefault: boolean;
};

function resolve(history: PriceHistory, question: Question): Resolved {
  const { book, provider, model, nowMs, takesDefault } = question;
  if (model !== ANY_MODEL) {
    const asWritten = entryOf(history, question, model, null);
    if (asWritten !== undefined) return asWritten;
    for (const { name, provider: prefix, rule } of otherNames(model)) {
      const entry = entryOf(history, question, name, prefix);
      if (entry !== undefined) return entry.status === 'found' ? { ...entry, rule } : entry;
    }
  }
  const stored = takesDefault ? history.defaultOf(book, provider, nowMs) : undefined;
  return stored === undefined ? NOTHING : { status: 'found', stored, rule: 'default' };
}

/** The entry of that very name, else the one that differs by case. */
function entryOf(history: PriceHistory, question: Question, name: string, prefix: string | null): Resolved | undefined {
  const { book, nowMs } = question;
  const known = history.spelled(book, name).flatMap((each) => {
    const stored = history.own(book, each.provider, each.model, nowMs);
    return stored === undefined || stored.row.state === 'deleted' || each.model === ANY_MODEL ? [] : [stored];
  });
  const [exact, others] = [known.filter(({ row }) => row.model === name), known.filter(({ row }) => row.model !== name)];
  const found = chosen(exact, question, prefix);
  const stored = found ?? chosen(others, question, prefix);
  if (stored === undefined) return undefined;
  if (stored.row.state === 'inactive') return { status: 'inactive', stored };
  const rule = found === undefined ? 'case' : 'exact';
  if (stored.row.aliasOf === null) return { status: 'found', stored, rule };
  const target = chosen(history.spelled(book, stored.row.aliasOf).flatMap((each) => {
    const own = each.model === stored.row.aliasOf ? history.own(book, each.provider, each.model, nowMs) : undefined;
    return own === undefined || own.row.state === 'deleted' || own.row.aliasOf !== null ? [] : [own];
  }), question, null);
  if (target === undefined) return undefined;
  return target.row.state === 'inactive' ? { status: 'inactive', stored: target } : { status: 'found', stored: target, rule: 'alias' };
}

/** One of several entries: of the provider that is named, else of the one before the name, else of none; for sale before not. */
function chosen(entries: readonly StoredPrice[], { provider, model }: Question, prefix: string | null): StoredPrice | undefined {
  const ofProvider = (name: string): StoredPrice[] => entries.filter(({ row }) => foldName(row.provider) === foldName(name));
  const named = provider === '' ? entries : ofProvider(provider);
  const prefixed = provider === '' && prefix !== null ? ofProvider(prefix) : [];
  const plain = provider === '' ? ofProvider('') : [];
  const candidates = [prefixed, plain, named].find((each) => each.length > 0) ?? [];
  const active = candidates.filter(({ row }) => row.state === 'active');
  const [first, ...others] = active.length > 0 ? active : candidates;
  if (first === undefined || others.length === 0) return first;
  const providers = [...new Set([first, ...others].map(({ row }) => row.provider))].sort();
  if (providers.length === 1 && others.every(({ row }) => isSamePrice(row, first.row))) return first;
  if (providers.length > 1) throw invalid('provider', `several providers have "${model}": ${providers.join(', ')}; name one`);
  throw invalid('model', `several models are spelled like "${model}": ${[first, ...others].map(({ row }) => row.model).sort().join(', ')}`);
}
