import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { costOfOutput, costOfUsage, outputTokensFor, priceTokens, type Price } from '../../../src/credits/prices/price-tokens.js';
import {
  NO_PRICES, ROUNDINGS, SERVICE_TIERS, UNITS, type PriceTerms, type PriceTier, type ServiceTier,
} from '../../../src/credits/prices/price.js';
import { rateOf } from '../../../src/credits/prices/rate.js';
import { decimal, plus, rational, ZERO_RATIONAL } from '../../../src/credits/prices/rational.js';
import { TOKEN_USAGE_FIELDS, type TokenUsage } from '../../../src/credits/prices/token-usage.js';
import { TOKENS_MAX } from '../../../src/kit/limits.js';
import { AMOUNT_MAX, micros } from '../../../src/kit/money/micros.js';
import { volume } from '../../support/volume.js';

/** What a usage by classes of tokens costs, in parts, and how far an amount goes. */
const RUNS = volume(500, 5_000);

const priced = (terms: Partial<Omit<PriceTerms, 'prices'>> & { readonly prices?: Partial<PriceTerms['prices']> }): Price => {
  const all: PriceTerms = {
    tiers: [], unit: 1_000_000, rounding: 'micro', marginPercent: '0', moneyPerCredit: null, ...terms,
    prices: { ...NO_PRICES, ...terms.prices },
  };
  return {
    name: 'native/2/m', modelId: 'm', rate: rateOf(all), marginPercent: all.marginPercent, maxInputTokens: null, maxOutputTokens: null,
    by: { book: 'native', provider: '', model: 'm', version: 2, rule: 'exact', isDefault: false },
  };
};
const tier = (aboveInputTokens: number, serviceTier: ServiceTier, prices: PriceTier['prices']): PriceTier => ({
  aboveInputTokens, serviceTier, prices,
});
const inCredits = (cost: number): number => cost / 1_000_000;

describe('totals and their parts', () => {
  const price = priced({
    prices: { input: '1', cachedRead: '0.1', cachedWrite: '2', cachedWrite1h: '4', output: '10', reasoning: '20', audioInput: '5' },
  });

  test('each class at its own price, the rest of a total as plain tokens', () => {
    const usage = {
      inputTokens: 1_000_000, cachedInputTokens: 100_000, cacheWriteTokens: 10_000, cacheWrite1hTokens: 10_000, audioInputTokens: 80_000,
      outputTokens: 200_000, reasoningTokens: 50_000,
    };
    // 800 000 × 1 + 100 000 × 0.1 + 10 000 × 2 + 10 000 × 4 + 80 000 × 5 + 150 000 × 10 + 50 000 × 20 per million
    expect(inCredits(costOfUsage(price, usage))).toBe(0.8 + 0.01 + 0.02 + 0.04 + 0.4 + 1.5 + 1);
    const { components } = priceTokens(price, usage);
    expect(components.map(({ tokenClass, tokens, rate, amount }) => `${tokenClass} ${tokens} × ${rate} = ${amount}`))
      .toEqual([
        'input 800000 × 1 = 0.8', 'output 150000 × 10 = 1.5', 'cachedRead 100000 × 0.1 = 0.01', 'cachedWrite 10000 × 2 = 0.02',
        'cachedWrite1h 10000 × 4 = 0.04', 'audioInput 80000 × 5 = 0.4', 'reasoning 50000 × 20 = 1',
      ]);
  });

  test.each<[string, TokenUsage, string]>([
    ['parts beyond their total', { inputTokens: 10, cachedInputTokens: 6, audioInputTokens: 5 }, 'inputTokens must be at least'],
    ['parts without a total', { reasoningTokens: 1 }, 'outputTokens must be at least reasoningTokens'],
    ['less than nothing', { inputTokens: -1 }, 'inputTokens must be a whole number'],
    ['a half', { outputTokens: 0.5 }, 'outputTokens must be a whole number'],
    ['no number', { inputTokens: Number.NaN }, 'inputTokens must be a whole number'],
    ['too many', { inputTokens: TOKENS_MAX + 1 }, 'inputTokens must be a whole number'],
  ])('%s: refused', (_, usage, message) => {
    expect(() => costOfUsage(price, usage)).toThrow(message);
  });
});

