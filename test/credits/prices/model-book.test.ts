import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { costOfCounts } from '../../../src/credits/prices/price-tokens.js';
import { setTerms } from '../../../src/credits/prices/set-terms.js';
import { toCredits } from '../../../src/kit/money/credits.js';
import { priceLab, type PriceLab } from './lab.js';

/** The settlement formulas of the credits process: docs/contracts/credits-process.md#end. */
let lab: PriceLab;
beforeAll(async () => { lab = await priceLab(); });
afterAll(async () => { await lab.close(); });

const profits = (...profitPercents: string[]) => setTerms(lab, { book: 'models', profitPercents, actor: 'admin' });
const charged = (inputTokens: number, outputTokens: number, aiModel?: string): number =>
  toCredits(lab.books.models.item({ aiModel, inputTokens, outputTokens }).charged);

test('the whole details object of an item, input_credits and output_credits included', async () => {
  await profits('10');
  const { details, exact } = lab.books.models.item({ aiModel: 'gpt-x', inputTokens: 150, outputTokens: 450 });
  expect(details).toEqual({
    ai_model: 'gpt-x', input_tokens: 150, output_tokens: 450, input_credits: 4.5, output_credits: 112.5,
    input_token_price: 3e-7, output_token_price: 2.5e-6, profit_credits_percentage: 10, profit_credits: 11.7,
    cost_credits: 128.7, cost_price: 0.001287, credits: 129, price: 0.00129, rounding_credits: 0.3, rounding_price: 0.000003,
    credit_price: 0.00001,
  });
  expect(exact.costCredits).toEqual({ numerator: 1_287n, denominator: 10n });
  expect(lab.books.models.item({ inputTokens: 0, outputTokens: 0 }).details).not.toHaveProperty('ai_model');
});

describe('golden values', () => {
  test.each([
    [['10'], 150, 450, 129],
    [[], 1_000, 1_000, 280],
    [[], 0, 460, 115],
    [['25'], 10, 130, 41],
    [['20'], 0, 230, 69],
    [['10', '5.5', '4.5'], 0, 230, 69],
    [['10'], 0, 0, 0],
  ])('profits %j: %p in, %p out are %p', async (percents, inputTokens, outputTokens, credits) => {
    await profits(...percents);
    expect(charged(inputTokens, outputTokens)).toBe(credits);
  });

  test('gpt-4: 100 in and 200 out with 10 % are 1650', async () => {
    await profits('10');
    await lab.set({ book: 'models', model: 'GPT-4 ', prices: { input: '3e-5', output: '0.00006' } });
    expect(charged(100, 200, 'gpt-4')).toBe(1_650);
  });

  test('no usage costs nothing', () => {
    expect([].reduce((sum, usage: never) => sum + lab.books.models.item(usage).charged, 0)).toBe(0);
  });
});

test('the model, else the initial model, else the defaults', async () => {
  await profits();
  await lab.set({ book: 'models', model: 'initial', prices: { input: '3e-6', output: '2.5e-5' } });
  expect([charged(1_000, 1_000, 'nobody-knows'), charged(1_000, 1_000)]).toEqual([2_800, 2_800]);
  await lab.set({ book: 'models', model: 'initial', prices: { input: '3e-6', output: '2.5e-5' }, isDefault: false });
  expect(charged(1_000, 1_000, 'nobody-knows')).toBe(280);
});

test('an item is the rounding of one exact formula, the same that costOfCounts has', async () => {
  await profits('33.3');
  const { charged: micros, price } = lab.books.models.item({ aiModel: 'gpt-4', inputTokens: 12_345, outputTokens: 678 });
  const named = lab.books.native('models').named(price);
  expect(costOfCounts(named, { input: 12_345, output: 678 })).toBe(micros);
});

test('a price keeps its profit and its price of a credit by name, whatever the terms become', async () => {
  await profits('10');
  const usage = { aiModel: 'gpt-4', inputTokens: 100, outputTokens: 200 };
  const { price, charged: before } = lab.books.models.item(usage);
  await setTerms(lab, { book: 'models', profitPercents: ['50'], moneyPerCredit: '0.00003', actor: 'admin' });
  expect(toCredits(lab.books.models.item(usage).charged)).toBe(750);
  expect(lab.books.models.itemNamed(price, usage)).toMatchObject({
    charged: before, details: { credit_price: 0.00001, profit_credits_percentage: 10 },
  });
});

test('terms are checked like prices', async () => {
  await expect(profits('101')).rejects.toThrow('a profit must be from 0 to 100 percent');
  await expect(profits('-1')).rejects.toThrow('a profit must be from 0 to 100 percent');
  await expect(setTerms(lab, { book: 'models', moneyPerCredit: '0.0000001', actor: 'admin' })).rejects.toThrow('more than ×10 needs force');
  await expect(setTerms(lab, { book: 'models', moneyPerCredit: '0', actor: 'admin' })).rejects.toThrow('moneyPerCredit must be above 0');
});

test('prices that wait for their moment get the new terms, too', async () => {
  await setTerms(lab, { book: 'models', profitPercents: [], moneyPerCredit: '0.00001', actor: 'admin' });
  await lab.set({ book: 'models', model: 'later', prices: { input: '0.00001', output: '0.00001' } });
  await lab.set({
    book: 'models', model: 'later', prices: { input: '0.00002', output: '0.00002' }, effectiveFromMs: lab.clock() + 3_600_000,
  });
  await profits('100');
  expect(charged(1, 0, 'later')).toBe(2);
  lab.advance(3_600_000);
  expect(charged(1, 0, 'later')).toBe(4);
});
