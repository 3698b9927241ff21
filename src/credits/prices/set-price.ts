import type { Clock } from '../../kit/clock.js';
import { invalid } from '../../kit/errors.js';
import { unconditional, type Precondition } from '../../kit/precondition.js';
import { bookRevision } from './book-revision.js';
import { checkJumps, checkPrice, isSamePrice, type Insistence } from './check-price.js';
import { modelKey } from './model-book.js';
import type { PriceBooks } from './price-books.js';
import type { PriceHistory } from './price-history.js';
import {
  MODEL_BOOK, NO_PRICES, traitsOf, type Dimension, type PriceDraft, type PriceTier, type PriceVersion, type Rounding, type Unit,
} from './price.js';

export type SetPriceDeps = { readonly books: PriceBooks; readonly clock: Clock };

export type SetPrice = Insistence & {
  readonly book: string;
  readonly provider?: string | undefined;
  readonly model: string;
  /** All of them, as decimal text; a dimension that is not named is not sold. */
  readonly prices: Readonly<Partial<Record<Dimension, string | null>>>;
  /** Another name for that model of the book; then there are no prices. */
  readonly aliasOf?: string | null | undefined;
  /** These stay as they are, or are the book's own, unless given. */
  readonly tiers?: readonly PriceTier[] | undefined;
  readonly maxInputTokens?: number | null | undefined;
  readonly maxOutputTokens?: number | null | undefined;
  readonly unit?: Unit | undefined;
  readonly rounding?: Rounding | undefined;
  readonly marginPercent?: string | undefined;
  readonly moneyPerCredit?: string | null | undefined;
  readonly isDefault?: boolean | undefined;
  readonly state?: 'active' | 'inactive' | undefined;
  /** From when it holds; now, unless given. */
  readonly effectiveFromMs?: number | undefined;
  readonly actor: string;
  readonly note?: string | undefined;
};

/** `revision`: of the book, with this price and without what others write after it. */
export type SetPriceResult = { readonly price: PriceVersion; readonly isChanged: boolean; readonly revision: string | null };

/** Clocks of two machines may differ by so much; a price that claims to be older would change nothing but history. */
const BACKDATE_MAX_MS = 60_000;

/**
 * Gives a model a price from a moment on, as a new version. The same price again changes nothing.
 *
 * @throws GatewayError invalid_request (what is no price; zero without `allowZero`; more than ×10 without `force`; a
 *   moment in the past), what `check` of the book's revision throws, ledger_unavailable.
 */
export async function setPrice(
  { books, clock }: SetPriceDeps, command: SetPrice, check: Precondition = unconditional,
): Promise<SetPriceResult> {
  const { book } = command;
  let unchanged: PriceVersion | undefined;
  let last = 0;
  const [price] = await books.write((history) => {
    last = history.lastVersion();
    check(bookRevision(history, book, clock()));
    const draft = draftOf(history, clock(), command);
    checkPrice(draft, command);
    checkAlias(history, draft);
    const before = priceAt(history, draft);
    if (before !== undefined && isSamePrice(before, draft)) {
      unchanged = before;
      return [];
    }
    checkJumps(before, draft, command);
    return [draft];
  });
  const result = price ?? unchanged;
  if (result === undefined) throw new Error('a price was neither written nor found');
  return { price: result, isChanged: price !== undefined, revision: bookRevision(books.history, book, clock(), price?.version ?? last) };
}

/** Another name needs a priced model at the moment it takes effect. One name never leads to another. */
export function checkAlias(history: PriceHistory, { book, aliasOf, effectiveFromMs }: PriceDraft): void {
  if (aliasOf === null) return;
  const isPriced = history.spelled(book, aliasOf).some(({ provider, model }) => {
    const row = model === aliasOf ? history.own(book, provider, model, effectiveFromMs)?.row : undefined;
    return row !== undefined && row.state !== 'deleted' && row.aliasOf === null;
  });
  if (!isPriced) throw invalid('aliasOf', `the book "${book}" has no price of its own for "${aliasOf}"`);
}

const limitOf = (given: number | null | undefined, before: number | null | undefined): number | null =>
  (given === undefined ? before ?? null : given);

/** What the model costs at the moment the draft takes effect, until then. */
export const priceAt = (history: PriceHistory, { book, provider, model, effectiveFromMs }: PriceDraft): PriceVersion | undefined =>
  history.own(book, provider, model, effectiveFromMs)?.row;

function draftOf(history: PriceHistory, nowMs: number, command: SetPrice): PriceDraft {
  const { book, effectiveFromMs = nowMs, actor, note = '' } = command;
  const traits = traitsOf(book);
  const provider = command.provider ?? '';
  const model = book === MODEL_BOOK ? modelKey(command.model) : command.model;
  if (!traits.hasProviders && provider !== '') throw invalid('provider', `the book "${book}" does not tell providers apart`);
  if (effectiveFromMs < nowMs - BACKDATE_MAX_MS) {
    throw invalid('effectiveFrom', 'effectiveFrom must not lie in the past: what was charged stays as it is');
  }
  const before = history.own(book, provider, model, effectiveFromMs)?.row;
    // A new model has the profit and the currency of its book, which the default's price shows.
  const terms = before ?? history.defaultOf(book, provider, effectiveFromMs)?.row;
  const isAlias = typeof command.aliasOf === 'string';
  return {
    book, provider, model, effectiveFromMs,
    prices: { ...NO_PRICES, ...command.prices },
    tiers: isAlias ? [] : command.tiers ?? before?.tiers ?? [],
    aliasOf: typeof command.aliasOf === 'string' && book === MODEL_BOOK ? modelKey(command.aliasOf) : command.aliasOf ?? null,
    maxInputTokens: isAlias ? null : limitOf(command.maxInputTokens, before?.maxInputTokens),
    maxOutputTokens: isAlias ? null : limitOf(command.maxOutputTokens, before?.maxOutputTokens),
    unit: command.unit ?? before?.unit ?? traits.unit,
    rounding: command.rounding ?? before?.rounding ?? traits.rounding,
    marginPercent: command.marginPercent ?? terms?.marginPercent ?? '0',
    moneyPerCredit: command.moneyPerCredit === undefined ? terms?.moneyPerCredit ?? null : command.moneyPerCredit,
    isDefault: command.isDefault ?? before?.isDefault ?? false,
    state: command.state ?? (before?.state === 'inactive' ? 'inactive' : 'active'),
    createdBy: actor,
    note,
  };
}