describe('a class without a price of its own', () => {
  const text = priced({ prices: { input: '3', output: '15' } });
  test.each<[string, TokenUsage, number]>([
    ['cached tokens cost what input does', { inputTokens: 1_000, cachedInputTokens: 1_000 }, 0.003],
    ['so do written ones', { inputTokens: 2_000, cacheWriteTokens: 1_000, cacheWrite1hTokens: 1_000 }, 0.006],
    ['and sound and pictures that are read', { inputTokens: 2_000, audioInputTokens: 1_000, imageInputTokens: 1_000 }, 0.006],
    ['reasoning costs what output does', { outputTokens: 1_000, reasoningTokens: 400 }, 0.015],
  ])('%s', (_, usage, credits) => { expect(inCredits(costOfUsage(text, usage))).toBe(credits); });

  test.each<[string, Price, TokenUsage, string]>([
    ['pictures that are written', text, { outputTokens: 5, imageOutputTokens: 5 }, 'no price for imageOutputTokens'],
    ['sound that is written', text, { outputTokens: 5, audioOutputTokens: 5 }, 'no price for audioOutputTokens'],
    ['output of what sells input', priced({ prices: { input: '3' } }), { outputTokens: 1 }, 'no price for outputTokens'],
    ['an hour where five minutes have a price', priced({ prices: { input: '3', cachedWrite: '3.75' } }),
      { inputTokens: 5, cacheWrite1hTokens: 5 }, 'no price for cacheWrite1hTokens'],
    ['requests', text, { inputTokens: 1, requests: 1 }, 'no price for requests'],
    ['whole pictures, whatever else is paid', priced({ prices: { request: '1' } }), { requests: 1, outputImages: 1 }, 'outputImages'],
  ])('%s: refused, never free', (_, price, usage, message) => {
    expect(() => costOfUsage(price, usage)).toThrow(message);
    expect(() => priceTokens(price, usage)).toThrow(message);
  });

  test('what is counted as none needs no price', () => {
    expect(costOfUsage(text, { inputTokens: 0, imageOutputTokens: 0, requests: 0 })).toBe(0);
  });
});

describe('lengths and service tiers', () => {
  const long = priced({
    prices: { input: '1', output: '10', cachedRead: '0.1' },
    tiers: [
      tier(128_000, 'standard', { input: '2' }), tier(200_000, 'standard', { input: '4', output: '20' }),
      tier(0, 'priority', { input: '3', output: '30' }),
      tier(0, 'batch', { input: '0.5', output: '5' }), tier(200_000, 'batch', { output: '7' }),
    ],
  });
  test.each<[string, TokenUsage, ServiceTier, number]>([
    ['at the length', { inputTokens: 128_000, outputTokens: 1_000 }, 'standard', 0.128 + 0.01],
    ['one above it: all tokens', { inputTokens: 128_001, outputTokens: 1_000 }, 'standard', 0.256002 + 0.01],
    ['above the next', { inputTokens: 300_000, outputTokens: 1_000 }, 'standard', 1.2 + 0.02],
    ['cached tokens count to the length', { inputTokens: 300_000, cachedInputTokens: 299_000 }, 'standard', 0.004 + 0.0299],
    ['priority', { inputTokens: 100_000, outputTokens: 1_000 }, 'priority', 0.3 + 0.03],
    ['long and priority: the dearer of the two', { inputTokens: 300_000, outputTokens: 1_000 }, 'priority', 1.2 + 0.03],
    ['batch', { inputTokens: 100_000, outputTokens: 1_000 }, 'batch', 0.05 + 0.005],
    ['long and batch: its own price, else no discount', { inputTokens: 300_000, outputTokens: 1_000 }, 'batch', 1.2 + 0.007],
    ['a discount that is not sold', { inputTokens: 100_000, outputTokens: 1_000 }, 'flex', 0.1 + 0.01],
  ])('%s', (_, usage, serviceTier, credits) => {
    expect(inCredits(costOfUsage(long, usage, serviceTier))).toBeCloseTo(credits, 9);
  });

  test('an urgency that is not sold is refused; lengths alone are a price', () => {
    const plain = priced({ prices: { input: '1', output: '10' }, tiers: [tier(0, 'batch', { input: '0.5' })] });
    expect(() => costOfUsage(plain, { inputTokens: 1 }, 'priority')).toThrow('no price for the service tier priority');
    const ranges = priced({ tiers: [tier(1_000, 'standard', { input: '2', output: '3' })] });
    expect(inCredits(costOfUsage(ranges, { inputTokens: 1_001, outputTokens: 1 }))).toBe(0.002005);
    expect(() => costOfUsage(ranges, { inputTokens: 1_000 })).toThrow('no price for inputTokens');
  });
});

