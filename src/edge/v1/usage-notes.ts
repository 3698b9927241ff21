import type { TokenUsageField } from '../../credits/prices/token-usage.js';

/** What each count of a usage counts, for the documents. */
export const USAGE_NOTES: Readonly<Record<TokenUsageField, string>> = {
  inputTokens: 'tokens of the input in all', cachedInputTokens: 'the part of the input that was read from a cache',
  cacheWriteTokens: 'the part of the input that was written to a cache for 5 minutes',
  cacheWrite1hTokens: 'the part of the input that was written to a cache for an hour',
  audioInputTokens: 'the part of the input that is sound', imageInputTokens: 'the part of the input that is pictures',
  outputTokens: 'tokens of the output in all', reasoningTokens: 'the part of the output that is reasoning',
  audioOutputTokens: 'the part of the output that is sound', imageOutputTokens: 'the part of the output that is pictures',
  requests: 'requests, of a model with a price per request', inputImages: 'whole pictures that were read',
  outputImages: 'whole pictures that were made',
};
