import { expect } from '@jest/globals';
import { costOf, pricingOf, stopAtTokens, usageText, wholeUsage, type LeasePricing } from '../../src/credits/holds/native/lease-price.js';
import type { NativeBook } from '../../src/credits/prices/native-book.js';
import { costOfOutput, type Price } from '../../src/credits/prices/price-tokens.js';
import { NO_PRICES } from '../../src/credits/prices/price.js';
import { rateOf } from '../../src/credits/prices/rate.js';
import { TOKENS_MAX } from '../../src/kit/limits.js';
import { micros } from '../../src/kit/money/micros.js';
import { writeFacts } from '../../src/ledger/facts.js';
import type { ModelHold } from './account-model.js';

/** Holds that are priced by tokens, in random histories: the book and the lease code under test beside a cost that is worked out anew. */

/** 0.7 micros for a token of the input and 2.3 for one of the output, rounded up once. */
export const tokenCost = (input: number, output: number): number => Math.ceil((7 * input + 23 * output) / 10);
const PRICE: Price = {
  name: 'p', modelId: 'm', marginPercent: '0', maxInputTokens: null, maxOutputTokens: null,
  rate: rateOf({
    prices: { ...NO_PRICES, input: '0.7', output: '2.3' }, tiers: [], unit: 1_000_000, rounding: 'micro', marginPercent: '0',
    moneyPerCredit: null,
  }),
  by: { book: 'native', provider: '', model: 'm', version: 1, rule: 'exact', isDefault: false },
};
const book: NativeBook = { name: 'native', priceOf: () => PRICE, named: () => PRICE, list: () => [] };

/** The facts of the place of a hold with this input; of one without a price, none. */
export const aboutOf = (input: number | null): string => (input === null ? '{}' : writeFacts({
  lease: { model: 'm', usage: { inputTokens: input }, serviceTier: 'standard' }, actor: 'a', type: 'lease',
}));

/** What the place of a hold for so many output tokens asks for. */
export function amountFor(input: number, output: number): number {
  const amount = costOfOutput(PRICE, output, { inputTokens: input });
  expect(amount).toBe(tokenCost(input, output));
  return amount;
}

const pricing = (input: number): LeasePricing => pricingOf('p', aboutOf(input));

/** What so many output tokens in all cost a hold, and the usage as a report has it. */
export function usedBy(input: number, output: number): { readonly cost: number; readonly usage: string } {
  const cost = costOf(book, pricing(input), { outputTokens: output }, undefined, 'body.usage');
  expect(cost).toBe(tokenCost(input, output));
  return { cost, usage: usageText(wholeUsage({ inputTokens: input }, { outputTokens: output })) };
}

/**
 * Where a stream is told to stop: it never costs more than the hold, and one token more would not be covered. Null for a hold
 * without a price.
 */
export function stopOf({ input, output, amount }: ModelHold): number | null {
  if (input === null) return null;
  const stop = stopAtTokens(book, pricing(input), micros(amount), output === null ? '' : usedBy(input, output).usage);
  if (stop === null) throw new Error('a price for output says where to stop');
  if (stop > 0) expect(tokenCost(input, stop)).toBeLessThanOrEqual(amount);
  // The counts of a usage end there.
  if (stop < TOKENS_MAX) expect(tokenCost(input, stop + 1)).toBeGreaterThan(amount);
  return stop;
}