/** Any price list and any usage that it prices. */
const decimalText = fc.tuple(fc.integer({ min: 0, max: 999_999 }), fc.integer({ min: 0, max: 8 })).map(([n, places]) => `${n}e-${places}`);
const positiveText = decimalText.map((text) => (text.startsWith('0e') ? '1' : text));
const anyPrices = fc.record({
  input: positiveText, output: positiveText, cachedRead: fc.option(decimalText), cachedWrite: fc.option(decimalText),
  reasoning: fc.option(decimalText),
  audioOutput: decimalText, imageOutput: decimalText, request: decimalText, cachedWrite1h: decimalText,
});
const anyPriced = fc.record({
  prices: anyPrices,
  tiers: fc.array(fc.record({
    aboveInputTokens: fc.constantFrom(10, 1_000, 200_000), prices: fc.record({ output: decimalText }),
  }), { maxLength: 3 }),
  unit: fc.constantFrom(...UNITS), rounding: fc.constantFrom(...ROUNDINGS), marginPercent: fc.constantFrom('0', '10', '33.3'),
  moneyPerCredit: fc.constantFrom(null, '0.00001', '0.003', '7'),
}).map(({ tiers, ...terms }) => priced({ ...terms, tiers: tiers.map((each) => ({ ...each, serviceTier: 'standard' as const })) }));
const count = fc.integer({ min: 0, max: 50_000 });
const anyUsage = fc.record({
  plain: count, cachedInputTokens: count, cacheWriteTokens: count, cacheWrite1hTokens: count, reasoningTokens: count,
  audioOutputTokens: count, imageOutputTokens: count, requests: fc.integer({ min: 0, max: 3 }),
}).map(({ plain, ...parts }): TokenUsage => ({
  ...parts, inputTokens: plain + parts.cachedInputTokens + parts.cacheWriteTokens + parts.cacheWrite1hTokens,
}));
const partsOfOutput = ({ reasoningTokens = 0, audioOutputTokens = 0, imageOutputTokens = 0 }: TokenUsage): number =>
  reasoningTokens + audioOutputTokens + imageOutputTokens;
/** Infinity for what no operation may move. */
const costOf = (price: Price, outputTokens: number, usage: TokenUsage): number => {
  try {
    return costOfOutput(price, outputTokens, usage);
  } catch (error) {
    expect(error).toMatchObject({ code: 'limit_exceeded' });
    return Infinity;
  }
};

test('the tokens that an amount pays for: that many cost no more, and one more does', () => {
  const anyAmount = fc.tuple(fc.bigInt(0n, BigInt(AMOUNT_MAX)), fc.bigInt(0n, 15n))
    .map(([any, scale]) => micros(Number(any / 10n ** scale)));
  fc.assert(fc.property(anyPriced, anyUsage, anyAmount, (price, usage, amount) => {
    const tokens = outputTokensFor(amount, price, usage);
    const least = partsOfOutput(usage);
    if (tokens < least || tokens === 0) {
      expect(tokens).toBe(0);
      expect(costOf(price, least + 1, usage)).toBeGreaterThan(amount);
      return;
    }
    expect(costOf(price, tokens, usage)).toBeLessThanOrEqual(amount);
    if (tokens < TOKENS_MAX) expect(costOf(price, tokens + 1, usage)).toBeGreaterThan(amount);
  }), { numRuns: RUNS });
});

test('components, margin and rounding add up to the amount', () => {
  const sold = fc.constantFrom(...SERVICE_TIERS.filter((each) => each !== 'priority'));
  fc.assert(fc.property(anyPriced, anyUsage, count, sold, (price, usage, more, serviceTier) => {
    const whole = { ...usage, outputTokens: partsOfOutput(usage) + more };
    if (costOf(price, whole.outputTokens, usage) === Infinity) return;
    const { amount, components, margin, rounding } = priceTokens(price, whole, serviceTier);
    expect(amount).toBe(costOfUsage(price, whole, serviceTier));
    const sum = [...components.map((each) => each.amount), margin.amount, rounding.amount].map(decimal).reduce(plus, ZERO_RATIONAL);
    const difference = plus(sum, rational(-BigInt(amount), 1_000_000n));
    // Text that is cut after twenty places is off by less than one of them.
    const off = difference.numerator < 0n ? -difference.numerator : difference.numerator;
    expect(off * 10n ** 20n <= difference.denominator * BigInt(components.length + 2)).toBe(true);
  }), { numRuns: RUNS });
});

test('output for nothing is bounded by the most tokens there are', () => {
  expect(outputTokensFor(micros(0), priced({ prices: { input: '1', output: '0' } }), {})).toBe(TOKENS_MAX);
  expect(TOKEN_USAGE_FIELDS).toContain('cacheWrite1hTokens');
});
