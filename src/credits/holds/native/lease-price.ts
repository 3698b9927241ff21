import { LRUCache } from 'lru-cache';
import { GatewayError, invalid } from '../../../kit/errors.js';
import { ZERO, type Micros } from '../../../kit/money/micros.js';
import { readFacts } from '../../../ledger/facts.js';
import { parsePriceName } from '../../../ledger/price-name.js';
import type { NativeBook } from '../../prices/native-book.js';
import { costOfUsage, outputTokensFor, type Price } from '../../prices/price-tokens.js';
import { refusedAs } from '../../prices/price-usage.js';
import type { ServiceTier } from '../../prices/price.js';
import { classCounts, TOKEN_USAGE_FIELDS, type TokenUsage } from '../../prices/token-usage.js';

/** What prices the usage of a hold: its price by name ('' for a hold of an amount), and what it was placed for. */
export type LeasePricing = {
  readonly price: string;
  readonly model: string;
  readonly usage: TokenUsage;
  readonly serviceTier: ServiceTier;
};

/**
 * Remembers what prices the holds that this process placed or was told of. Only a hint that saves a round trip: a script
 * compares the price with the hold's own and refuses another.
 */
export interface LeasePrices {
  remember(accountId: string, holdId: string, pricing: LeasePricing): void;
  recall(accountId: string, holdId: string): LeasePricing | undefined;
}

/** About 500 bytes each. */
const LEASE_PRICES_MAX = 50_000;
/** The name of no price: a script answers with the hold's own. */
export const UNKNOWN_PRICE = '?';

export function leasePrices(): LeasePrices {
  const cache = new LRUCache<string, LeasePricing>({ max: LEASE_PRICES_MAX });
  // No id contains NUL.
  const name = (accountId: string, holdId: string): string => `${accountId}\0${holdId}`;
  return {
    remember: (accountId, holdId, pricing) => { cache.set(name(accountId, holdId), pricing); },
    recall: (accountId, holdId) => cache.get(name(accountId, holdId)),
  };
}

/** The pricing of a hold from its price and the facts of its place. */
export function pricingOf(price: string, about: string): LeasePricing {
  const facts = readFacts(about);
  if (facts.type !== 'lease') return { price, model: '', usage: {}, serviceTier: 'standard' };
  const { model, usage = {}, serviceTier = 'standard' } = facts.lease;
  return { price, model, usage, serviceTier: serviceTier as ServiceTier };
}

const INPUT_FIELDS = TOKEN_USAGE_FIELDS.slice(0, TOKEN_USAGE_FIELDS.indexOf('outputTokens'));

/**
 * The whole usage of a hold: what a report or a settle does not say of the input is as the hold was placed for. Naming any
 * class of the input replaces all of it.
 */
export const wholeUsage = (placed: TokenUsage, told: TokenUsage): TokenUsage =>
  (INPUT_FIELDS.some((field) => told[field] !== undefined) ? told : { ...placed, ...told });

/** The book, model and version that a hold was priced by; null for a hold of an amount. */
export function pricedBy(book: NativeBook, { price }: LeasePricing): { book: string; model: string; version: number } | null {
  if (price === '') return null;
  if (!isOf(book, price)) return parsePriceName(price);
  const { book: name, model, version } = book.named(price).by;
  return { book: name, model, version };
}

/** Holds of other APIs are priced by books of theirs, which know no classes of tokens. A price of no book is not one of theirs. */
const isOf = (book: NativeBook, price: string): boolean => !price.includes('/') || parsePriceName(price).book === book.name;

/** What a usage of a hold costs. @throws GatewayError invalid_request, price_missing, with the place in the body. */
export function costOf(book: NativeBook, pricing: LeasePricing, told: TokenUsage, tier: ServiceTier | undefined, path: string): Micros {
  if (pricing.price === '') throw invalid(path, 'needs a hold with a price: this one was placed with an amount, so send `amount`');
  if (!isOf(book, pricing.price)) {
    const message = `is priced by the book "${parsePriceName(pricing.price).book}" of another API: send \`amount\`, or use that API`;
    throw new GatewayError('price_missing', `${path}: this hold ${message}`, { sources: [{ path, message: `the hold ${message}` }] });
  }
  const usage = wholeUsage(pricing.usage, told);
  classCounts(usage, path);
  return refusedAs('price_missing', path, () => costOfUsage(book.named(pricing.price), usage, tier ?? pricing.serviceTier));
}

/** What the input alone of a usage costs. */
export function inputCostOf(price: Price, usage: TokenUsage, serviceTier: ServiceTier): Micros {
  const input = Object.fromEntries(TOKEN_USAGE_FIELDS.slice(0, INPUT_FIELDS.length).map((field) => [field, usage[field]])) as TokenUsage;
  return Object.keys(classCounts(input)).length === 0 ? ZERO : costOfUsage(price, input, serviceTier);
}

/** `class=tokens,…` of what was told, for the ledger; '' for nothing. */
export const usageText = (usage: TokenUsage): string =>
  TOKEN_USAGE_FIELDS.flatMap((field) => ((usage[field] ?? 0) > 0 ? [`${field}=${usage[field]}`] : [])).join(',');

/** The other way round. */
export function usageFromText(text: string): TokenUsage {
  const usage: Partial<Record<string, number>> = {};
  for (const part of text === '' ? [] : text.split(',')) {
    const [field = '', tokens = ''] = part.split('=');
    usage[field] = Number(tokens);
  }
  return usage;
}

/** The output tokens in all that an amount pays for beside the input; null for a hold without a price for output. */
export function stopAtTokens(book: NativeBook, pricing: LeasePricing, amount: Micros, reportedUsage: string): number | null {
  if (pricing.price === '' || !isOf(book, pricing.price)) return null;
  // Parts of the output that were used count at their own prices.
  const usage = { ...wholeUsage(pricing.usage, usageFromText(reportedUsage)), outputTokens: undefined };
  try {
    return outputTokensFor(amount, book.named(pricing.price), usage, pricing.serviceTier);
  } catch {
    // A model that sells no output, such as one for embeddings.
    return null;
  }
}
