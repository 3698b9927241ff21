import type { TokenUsage } from './types.js';

/** Counts as a provider reports them: any may be missing or nonsense. */
export type ReportedUsage = { readonly [K in keyof TokenUsage]?: unknown };

/** Tokens by the own count. */
export type Counted = { readonly inputTokens: number; readonly outputTokens: number };

const PARTS = {
  inputTokens: ['cachedInputTokens', 'cacheWriteTokens', 'audioInputTokens', 'imageInputTokens'],
  outputTokens: ['reasoningTokens', 'audioOutputTokens', 'imageOutputTokens'],
} as const;

/**
 * The usage to settle with: the provider's totals where it reports them, the own count otherwise. Zero for something that was
 * counted is no report. Parts never exceed their total, so that the gateway does not refuse them.
 */
export function usageToSettle(reported: ReportedUsage, counted: Counted): TokenUsage {
  const usage: TokenUsage = {};
  for (const total of ['inputTokens', 'outputTokens'] as const) {
    const all = countOf(reported[total]) ?? counted[total];
    usage[total] = all;
    let rest = all;
    for (const part of PARTS[total]) {
      const tokens = Math.min(countOf(reported[part]) ?? 0, rest);
      if (tokens > 0) usage[part] = tokens;
      rest -= tokens;
    }
  }
  return usage;
}

export const isReported = (usage: ReportedUsage): boolean =>
  countOf(usage.inputTokens) !== undefined || countOf(usage.outputTokens) !== undefined;

/** A count of at least one. */
const countOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
