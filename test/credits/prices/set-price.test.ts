import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readConfig } from '../../../src/config.js';
import { parseUnknownModel } from '../../../src/config/unknown-model.js';
import { NO_PRICES, PLAIN } from '../../../src/credits/prices/price.js';
import { costOfCounts } from '../../../src/credits/prices/price-tokens.js';
import { costOfTokens } from '../../../src/credits/prices/token-book.js';
import { toCredits } from '../../../src/kit/money/credits.js';
import { priceLab, type PriceLab } from './lab.js';

let lab: PriceLab;
beforeAll(async () => { lab = await priceLab(); });
afterAll(async () => { await lab.close(); });

const acme = { book: 'native', provider: 'acme' } as const;
const usual = { ...acme, model: 'usual', prices: { input: '2', output: '8' } };
const inputOf = (model: string, inputTokens = 1_000_000): number =>
  toCredits(costOfCounts(lab.books.native().priceOf(model, 'acme'), { input: inputTokens }));

test('every change is a version; the same again is none', async () => {
  const first = await lab.set({ ...usual, model: 'v' });
  const again = await lab.set({ ...acme, model: 'v', prices: { input: '2.000', output: '8' } });
  const otherUnit = await lab.set({ ...acme, model: 'v', prices: { input: '0.002', output: '0.008' }, unit: 1_000 });
  expect([again.isChanged, again.price.version, otherUnit.isChanged]).toEqual([false, first.price.version, false]);
  const next = await lab.set({ ...acme, model: 'v', prices: { input: '3', output: '8' } });
  expect([next.isChanged, next.price.version > first.price.version]).toEqual([true, true]);
  const { rows } = await lab.db.raw<{
    rows: object[];
  }>(`select provider, input::text, created_by, state from prices where book = 'native' and model = 'v' order by version`);
  expect(rows).toEqual(['2', '3'].map((input) => ({ provider: 'acme', input, created_by: 'tester', state: 'active' })));
});

test('writers at the same time give one version each, in order', async () => {
  const others = await Promise.all([lab.open(), lab.open()]);
  const written = await Promise.all(Array.from({ length: 12 }, (_, index) =>
    (others[index % 2] ?? others[0]).books.write(() => [{
      ...acme, model: `w${index}`,
      ...PLAIN, prices: { ...NO_PRICES, input: '1', output: '1' },
      unit: 1, rounding: 'micro', marginPercent: '0', moneyPerCredit: null, effectiveFromMs: lab.clock(), isDefault: false,
      state: 'active', createdBy: 'tester', note: '',
    }])));
  const versions = written.flatMap((rows) => rows.map(({ version }) => version));
  expect(new Set(versions).size).toBe(12);
  await lab.books.refresh();
  expect(lab.books.history.lastVersion()).toBe(Math.max(...versions));
});

test('versions cannot be changed or deleted, not even by hand', async () => {
  await expect(lab.db.raw('update prices set input = 1')).rejects.toThrow('permission denied');
  await expect(lab.db.raw('delete from prices')).rejects.toThrow('permission denied');
  await expect(lab.db.raw(`insert into prices select 999999, book, provider, model, effective_from, 'NaN'
     from prices limit 1`)).rejects.toThrow();
});

describe('a price that can be none is refused', () => {
  test.each<[string, Record<string, string | null>, string]>([
    ['negative', { input: '-1', output: '8' }, 'prices.input must not be negative'],
    ['NaN', { input: 'NaN', output: '8' }, 'prices.input must be a decimal number'],
    ['infinite', { input: 'Infinity', output: '8' }, 'prices.input must be a decimal number'],
    ['hex', { input: '0x10', output: '8' }, 'prices.input must be a decimal number'],
    ['a megabyte of zeros', { input: '1e999999999', output: '8' }, 'prices.input must be a decimal number'],
    ['zero by accident', { input: '0', output: '8' }, 'prices.input is 0'],
    ['zero, spelled otherwise', { input: '8', output: '0.000e5' }, 'prices.output is 0'],
    ['a wrong unit', { input: '8e13', output: '8' }, 'is the unit right?'],
    ['nothing', {}, 'a price needs input, output, message or request'],
    ['only cached', { cachedRead: '1' }, 'a price needs input, output, message or request'],
  ])('%s', async (_, prices, message) => {
    await expect(lab.set({ ...acme, model: 'bad', prices })).rejects.toMatchObject({
      code: 'invalid_request', message: expect.stringContaining(message),
    });
  });

  test.each([
    [{ ...usual, book: 'No Book' }, 'book must be'], [{ ...usual, model: '' }, 'model must be'],
    [{ ...usual, model: 'a\0b' }, 'model must be'],
    [{ ...usual, provider: 'x'.repeat(201) }, 'provider must be'], [{ ...usual, unit: 10 as 1 }, 'unit must be'],
    [{ ...usual, marginPercent: '-5' }, 'marginPercent must not be negative'],
    [{ ...usual, marginPercent: '10001' }, 'marginPercent must be at most'],
    [{ ...usual, effectiveFromMs: 1_000 }, 'must not lie in the past'], [{ ...usual, effectiveFromMs: Number.NaN }, 'must be a moment'],
    [{ ...usual, book: 'tokens' }, 'does not tell providers apart'],
  ])('%j', async (command, message) => {
    await expect(lab.set(command)).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringContaining(message) });
  });

  test('zero that is meant', async () => {
    await lab.set({ ...acme, model: 'free', prices: { input: '0', output: '0' }, allowZero: true });
    expect(inputOf('free')).toBe(0);
  });
});

