import { describe, expect, test } from '@jest/globals';
import { settlementBody, toSettlement } from '../../../src/edge/credits-process/settlement-body.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { TOKENS_MAX } from '../../../src/kit/limits.js';

/** What the counts of providers are as one usage by class (docs/contracts/credits-process.md#classes-of-tokens). */
const settle = (fields: object) => toSettlement(
  settlementBody.parse({ user_id: 'alice', feature_endpoint_value: 'chat', ai_model: 'gpt-4o', ...fields }), 'either', { strictIds: false },
).usages[0];
const pathsOf = (work: () => unknown): string[] => {
  try {
    work();
  } catch (error) {
    if (error instanceof GatewayError) return error.sources.map(({ path }) => path);
    throw error;
  }
  return [];
};

test.each<[string, object, object]>([
  ['plain', { input_tokens: 5, output_tokens: 7 }, { inputTokens: 5, outputTokens: 7 }],
  ['names of OpenAI', { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 }, { inputTokens: 5, outputTokens: 7 }],
  ['Anthropic: beside the input', { ai_model: 'claude-sonnet-4-5',
    input_tokens: 50, output_tokens: 500, cache_read_input_tokens: 100_000, cache_creation_input_tokens: 20_000,
  }, { inputTokens: 120_050, outputTokens: 500, cachedInputTokens: 100_000, cacheWriteTokens: 20_000 }],
  ['Anthropic, with more input than cache: still beside',
    { ai_model: 'us.anthropic.claude-3', input_tokens: 900, cache_read_input_tokens: 100 },
    { inputTokens: 1_000, outputTokens: 0, cachedInputTokens: 100 }],
  ['an hour in the cache', { ai_model: 'claude-3',
    input_tokens: 1, cache_creation_input_tokens: 30, cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
  }, { inputTokens: 31, outputTokens: 0, cacheWriteTokens: 10, cacheWrite1hTokens: 20 }],
  ['these names for another model, with room: inside', { input_tokens: 1_000, cache_read_input_tokens: 400 },
    { inputTokens: 1_000, outputTokens: 0, cachedInputTokens: 400 }],
  ['and without room: beside', { input_tokens: 50, cache_read_input_tokens: 400 },
    { inputTokens: 450, outputTokens: 0, cachedInputTokens: 400 }],
  ['a proxy that gives both, of a Claude: inside', { ai_model: 'claude-3',
    prompt_tokens: 1_000, completion_tokens: 5, cache_read_input_tokens: 400, prompt_tokens_details: { cached_tokens: 400 },
  }, { inputTokens: 1_000, outputTokens: 5, cachedInputTokens: 400 }],
  ['OpenAI: inside', {
    prompt_tokens: 1_000, completion_tokens: 300, prompt_tokens_details: { cached_tokens: 600, audio_tokens: 100 },
    completion_tokens_details: { reasoning_tokens: 200, audio_tokens: 50, accepted_prediction_tokens: 9, rejected_prediction_tokens: 0 },
  }, {
    inputTokens: 1_000, outputTokens: 300, cachedInputTokens: 600, audioInputTokens: 100, reasoningTokens: 200, audioOutputTokens: 50,
  }],
  ['OpenAI, the newer names', {
    input_tokens: 1_000, output_tokens: 300, input_tokens_details: { cached_tokens: 600 }, output_tokens_details: { reasoning_tokens: 200 },
  }, { inputTokens: 1_000, outputTokens: 300, cachedInputTokens: 600, reasoningTokens: 200 }],
  ['images', {
    input_tokens: 50, output_tokens: 4_160, input_tokens_details: { text_tokens: 10, image_tokens: 40 },
    output_tokens_details: { image_tokens: 4_160 },
  }, { inputTokens: 50, outputTokens: 4_160, imageInputTokens: 40, imageOutputTokens: 4_160 }],
  ['sound that was cached costs what sound does', { prompt_tokens: 100, prompt_tokens_details: { cached_tokens: 80, audio_tokens: 60 } },
    { inputTokens: 100, outputTokens: 0, cachedInputTokens: 40, audioInputTokens: 60 }],
  ['DeepSeek', { prompt_tokens: 100, completion_tokens: 1, prompt_cache_hit_tokens: 70, prompt_cache_miss_tokens: 30 },
    { inputTokens: 100, outputTokens: 1, cachedInputTokens: 70 }],
  ['Gemini: thoughts beside, cached inside', {
    prompt_token_count: 100, candidates_token_count: 10, thoughts_token_count: 40, cached_content_token_count: 60, total_token_count: 150,
  }, { inputTokens: 100, outputTokens: 50, cachedInputTokens: 60, reasoningTokens: 40 }],
  ['a library that counts in details', { ai_model: 'claude-3',
    input_tokens: 100, output_tokens: 20, input_token_details: { cache_read: 30, cache_creation: 20, audio: 10 },
    output_token_details: { reasoning: 5 },
  }, { inputTokens: 100, outputTokens: 20, cachedInputTokens: 30, cacheWriteTokens: 20, audioInputTokens: 10, reasoningTokens: 5 }],
  ['urgency', { input_tokens: 1, service_tier: 'priority' }, { inputTokens: 1, outputTokens: 0, serviceTier: 'priority' }],
  ['no urgency', { input_tokens: 1, service_tier: 'default' }, { inputTokens: 1, outputTokens: 0 }],
  ['nothing of what is not known', { input_tokens: 1, video_tokens: 0, thinking_tokens: null, access_token: 'abc' },
    { inputTokens: 1, outputTokens: 0 }],
])('%s', (_, fields, usage) => {
  const { aiModel, ...read } = settle(fields) ?? {};
  expect(aiModel).toMatch(/./);
  expect(Object.fromEntries(Object.entries(read).filter(([, count]) => count !== undefined))).toEqual(usage);
});

