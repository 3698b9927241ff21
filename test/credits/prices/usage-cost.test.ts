import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { costOfCounts, type Price } from '../../../src/credits/prices/price-tokens.js';
import { DIMENSIONS, isPiece, NO_PRICES, ROUNDINGS, UNITS, type PriceTerms, type Prices } from '../../../src/credits/prices/price.js';
import { rateOf } from '../../../src/credits/prices/rate.js';
import type { ClassCounts } from '../../../src/credits/prices/token-usage.js';
import { AMOUNT_MAX } from '../../../src/kit/money/micros.js';
import { volume } from '../../support/volume.js';

const RUNS = volume(500, 2_000);
const FIELDS = DIMENSIONS;

const priceOf = (terms: PriceTerms): Price => ({
  name: 'native/2/m', modelId: 'm', rate: rateOf(terms), marginPercent: terms.marginPercent, maxInputTokens: null, maxOutputTokens: null,
  by: { book: 'native', provider: '', model: 'm', version: 2, rule: 'exact', isDefault: false },
});
const terms = (prices: Partial<Prices>, more: Partial<PriceTerms> = {}): PriceTerms =>
  ({
    prices: { ...NO_PRICES, ...prices }, tiers: [], unit: 1_000_000, rounding: 'micro', marginPercent: '0', moneyPerCredit: null, ...more,
  });

/** A price as digits and a number of decimals, so that the independent formula needs no fractions of ours. */
const digits = fc.record({ n: fc.bigInt(0n, 999_999_999n), places: fc.integer({ min: 0, max: 12 }) });
const textOf = ({ n, places }: { n: bigint; places: number }): string => {
  const padded = n.toString().padStart(places + 1, '0');
  return `${padded.slice(0, padded.length - places)}.${padded.slice(padded.length - places)}0`;
};
const counts = fc.tuple(...FIELDS.map(() => fc.integer({ min: 0, max: 10_000_000 })));
const anyPrice = fc.record({
  prices: fc.tuple(...DIMENSIONS.map(() => digits)), unit: fc.constantFrom(...UNITS), rounding: fc.constantFrom(...ROUNDINGS),
  margin: fc.integer({ min: 0, max: 300 }), money: fc.option(fc.constantFrom('0.00001', '0.003', '7')),
});
type AnyPrice = typeof anyPrice extends fc.Arbitrary<infer T> ? T : never;

const toTerms = ({ prices, unit, rounding, margin, money }: AnyPrice): PriceTerms => ({
  prices: Object.fromEntries(DIMENSIONS.map((dimension, index) => [dimension, textOf(prices[index] ?? { n: 0n, places: 0 })])) as Prices,
  tiers: [], unit, rounding, marginPercent: String(margin), moneyPerCredit: money,
});
const toUsage = (amounts: readonly number[]): ClassCounts => Object.fromEntries(FIELDS.map((field, index) => [field, amounts[index] ?? 0]));

/** Σ count · n / 10^places / unit · (100 + margin) / 100 / money · 10^6 micros, with everything over one power of ten. */
function exactOf(
  { prices, unit, margin, money }: AnyPrice, amounts: readonly number[],
): { readonly dividend: bigint; readonly divisor: bigint } {
  const [moneyUp, moneyDown] = {
    '0.00001': [100_000n, 1n], '0.003': [1_000n, 3n], '7': [1n, 7n], none: [1n, 1n],
  }[money ?? 'none'] as [bigint, bigint];
  const sum = prices.reduce((total, { n, places }, index) => {
    const isToken = !isPiece(DIMENSIONS[index] ?? 'input');
    return total + BigInt(amounts[index] ?? 0) * n * 10n ** BigInt(12 - places) * (isToken ? 1n : BigInt(unit));
  }, 0n);
  return { dividend: sum * BigInt(100 + margin) * moneyUp * 1_000_000n, divisor: 10n ** 12n * BigInt(unit) * 100n * moneyDown };
}

const costOrRefusal = (price: Price, usage: ClassCounts): bigint | 'too much' => {
  try {
    return BigInt(costOfCounts(price, usage));
  } catch (error) {
    expect(error).toMatchObject({ code: 'limit_exceeded' });
    return 'too much';
  }
};

describe('properties', () => {
  test('a cost is the exact sum, rounded up once: never below exact, never a whole step above it', () => {
    fc.assert(fc.property(anyPrice, counts, (price, amounts) => {
      const { dividend, divisor } = exactOf(price, amounts);
      const step = price.rounding === 'credit' ? 1_000_000n : 1n;
      const expected = dividend === 0n ? 0n : ((dividend - 1n) / (divisor * step) + 1n) * step;
      expect(costOrRefusal(priceOf(toTerms(price)), toUsage(amounts))).toBe(expected > BigInt(AMOUNT_MAX) ? 'too much' : expected);
      expect(expected * divisor >= dividend && (expected - step) * divisor < dividend || dividend === 0n).toBe(true);
    }), { numRuns: RUNS });
  });

  test('more of anything never costs less', () => {
    fc.assert(fc.property(anyPrice, counts, fc.integer({
      min: 0, max: FIELDS.length - 1,
    }), fc.integer({ min: 1, max: 1_000 }), (price, amounts, index, more) => {
      const rated = priceOf(toTerms(price));
      const before = costOrRefusal(rated, toUsage(amounts));
      const after = costOrRefusal(rated, toUsage(amounts.map((count, each) => (each === index ? count + more : count))));
      if (before === 'too much') expect(after).toBe('too much');
      else expect(after === 'too much' || after >= before).toBe(true);
    }), { numRuns: RUNS });
  });
});

const KINDS = ['input', 'output', 'cachedRead', 'cachedWrite', 'reasoning'] as const;
test('tokens of a special kind cost what they are a kind of, unless they have a price', () => {
  const plain = priceOf(terms({ input: '3', output: '15' }));
  expect(KINDS.map((kind) => costOfCounts(plain, { [kind]: 1_000 }))).toEqual([3_000, 15_000, 3_000, 3_000, 15_000]);
  const special = priceOf(terms({ input: '3', output: '15', cachedRead: '0.3', cachedWrite: '3.75', reasoning: '20' }));
  expect(KINDS.map((kind) => costOfCounts(special, { [kind]: 1_000 }))).toEqual([3_000, 15_000, 300, 3_750, 20_000]);
});

test('what has no price is refused, unless a flat fee is paid', () => {
  expect(() => costOfCounts(priceOf(terms({ input: '3' })), { input: 1, output: 1 })).toThrow('m has no price for outputTokens');
  const flat = priceOf(terms({ message: '1', request: '0.5' }));
  expect(costOfCounts(flat, { input: 500, message: 2, request: 1 })).toBe(2_500_000);
  expect(() => costOfCounts(flat, { input: 500 })).toThrow('no price for inputTokens');
});

test('a cost beyond what an operation may move is refused, not rounded', () => {
  expect(() => costOfCounts(priceOf(terms({ input: '1000' }, { unit: 1 })), {
    input: 1_000_000_000,
  })).toThrow(expect.objectContaining({ code: 'limit_exceeded' }));
});
