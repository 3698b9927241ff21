import type { TokenUsageField } from '../../credits/prices/token-usage.js';

/** What each count of a usage counts, for the documents. */
export const USAGE_NOTES: Readonly<Record<TokenUsageField, string>> = {
  inputTokens: 'tokens of the input in all', cachedInputTokens: 'tokens of the input that were read from a cache',
  cacheWriteTokens: 'the part of the input that was written to a cache for 5 minutes',
  cacheWrite1hTokens: 'the part of the input that was written to a cache for an hour',
  audioInputTokens: 'tokens of the input that are sound', imageInputTokens: 'tokens of the input that are pictures',
  outputTokens: 'tokens of the output in all', reasoningTokens: 'tokens of the output that are reasoning',
  audioOutputTokens: 'tokens of the output that are sound', imageOutputTokens: 'tokens of the output that are pictures',
  requests: 'requests, of a model with a price per request', inputImages: 'how many whole pictures were read',
  outputImages: 'how many whole pictures were made',
};