describe('refused, by name', () => {
  test.each<[string, object, string]>([
    ['an unknown count', { input_tokens: 1, video_tokens: 5 }, 'body.video_tokens'],
    ['in any style', { input_tokens: 1, cachedTokens: 5 }, 'body.cachedTokens'],
    ['as text', { input_tokens: 1, thinking_tokens: '5' }, 'body.thinking_tokens'],
    ['as an object', { input_tokens: 1, tokens: { output: 5 } }, 'body.tokens'],
    ['in details, whatever it is called', { prompt_tokens: 9, prompt_tokens_details: { video: 5 } }, 'body.prompt_tokens_details.video'],
    ['in the output\'s details', { output_tokens: 9, output_tokens_details: { speech_tokens: 5 } },
      'body.output_tokens_details.speech_tokens'],
    ['in an item', { usages: [{ input_tokens: 1 }, { input_tokens: 1, video_tokens: 5 }] }, 'body.usages.1.video_tokens'],
    ['beside the items', { usages: [{ input_tokens: 1 }], video_tokens: 5 }, 'body.video_tokens'],
    ['instead of counts', { tokens_used: 5 }, 'body.tokens_used'],
    ['two counts of one thing', { prompt_tokens: 9, cached_tokens: 2, prompt_tokens_details: { cached_tokens: 3 } }, 'body.cached_tokens'],
    ['more cached than input', { prompt_tokens: 9, prompt_tokens_details: { cached_tokens: 10 } }, 'body.input_tokens'],
    ['more reasoning than output', { output_tokens: 9, reasoning_tokens: 10 }, 'body.output_tokens'],
    ['a total of more', { input_tokens: 9, output_tokens: 1, total_tokens: 11 }, 'body.total_tokens'],
    ['a sum that is none', { input_tokens: 9, cache_creation_input_tokens: 5, cache_creation: { ephemeral_1h_input_tokens: 4 } },
      'body.cache_creation'],
    ['half a token', { input_tokens: 1, cached_tokens: 0.5 }, 'body.cached_tokens'],
    ['less than nothing', { input_tokens: 1, cache_read_input_tokens: -5 }, 'body.cache_read_input_tokens'],
  ])('%s', (_, fields, path) => { expect(pathsOf(() => settle(fields))).toContain(path); });
});

test.each([
  ['input', { input_tokens: 1_505, cache_creation_input_tokens: TOKENS_MAX }, 'body.input_tokens'],
  ['output', { candidates_token_count: 1, thoughts_token_count: TOKENS_MAX }, 'body.output_tokens'],
])('a total of the %s that is too large only with what is beside it names its field', (_, fields, path) => {
  expect(pathsOf(() => settle(fields))).toEqual([path]);
});
