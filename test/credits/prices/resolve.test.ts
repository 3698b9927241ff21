import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { otherNames } from '../../../src/credits/prices/model-names.js';
import type { Price } from '../../../src/credits/prices/price-tokens.js';
import { costOfTokens } from '../../../src/credits/prices/token-book.js';
import { toCredits } from '../../../src/kit/money/credits.js';
import { priceLab, type PriceLab } from './lab.js';

/** Which entry of a book prices a model, whatever callers call it (docs/contracts/README.md#names-of-models). */
let lab: PriceLab;
beforeAll(async () => { lab = await priceLab(); });
afterAll(async () => { await lab.close(); });

const told = ({ by }: Price): string => `${by.provider}:${by.model} ${by.rule}`;
const set = (book: string, model: string, price: string, provider = '') =>
  lab.set({ book, model, provider, prices: { input: price, output: price } });

describe('the other names of a name, in order', () => {
  test.each([
    ['gpt-4o', ''],
    ['openai/gpt-4o', 'provider gpt-4o'],
    ['openrouter/openai/gpt-4o:free', 'provider openai/gpt-4o:free, provider gpt-4o:free, variant openrouter/openai/gpt-4o, '
      + 'variant openai/gpt-4o, variant gpt-4o'],
    ['gpt-4-0613', 'date gpt-4'], ['gpt-4o-2024-08-06', 'date gpt-4o'], ['claude-3-5-sonnet-latest', 'date claude-3-5-sonnet'],
    ['claude-3-opus@20240229', 'date claude-3-opus'],
    ['ft:gpt-4o:org::id', 'variant ft:gpt-4o:org:, variant ft:gpt-4o:org, variant ft:gpt-4o, variant ft'],
    ['us.anthropic.claude-3-haiku-v1:0', 'variant us.anthropic.claude-3-haiku-v1, region anthropic.claude-3-haiku-v1:0, '
      + 'region anthropic.claude-3-haiku-v1'],
    ['-2024', ''], ['/', ''], [':x', ''],
  ])('%s', (name, others) => {
    expect(otherNames(name).map((each) => `${each.rule} ${each.name}`).join(', ')).toBe(others);
  });

  test('a name of many parts is read a bounded number of times', () => {
    expect(otherNames('a/'.repeat(90) + 'b').length).toBeLessThan(40);
    expect(otherNames(':'.repeat(180)).length).toBeLessThan(40);
  });
});

test('in every book: case, provider, date, variant and region lead to the price of the model', async () => {
  const credits = (modelId: string): number => toCredits(costOfTokens(lab.books.tokens.priceOf(modelId), 1_500));
  const names = ['gpt-4', 'GPT-4', 'openai/gpt-4', 'gpt-4-0613', 'gpt-4:free', 'gpt-4-latest', 'OpenRouter/OpenAI/GPT-4-2024-01-01:beta'];
  expect(names.map(credits)).toEqual(names.map(() => 7.5));
  expect(names.map((name) => lab.books.tokens.priceOf(name).by.rule))
    .toEqual(['exact', 'case', 'provider', 'date', 'variant', 'date', 'variant']);
  expect(credits('us.anthropic.claude-3-sonnet-20240229-v1:0')).toBe(5);
  expect(lab.books.messages.cost({ provider: 'openai', modelName: 'GPT-4', messageCount: 1 }).totalCost).toBe(30_000_000);
  expect(lab.books.messages.cost({ provider: 'OpenAI', modelName: 'openai/gpt-4', messageCount: 1 }).totalCost).toBe(30_000_000);
  await set('models', 'gpt-4o', '0.0000125');
  for (const aiModel of ['openai/gpt-4o', 'GPT-4o', 'gpt-4o-2024-08-06', 'gpt-4o:nitro']) {
    expect(lab.books.models.item({ aiModel, inputTokens: 1_000, outputTokens: 0 }).details.credits).toBe(1_250);
  }
  await set('native', 'gpt-4o', '5', 'openai');
  expect(['azure/gpt-4o', 'gpt-4o-0513'].map((name) => told(lab.books.native().priceOf(name))))
    .toEqual(['openai:gpt-4o provider', 'openai:gpt-4o date']);
});

test('what is written exactly wins, then another name, then the first rule that finds one', async () => {
  for (const [model, price] of [['m', '1'], ['m-2024', '2'], ['x/m', '3'], ['Chat', '4']] as const) await set('order', model, price);
  await lab.set({ book: 'order', model: 'chat', prices: {}, aliasOf: 'm' });
  const order = lab.books.native('order');
  expect(['m-2024', 'x/m', 'y/m', 'm-2025', 'M', 'chat', 'Chat', 'y/m-2024', 'y/m-2025'].map((name) => told(order.priceOf(name)))).toEqual([
    ':m-2024 exact', ':x/m exact', ':m provider', ':m date', ':m case', ':m alias', ':Chat exact', ':m-2024 provider', ':m date',
  ]);
});

