import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_UNKNOWN_MODEL } from '../../../src/config/unknown-model.js';
import { priceBooks, type PriceBooks } from '../../../src/credits/prices/price-books.js';
import { MODEL_BOOK, NO_PRICES, PLAIN } from '../../../src/credits/prices/price.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { creditsLab, type Lab } from './lab.js';

/** Contract 3.3: the golden values, float traps included, over HTTP and out of the real price book. */
let lab: Lab;
let db: Db;
let books: PriceBooks;
const SEEN_MS = 900;
beforeAll(async () => {
  lab = await creditsLab();
  db = connectPostgres(lab.gateway.databaseUrl, apiProfile(5_000));
  books = await priceBooks({ db, clock: Date.now, unknownModel: DEFAULT_UNKNOWN_MODEL, onError: (error) => { throw error; } });
});
afterAll(async () => {
  await books.close();
  await db.destroy();
  await lab.stop();
});

const end = async (model: string, input: number, output: number) => {
  const { body } = await lab.post('/api/credits-process/end', {
    user_id: lab.user(), feature_endpoint_id: 'ai_chat_v1', ai_model: model, input_tokens: input, output_tokens: output,
  });
  return body.data;
};

/** A price of the AI-model book, written as its administration does; the gateway looks at least every half second. */
async function price(model: string, input: string, output: string, marginPercent: string): Promise<void> {
  await books.write(() => [{
    ...PLAIN, book: MODEL_BOOK, provider: '', model, prices: { ...NO_PRICES, input, output }, unit: 1, rounding: 'credit', marginPercent,
    moneyPerCredit: '0.00001',
    effectiveFromMs: Date.now() - 1, isDefault: false, state: 'active', createdBy: 'test', note: 'golden',
  }]);
  await sleep(SEEN_MS);
}

describe('at the defaults, without profit', () => {
  test.each([
    [0, 460, 115], // 116 in doubles
    [1_000, 1_000, 280],
    [0, 0, 0],
    [1, 0, 1],
    [0, 1, 1],
  ])('(%d, %d) is %d', async (input, output, credits) => {
    const { total_cost: total, details } = await end('a-model', input, output);
    expect([total, details['credits']]).toEqual([credits, credits]);
  });
});

describe('with profit', () => {
  test.each([
    [150, 450, '10', 129, { cost_credits: 128.7, profit_credits: 11.7, rounding_credits: 0.3, profit_credits_percentage: 10 }],
    [10, 130, '25', 41, { cost_credits: 41, rounding_credits: 0 }], // 42 in doubles
    [0, 230, '20', 69, { cost_credits: 69, rounding_credits: 0 }], // 70 in doubles
  ])('(%d, %d) and %s %% is %d', async (input, output, margin, credits, details) => {
    await price(`golden-${margin}`, '0.0000003', '0.0000025', margin);
    const data = await end(`golden-${margin}`, input, output);
    expect(data.total_cost).toBe(credits);
    expect(data.details).toMatchObject(details);
  });

  test('gpt-4 of the example: 100 in, 200 out, 10 % is 1650; its name in any case', async () => {
    await price('gpt-4', '0.00003', '0.00006', '10');
    expect((await end('gpt-4', 100, 200)).total_cost).toBe(1_650);
    expect((await end(' GPT-4 ', 100, 200)).total_cost).toBe(1_650);
  });
});

test('a repeat is told the price it was charged at, whatever the book says by now', async () => {
  const body = {
    user_id: lab.user(), usage_key: 'golden-repeat', feature_endpoint_id: 'ai_chat_v1', ai_model: 'moving', input_tokens: 0,
    output_tokens: 460,
  };
  await price('moving', '0.0000003', '0.0000025', '0');
  const first = await lab.post('/api/credits-process/end', body);
  await price('moving', '0.000003', '0.000025', '0');
  const second = await lab.post('/api/credits-process/end', body);
  expect(first.body.data.total_cost).toBe(115);
  expect(second.body.data).toEqual(first.body.data);
  expect((await lab.post('/api/credits-process/end', { ...body, usage_key: 'golden-anew' })).body.data.total_cost).toBe(1_150);
  // So is more usage of the same key: what it costs more at that price, and not what the book has gone up by.
  const more = await lab.post('/api/credits-process/end', { ...body, output_tokens: 920 });
  expect([more.body.data.total_cost, more.headers.get('idempotency-replayed')]).toEqual([230, null]);
  const less = await lab.post('/api/credits-process/end', { ...body, output_tokens: 100 });
  expect([less.status, less.body.first]).toEqual([409, expect.objectContaining({ charged: 230 })]);
});

test('no usages at all: nothing is charged, and it is on the record', async () => {
  const user = lab.user();
  const { body } = await lab.post('/api/credits-process/end-multimodel', { user_id: user, feature_endpoint_id: 'ai_chat_v1', usages: [] });
  expect([body.data.details, body.data.total_cost]).toEqual([[], 0]);
});

test('all or nothing: one item that cannot be charged charges none', async () => {
  const user = lab.user();
  await lab.grant(user, 1_000);
  const usages = [{ ai_model: 'a-model', output_tokens: 460 }, { ai_model: 'a-model', output_tokens: -1 }];
  expect((await lab.post('/api/credits-process/end-multimodel', {
    user_id: user, usage_key: 'half', feature_endpoint_id: 'ai_chat_v1', usages,
  })).status).toBe(400);
  expect(await lab.balance(user)).toBe(1_000);
});
