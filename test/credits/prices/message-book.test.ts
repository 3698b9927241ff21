import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { presentMessageCost, type MessageUsage } from '../../../src/credits/prices/message-book.js';
import {
  deleteMessagePricing, initializeMessagePricing, upsertMessagePricing, type UpsertPricing,
} from '../../../src/credits/prices/message-pricing.js';
import { priceLab, type PriceLab } from './lab.js';

/** The prices of the credit service: docs/contracts/chatsparty.md#endpoints and docs/contracts/chatsparty.md#rules. */
let lab: PriceLab;
beforeAll(async () => { lab = await priceLab(); });
afterAll(async () => { await lab.close(); });

const cost = (usage: MessageUsage) => presentMessageCost(lab.books.messages.cost(usage));
const turbo = { provider: 'openai', modelName: 'gpt-4-turbo' };
const upsert = (command: Partial<UpsertPricing> & Pick<UpsertPricing, 'modelName'>) =>
  upsertMessagePricing(lab, { provider: 'acme', costPerMessage: 5, actor: 'admin', ...command });

test.each<[Omit<MessageUsage, 'provider' | 'modelName'>, number, object]>([
  [{ messageCount: 1, tokenCount: 1_500 }, 30, { messageCost: 10, tokenCost: 20 }],
  [{}, 10, { messageCost: 10 }],
  [{ messageCount: 3 }, 30, { messageCost: 30 }],
  [{ messageCount: 0 }, 0, { messageCost: 0 }],
  [{ tokenCount: 1 }, 10, { tokenCost: 10 }],
  [{ tokenCount: 1_000 }, 10, { tokenCost: 10 }],
  [{ tokenCount: 1_001 }, 20, { tokenCost: 20 }],
  [{ tokenCount: 0 }, 0, { tokenCost: 0 }],
])('gpt-4-turbo: %j costs %p', (usage, totalCost, breakdown) => {
  expect(cost({ ...turbo, ...usage })).toEqual({
    totalCost, breakdown,
    modelPricing: { ...turbo, costPerMessage: 10, costPer1kTokens: 10, isDefaultModel: true, isActive: true },
  });
});

test('ollama has no token price: tokens are never free by accident', () => {
  const llama = { provider: 'ollama', modelName: 'llama2' };
  expect(cost({ ...llama, messageCount: 2, tokenCount: 9_000 })).toMatchObject({
    totalCost: 2, breakdown: { messageCost: 2 }, modelPricing: { costPer1kTokens: null },
  });
  expect(cost({ ...llama, tokenCount: 9_000 })).toMatchObject({ totalCost: 1, breakdown: { messageCost: 1 } });
});

test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('%p is no count', (count) => {
  expect(() => cost({ ...turbo, messageCount: count })).toThrow('body.messageCount must be a whole number');
  expect(() => cost({ ...turbo, tokenCount: count })).toThrow('body.tokenCount must be a whole number');
});

test('the documented defaults, by provider, the default first, then by name', () => {
  const line = ({
    provider, modelName, costPerMessage, costPer1kTokens, isDefaultModel,
  }: ReturnType<typeof lab.books.messages.get>): string =>
    `${provider} ${modelName} ${costPerMessage} ${costPer1kTokens ?? '-'}${isDefaultModel ? ' default' : ''}`;
  expect(lab.books.messages.list().map(line)).toEqual([
    'anthropic claude-3-sonnet 15 15 default', 'anthropic claude-3-haiku 1 1', 'anthropic claude-3-opus 60 60',
    'google gemini-pro 5 5 default', 'google gemini-pro-vision 10 10', 'groq mixtral-8x7b 1 1 default', 'groq llama2-70b 1 1',
    'ollama llama2 1 - default', 'ollama mistral 1 -', 'openai gpt-4-turbo 10 10 default', 'openai gpt-3.5-turbo 1 1', 'openai gpt-4 30 30',
  ]);
  expect(lab.books.messages.list({ provider: 'groq' })).toHaveLength(2);
  expect(lab.books.messages.list({ isActive: false })).toEqual([]);
});

