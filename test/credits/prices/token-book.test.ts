import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bufferedEstimate, builtInTokenBook, costOfTokens, type TokenBook } from '../../../src/credits/prices/token-book.js';
import { toCredits } from '../../../src/kit/money/credits.js';
import { priceLab, type PriceLab } from './lab.js';

const MODELS = [
  'amazon.nova-micro-v1:0', 'amazon.nova-lite-v1:0', 'amazon.titan-text-express-v1', 'meta.llama3-70b-instruct-v1:0',
  'anything-else',
];

let lab: PriceLab;
beforeAll(async () => { lab = await priceLab(); });
afterAll(async () => { await lab.close(); });

/** The book in the code, and the one that the migration wrote, are the same. */
describe.each<[string, () => TokenBook]>([
  ['in the code', () => builtInTokenBook], ['in Postgres', () => lab.books.tokens],
])('the token book %s', (_, book) => {
  /** The golden table of docs/contracts/accounting-service.md#prices: `credits/streaming allocation` for each model. */
  test.each([
    [1, '1/2 1/2 1/2 1/2 1/2'],
    [1_000, '1/2 1/2 1/2 1/2 1/2'],
    [1_500, '1/2 1/2 1/2 1/2 1/2'],
    [2_000, '1/2 2/3 1/2 1/2 1/2'],
    [5_000, '1/2 3/4 2/3 2/3 2/3'],
    [10_000, '1/2 6/8 4/5 4/5 4/5'],
    [100_000, '6/8 53/64 40/48 31/38 35/42'],
    [1_000_000, '60/72 525/630 400/480 308/370 350/420'],
    [0, '0/0 0/0 0/0 0/0 0/0'],
  ])('%p tokens', (tokens, expected) => {
    const actual = MODELS.map((model) => {
      const cost = costOfTokens(book().priceOf(model), tokens);
      return `${toCredits(cost)}/${toCredits(bufferedEstimate(cost))}`;
    });
    expect(actual.join(' ')).toBe(expected);
  });

  test.each([
    ['anthropic.claude-3-sonnet-20240229-v1:0', 1_000, 3], ['anthropic.claude-3-sonnet-20240229-v1:0', 1_500, 5],
    ['anthropic.claude-3-sonnet-20240229-v1:0', 500, 2], ['anthropic.claude-3-sonnet-20240229-v1:0', 2_000, 6],
    ['anthropic.claude-3-haiku-20240307-v1:0', 1_000, 1], ['anthropic.claude-instant-v1', 5_000, 4],
    ['gpt-4', 1_500, 7.5], ['gpt-4', 1, 0.005], ['__proto__', 1_000, 1], ['constructor', 1_000_000, 350], ['*', 1_000_000, 350],
  ])('%s: %p tokens are %p credits', (model, tokens, credits) => {
    expect(toCredits(costOfTokens(book().priceOf(model), tokens))).toBe(credits);
  });

  test('sonnet: 2000 tokens reserve 8', () => {
    expect(toCredits(bufferedEstimate(costOfTokens(book().priceOf('anthropic.claude-3-sonnet-20240229-v1:0'), 2_000)))).toBe(8);
  });

  test('a stored name finds the same price, whatever characters the model has', () => {
    for (const model of ['gpt-4', 'a/b/c', 'tokens/1/x', 'tokens/10/x', '']) {
      expect(book().named(book().priceOf(model).name)).toEqual(book().priceOf(model));
    }
    for (const name of ['messages/11/gpt-4', 'tokens/11/gpt-4', 'tokens/0/gpt-4', 'tokens/01/gpt-4', 'tokens', '']) {
      expect(() => book().named(name)).toThrow(RangeError);
    }
  });
});

test('a price that was in the code before is found by its name', () => {
  const { name } = builtInTokenBook.priceOf('gpt-4');
  expect(toCredits(costOfTokens(lab.books.tokens.named(name), 1_500))).toBe(7.5);
});
