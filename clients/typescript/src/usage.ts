import type { TokenUsage } from './types.js';

type Class = keyof TokenUsage;

/** The larger of each class: a report never goes back. */
export function atLeast(usage: TokenUsage, before: TokenUsage): TokenUsage {
  const all: TokenUsage = { ...before, ...usage };
  for (const name of Object.keys(before) as Class[]) all[name] = Math.max(before[name] ?? 0, usage[name] ?? 0);
  return all;
}

/** The usage that a hold pays for: without the output beyond its last granted token. */
export const within = (usage: TokenUsage, stopAtTokens: number | null): TokenUsage =>
  (stopAtTokens === null || (usage.outputTokens ?? 0) <= stopAtTokens ? usage : { ...usage, outputTokens: stopAtTokens });