test('an unknown model has its provider\'s default price under its own name; an unknown provider has none', () => {
  expect(lab.books.messages.get('openai', 'gpt-9')).toEqual({
    provider: 'openai', modelName: 'gpt-9', costPerMessage: 10, costPer1kTokens: 10, isDefaultModel: false, isActive: true,
  });
  expect(cost({ provider: 'openai', modelName: 'gpt-9' }).totalCost).toBe(10);
  expect(() => lab.books.messages.get('nobody', 'gpt-4')).toThrow('No pricing found for nobody:gpt-4');
  expect(() => cost({ provider: 'nobody', modelName: 'gpt-4' })).toThrow('No pricing found for nobody:gpt-4');
});

test('one default per provider: the last who claims it', async () => {
  await upsert({ modelName: 'a', isDefaultModel: true });
  await upsert({ modelName: 'b', costPerMessage: '0.5', isDefaultModel: true });
  expect(lab.books.messages.list({ provider: 'acme' }).map(({ modelName, isDefaultModel }) => [modelName, isDefaultModel])).toEqual([
    ['b', true], ['a', false],
  ]);
  expect(cost({ provider: 'acme', modelName: 'unknown' }).totalCost).toBe(0.5);
  await upsert({ modelName: 'b', costPerMessage: '0.5', isDefaultModel: false });
  expect(() => lab.books.messages.get('acme', 'unknown')).toThrow('No pricing found');
});

test('inactive is refused; deleted is as if it had never been, and its charges still find their price', async () => {
  await upsert({ modelName: 'c', costPerMessage: 7, costPer1kTokens: 0.25 });
  const { price } = lab.books.messages.cost({ provider: 'acme', modelName: 'c' });
  await upsert({ modelName: 'c', costPerMessage: 7, costPer1kTokens: 0.25, isActive: false });
  expect(() => cost({ provider: 'acme', modelName: 'c' })).toThrow('Model pricing is not active');
  expect(lab.books.messages.list({ isActive: false }).map(({ modelName }) => modelName)).toEqual(['c']);
  const gone = { provider: 'acme', modelName: 'c', actor: 'admin' };
  await deleteMessagePricing(lab, gone);
  expect(() => lab.books.messages.get('acme', 'c')).toThrow('No pricing found');
  await expect(deleteMessagePricing(lab, gone)).rejects.toMatchObject({ code: 'not_found' });
  expect(presentMessageCost(lab.books.messages.costNamed(price, { messageCount: 1, tokenCount: 1_001 }))).toMatchObject({
    totalCost: 7.5, modelPricing: { modelName: 'c', costPer1kTokens: 0.25 },
  });
});

test.each([
  0, -1, Number.NaN, Number.POSITIVE_INFINITY, '0x10', '', '1e999',
])('%p credits per message are refused', async (costPerMessage) => {
  await expect(upsert({ modelName: 'd', costPerMessage })).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(upsert({ modelName: 'd', costPer1kTokens: costPerMessage })).rejects.toMatchObject({ code: 'invalid_request' });
});

test('initialize brings the defaults back, and changes nothing when they are there', async () => {
  expect(await initializeMessagePricing(lab, 'admin')).toBe(0);
  await upsertMessagePricing(lab, { ...turbo, costPerMessage: 20, actor: 'admin', isDefaultModel: false });
  await upsertMessagePricing(lab, {
    provider: 'openai', modelName: 'gpt-4', costPerMessage: 30, costPer1kTokens: 30, actor: 'admin', isDefaultModel: true,
  });
  await deleteMessagePricing(lab, { provider: 'groq', modelName: 'llama2-70b', actor: 'admin' });
  expect(await initializeMessagePricing(lab, 'admin')).toBe(3);
  expect(lab.books.messages.list({ provider: 'openai' }).map(({ modelName, costPerMessage, isDefaultModel }) => [
    modelName, costPerMessage, isDefaultModel,
  ]))
    .toEqual([['gpt-4-turbo', 10, true], ['gpt-3.5-turbo', 1, false], ['gpt-4', 30, false]]);
  expect(await initializeMessagePricing(lab, 'admin')).toBe(0);
});