test('another name follows its model, is no price of its own, and leads one step', async () => {
  await set('aliases', 'real', '1');
  await expect(lab.set({ book: 'aliases', model: 'a', prices: {}, aliasOf: 'missing' }))
    .rejects.toThrow('no price of its own for "missing"');
  await expect(lab.set({ book: 'aliases', model: 'a', prices: { input: '1' }, aliasOf: 'real' })).rejects.toThrow('no prices of its own');
  await expect(lab.set({ book: 'aliases', model: 'a', prices: {}, aliasOf: 'a' })).rejects.toThrow('another model');
  const { price } = await lab.set({ book: 'aliases', model: 'a', prices: {}, aliasOf: 'real' });
  expect(price).toMatchObject({ aliasOf: 'real', tiers: [], maxOutputTokens: null });
  await expect(lab.set({ book: 'aliases', model: 'b', prices: {}, aliasOf: 'a' })).rejects.toThrow('no price of its own for "a"');
  const held = lab.books.native('aliases').priceOf('a');
  await set('aliases', 'real', '2');
  expect(lab.books.native('aliases').priceOf('a').by.version).toBeGreaterThan(held.by.version);
  // A stored name finds the price of then, and tells why it was that.
  await set('aliases', 'a', '9');
  expect(lab.books.native('aliases').named(held.name)).toEqual(held);
  expect(told(lab.books.native('aliases').priceOf('a'))).toBe(':a exact');
});

test('several entries of a name: of the provider that is named, or stands before it, or of none; else refused', async () => {
  for (const [provider, price] of [['one', '1'], ['two', '2']] as const) await set('many', 'm', price, provider);
  const many = lab.books.native('many');
  expect([told(many.priceOf('m', 'two')), told(many.priceOf('one/m')), told(many.priceOf('M', 'ONE'))])
    .toEqual(['two:m exact', 'one:m provider', 'one:m case']);
  expect(() => many.priceOf('m')).toThrow('several providers have "m": one, two; name one');
  expect(() => many.priceOf('other/m')).toThrow('several providers');
  await set('many', 'm', '3');
  expect(told(many.priceOf('m'))).toBe(':m exact');
  for (const [model, price] of [['n', '1'], ['N', '2'], ['s', '1'], ['S', '1']] as const) await set('many', model, price);
  expect(told(many.priceOf('N'))).toBe(':N exact');
  expect(() => many.priceOf('x/n-latest')).not.toThrow();
  await set('many', 'Nn', '1');
  await set('many', 'nN', '2');
  expect(() => many.priceOf('NN')).toThrow('several models are spelled like "NN": Nn, nN');
});

test('statistics call a model by the name of its entry in any book, also when it is not for sale any more', async () => {
  await lab.set({ book: 'messages', provider: 'house', model: 'Gone-1', prices: { input: '1', output: '1' } });
  await lab.set({ book: 'messages', provider: 'house', model: 'Gone-1', prices: { input: '1', output: '1' }, state: 'inactive' });
  const names = ['gpt-4', 'GPT-4', 'openai/gpt-4', 'gpt-4-0613', 'gpt-4:free', 'house/gone-1-latest', 'nobody-knows', '*', 'x/*', ''];
  expect(names.map((name) => lab.books.history.entryName(name))).toEqual([
    'gpt-4', 'gpt-4', 'gpt-4', 'gpt-4', 'gpt-4', 'Gone-1', null, null, null, null,
  ]);
});

test('what is not for sale is refused under any name; what is deleted is unknown', async () => {
  await lab.set({ book: 'tokens', model: 'asleep', prices: { input: '1', output: '1' }, state: 'inactive' });
  for (const name of ['asleep', 'x/ASLEEP', 'asleep-latest']) expect(() => lab.books.tokens.priceOf(name)).toThrow('is not active');
});

test('a default is told, and counted with every rule', async () => {
  const rules: string[] = [];
  const { books } = await lab.open({ priced: (book, rule) => { rules.push(`${book} ${rule}`); } });
  expect(told(books.tokens.priceOf('nobody-knows'))).toBe(':* default');
  expect(books.tokens.priceOf('nobody-knows').by.isDefault).toBe(true);
  expect(books.tokens.named(books.tokens.priceOf('nobody-knows').name).by.rule).toBe('default');
  books.tokens.priceOf('GPT-4');
  books.models.item({ aiModel: 'nobody-knows', inputTokens: 1, outputTokens: 1 });
  books.messages.cost({ provider: 'openai', modelName: 'nobody-knows' });
  expect(rules).toEqual([
    'tokens default', 'tokens default', 'tokens default', 'tokens case', 'models default', 'messages default',
  ]);
});

test('what is remembered of a name ends with a new price, and with one that takes effect', async () => {
  const native = lab.books.native('soon');
  expect(() => native.priceOf('x/late')).toThrow('no price is known');
  await lab.set({ book: 'soon', model: 'late', prices: { input: '1', output: '1' }, effectiveFromMs: lab.clock() + 60_000 });
  expect(() => native.priceOf('x/late')).toThrow('no price is known');
  lab.advance(61_000);
  expect(told(native.priceOf('x/late'))).toBe(':late provider');
});
