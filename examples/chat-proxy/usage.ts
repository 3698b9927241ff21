import type { TokenUsage } from '../../clients/typescript/src/index.js';

/** Usage as OpenAI tells it. */
export type OpenAiUsage = {
  readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number };
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number };
};

/** More is a mistake of the provider. */
const TOKENS_MAX = 100_000_000;
const isCount = (value: unknown, most = TOKENS_MAX): value is number => Number.isInteger(value) && Number(value) >= 0
  && Number(value) <= most;

/**
 * What a provider says was used, or null when it says nothing that can be charged: no counts, nothing for what it sent
 * (`outputTokens`, counted by this proxy), or more than it was asked for (`limit`).
 */
export function readUsage(
  usage: unknown, { outputTokens, limit }: { readonly outputTokens: number; readonly limit: number },
): OpenAiUsage | null {
  const { prompt_tokens: input, completion_tokens: output } = (usage ?? {}) as Partial<OpenAiUsage>;
  if (!isCount(input) || !isCount(output, limit) || input === 0 || (output === 0 && outputTokens > 0)) return null;
  return { ...usage as OpenAiUsage, total_tokens: input + output };
}

/** The same for the gateway. Cached and reasoning tokens may have prices of their own. */
export function nativeUsage(usage: OpenAiUsage): TokenUsage {
  const { prompt_tokens: inputTokens, completion_tokens: outputTokens } = usage;
  const cached = usage.prompt_tokens_details?.cached_tokens;
  const reasoning = usage.completion_tokens_details?.reasoning_tokens;
  return {
    inputTokens, outputTokens,
    ...(isCount(cached, inputTokens) ? { cachedInputTokens: cached } : {}),
    ...(isCount(reasoning, outputTokens) ? { reasoningTokens: reasoning } : {}),
  };
}

export const totals = ({ prompt_tokens: inputTokens, completion_tokens: outputTokens }: OpenAiUsage): TokenUsage => ({ inputTokens,
  outputTokens });

export const openAiUsage = ({ inputTokens = 0, outputTokens = 0 }: TokenUsage): OpenAiUsage => ({
  prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens,
});