describe('a change of more than ×10 needs force', () => {
  test.each([
    ['×10', { input: '20', output: '8' }, {}, null],
    ['÷10', { input: '2', output: '0.8' }, {}, null],
    ['×10.01', { input: '20.02', output: '8' }, {}, 'input ×10'],
    ['÷10.01', { input: '2', output: '0.799' }, {}, 'output ×0.0999'],
    ['a thousandth by its unit', { input: '2', output: '8' }, { unit: 1_000 as const }, 'input ×1000'],
    ['by its margin', { input: '2', output: '8' }, { marginPercent: '900.01' }, 'input ×10'],
    ['cached tokens, which cost what input does until now', { input: '2', output: '8', cachedRead: '0.1' }, {}, 'cachedRead ×0.05'],
    ['to zero', { input: '0', output: '8' }, { allowZero: true }, 'input from or to 0'],
  ])('%s', async (name, prices, more, refusal) => {
    const model = `jump ${name}`;
    await lab.set({ ...usual, model });
    const change = { ...acme, model, prices, ...more };
    if (refusal === null) {
      expect((await lab.set(change)).isChanged).toBe(true);
      return;
    }
    await expect(lab.set(change)).rejects.toMatchObject({
      code: 'invalid_request', message: expect.stringContaining(refusal),
      sources: [{ path: 'force', message: expect.any(String) }],
    });
    expect((await lab.set({ ...change, force: true })).isChanged).toBe(true);
  });
});

describe('moments', () => {
  test('a price in the future holds from its moment on; what was placed before keeps its own', async () => {
    await lab.set({ ...usual, model: 'soon' });
    const before = lab.books.native().priceOf('soon', 'acme');
    await lab.set({ ...usual, model: 'soon', prices: { input: '3', output: '8' }, effectiveFromMs: lab.clock() + 86_400_000 });
    await lab.set({ ...usual, model: 'soon', prices: { input: '2.5', output: '8' } });
    expect(inputOf('soon')).toBe(2.5);
    lab.advance(86_400_001);
    expect(inputOf('soon')).toBe(3);
    expect(toCredits(costOfCounts(lab.books.native().named(before.name), { input: 1_000_000 }))).toBe(2);
  });

  test('a default in the future', async () => {
    const price = { book: 'moments', provider: 'p', prices: { input: '1', output: '1' } };
    await lab.set({ ...price, model: 'a', isDefault: true });
    await lab.set({ ...price, model: 'b', prices: { input: '2', output: '1' }, isDefault: true, effectiveFromMs: lab.clock() + 60_000 });
    const ofUnknown = (): number => toCredits(costOfCounts(lab.books.native('moments').priceOf('x', 'p'), { input: 1_000_000 }));
    expect(ofUnknown()).toBe(1);
    lab.advance(60_001);
    expect(ofUnknown()).toBe(2);
  });
});

describe('models without a price', () => {
  test('a native book has no default until it states one: refused', async () => {
    expect(() => lab.books.native('empty').priceOf('x')).toThrow('no price is known for model "x"');
    await lab.set({ book: 'empty', model: '*', prices: { input: '5', output: '5' } });
    expect(toCredits(costOfCounts(lab.books.native('empty').priceOf('x', 'whoever'), { input: 1_000_000 }))).toBe(5);
  });

  test('UNKNOWN_MODEL=refuse, overall or per book', async () => {
    const { books: strict } = await lab.open({ unknownModel: 'refuse,models=default' });
    expect(() => strict.tokens.priceOf('unknown')).toThrow('no price is known');
    expect(() => strict.messages.get('openai', 'unknown')).toThrow('No pricing found');
    expect(strict.models.item({ aiModel: 'unknown', inputTokens: 1_000, outputTokens: 1_000 }).details.credits).toBe(280);
    expect(strict.tokens.priceOf('gpt-4').modelId).toBe('gpt-4');
    expect(() => readConfig({ UNKNOWN_MODEL: 'maybe' })).toThrow('UNKNOWN_MODEL');
    expect(readConfig({ UNKNOWN_MODEL: 'default, tokens=refuse' }).unknownModel).toEqual({
      overall: 'default', books: new Map([['tokens', 'refuse']]),
    });
    for (const text of ['maybe', 'tokens=', 'default;refuse', 'A B=refuse', '=refuse']) expect(parseUnknownModel(text)).toBeUndefined();
  });

  test('an inactive model is refused, not priced as an unknown one', async () => {
    await lab.set({ book: 'tokens', model: 'retired', prices: { input: '1', output: '1' } });
    const { name } = lab.books.tokens.priceOf('retired');
    await lab.set({ book: 'tokens', model: 'retired', prices: { input: '1', output: '1' }, state: 'inactive' });
    expect(() => lab.books.tokens.priceOf('retired')).toThrow('is not active');
    expect(toCredits(costOfTokens(lab.books.tokens.named(name), 2_000))).toBe(2);
  });

  test('a model that several providers have needs one named', async () => {
    for (const provider of ['one', 'two']) await lab.set({ book: 'shared', provider, model: 'm', prices: { input: '1', output: '1' } });
    expect(() => lab.books.native('shared').priceOf('m')).toThrow('several providers have "m": one, two');
    expect(lab.books.native('shared').list().map(({ provider }) => provider)).toEqual(['one', 'two']);
  });
});
