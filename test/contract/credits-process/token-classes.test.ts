import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { creditsLab, type Lab } from './lab.js';

/** Settlements with cached, image and reasoning tokens, at the prices of their classes (docs/contracts/README.md#n-09). */
let lab: Lab;
const SONNET = { input: '0.000003', output: '0.000015', cachedRead: '0.0000003', cachedWrite: '0.00000375', cachedWrite1h: '0.000006' };
beforeAll(async () => {
  lab = await creditsLab();
  const set = (model: string, prices: object, more: object = {}) => lab.admin('PUT', '/v1/prices/models', { model, prices, ...more });
  const answers = [
    await set('claude-sonnet-4-5', SONNET),
    await set('gpt-image-1', { input: '0.000005', imageInput: '0.00001', imageOutput: '0.00004' }),
    await set('gpt-4o', { input: '0.0000025', output: '0.00001', cachedRead: '0.00000125' }),
    await set('gemini-2.5-pro', { input: '0.00000125', output: '0.00001' }, {
      tiers: [{ aboveInputTokens: 200_000, serviceTier: 'standard', prices: { input: '0.0000025', output: '0.000015' } }],
    }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
});
afterAll(async () => { await lab.stop(); });

const end = (fields: object) =>
  lab.post('/api/credits-process/end', { user_id: lab.user(), feature_endpoint_value: 'ai_chat_v1', ...fields });

test.each<[string, object, number]>([
  ['cached tokens of Anthropic', {
    ai_model: 'claude-sonnet-4-5', input_tokens: 50, output_tokens: 500, cache_read_input_tokens: 100_000,
    cache_creation_input_tokens: 20_000,
  }, 11_265],
  ['none', { ai_model: 'claude-sonnet-4-5', input_tokens: 50, output_tokens: 500 }, 765],
  ['cached tokens of OpenAI', {
    ai_model: 'gpt-4o', prompt_tokens: 1_000, completion_tokens: 1_000, prompt_tokens_details: { cached_tokens: 400 },
  }, 1_200],
  ['another name of the model', { ai_model: 'openai/gpt-4o-2024-08-06', input_tokens: 1_000, output_tokens: 1_000 }, 1_250],
  ["a copy of the provider's usage that says the same", {
    ai_model: 'gpt-4o', input_tokens: 1_000, output_tokens: 1_000,
    usage: { prompt_tokens: 1_000, completion_tokens: 1_000, total_tokens: 2_000, prompt_tokens_details: { cached_tokens: 0 } },
  }, 1_250],
  ['pictures', { ai_model: 'gpt-image-1', input_tokens: 0, output_tokens: 4_160, output_tokens_details: { image_tokens: 4_160 } }, 16_640],
  ['a long prompt', { ai_model: 'gemini-2.5-pro', input_tokens: 300_000, output_tokens: 0 }, 75_000],
])('%s', async (_, fields, credits) => {
  const { status, body } = await end(fields);
  expect([status, body.data.total_cost, body.data.details['credits']]).toEqual([200, credits, credits]);
});

test('the answer says what the credits are made of, and the same again is the same', async () => {
  const usage = {
    user_id: lab.user(), feature_endpoint_value: 'ai_chat_v1', usage_key: randomUUID(), ai_model: 'claude-sonnet-4-5',
    input_tokens: 50, output_tokens: 500, cache_read_input_tokens: 100_000, cache_creation_input_tokens: 20_000,
  };
  const first = await lab.post('/api/credits-process/end', usage);
  expect(first.body.data.details).toMatchObject({
    input_tokens: 120_050, output_tokens: 500, input_credits: 10_515, output_credits: 750, input_token_price: 0.000003,
    token_classes: [
      { token_class: 'input', tokens: 50, credits: 15 }, { token_class: 'output', tokens: 500, credits: 750 },
      { token_class: 'cachedRead', tokens: 100_000, credits: 3_000 }, { token_class: 'cachedWrite', tokens: 20_000, credits: 7_500 },
    ],
  });
  expect((await lab.post('/api/credits-process/end', usage)).body.data).toEqual(first.body.data);
  // More cached tokens are more usage: the difference is charged (docs/contracts/README.md#n-02).
  const more = await lab.post('/api/credits-process/end', { ...usage, cache_read_input_tokens: 200_000 });
  expect([more.status, more.body.data.total_cost]).toEqual([200, 14_265]);
});

test('what has no price, and what is not known, is refused and charges nothing', async () => {
  const user = lab.user();
  const refused = [
    await end({ user_id: user, ai_model: 'gpt-image-1', input_tokens: 0, output_tokens: 4_160 }),
    await end({ user_id: user, ai_model: 'gpt-4o', input_tokens: 5, output_tokens: 5, service_tier: 'priority' }),
    await end({ user_id: user, ai_model: 'gpt-4o', input_tokens: 5, output_tokens: 5, video_tokens: 7 }),
    await end({ user_id: user, ai_model: 'gpt-4o', input_tokens: 5, output_tokens: 5, usage: { cache_read_input_tokens: 7 } }),
    await end({ user_id: user, ai_model: 'gpt-4o', input_tokens: 5, output_tokens: 5, usageMetadata: { cachedContentTokenCount: 7 } }),
  ];
  expect(refused.map(({ status, body }) => [status, body.sources?.[0]?.path, body.data.status])).toEqual([
    [400, 'outputTokens', 'not-accessible'], [400, 'serviceTier', 'not-accessible'], [400, 'body.video_tokens', 'not-accessible'],
    [400, 'body.usage', 'not-accessible'], [400, 'body.usageMetadata.cachedContentTokenCount', 'not-accessible'],
  ]);
  expect(await lab.balance(user)).toBe(0);
});
