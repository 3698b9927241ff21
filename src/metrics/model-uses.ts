import type { WrittenEntry } from '../journal/write-batch.js';
import { TOKENS_MAX } from '../limits.js';
import { parsePriceName } from '../pricing/price.js';

/** What one entry says of one model. `share`: its part of what the entry captured and of what its hold held; they add up to 1. */
export type ModelUse = { readonly model: string; readonly tokens: number; readonly share: number };

type Facts = Readonly<Record<string, unknown>>;

/** Services whose operation is a model (contract §2.7). */
const MODEL_SERVICES: ReadonlySet<string> = new Set(['chat', 'chat-streaming', 'chat-streaming-aborted']);

/**
 * The models that an entry is about; none where it names none. The name of its price says it of a stream, the list of
 * models of a credits process, and of charges that services make themselves whatever they said about them.
 */
export function modelUses({ entry: { price }, facts: { usage } }: WrittenEntry): readonly ModelUse[] {
  const stated = usage === null ? {} : readFacts(usage.metadata);
  if (price !== '') return [{ model: modelOf(price), tokens: tokensOf(stated), share: 1 }];
  if (usage === null) return [];
  if (Array.isArray(stated['models'])) return shares(stated['models'].map(readItem));
  // A settlement of so many models that their list was left out (settle-process.ts).
  if (typeof stated['models'] === 'number') return [{ model: '', tokens: 0, share: 1 }];
  const model = [stated['modelId'], stated['modelName'], stated['model'], MODEL_SERVICES.has(usage.service) ? usage.operation : undefined].find(isName);
  return model === undefined ? [] : [{ model, tokens: tokensOf(stated), share: 1 }];
}

type Item = { readonly model: string; readonly tokens: number; readonly credits: number };

function readItem(value: unknown): Item {
  const item: Facts = isRecord(value) ? value : {};
  return { model: isName(item['model']) ? item['model'] : '', tokens: countOf(item['inputTokens']) + countOf(item['outputTokens']), credits: countOf(item['credits']) };
}

/** By cost, because that is how the settlement came about; evenly where all of it was free. */
function shares(items: readonly Item[]): ModelUse[] {
  const total = items.reduce((sum, { credits }) => sum + credits, 0);
  return items.map(({ model, tokens, credits }) => ({ model, tokens, share: total > 0 ? credits / total : 1 / items.length }));
}

const tokensOf = (stated: Facts): number => {
  const whole = [stated['tokens'], stated['partialTokens'], stated['tokenCount']].find((value) => value !== undefined);
  return whole === undefined ? countOf(stated['inputTokens']) + countOf(stated['outputTokens']) : countOf(whole);
};

function modelOf(price: string): string {
  try {
    return parsePriceName(price).model;
  } catch {
    return ''; // from before prices had names like ours: a model nobody knows
  }
}

/** Metadata that a caller wrote may be anything, but it is JSON: `readAbout` made it. */
function readFacts(metadata: string): Facts {
  const value: unknown = JSON.parse(metadata);
  return isRecord(value) ? value : {};
}

const isRecord = (value: unknown): value is Facts => typeof value === 'object' && value !== null && !Array.isArray(value);
const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
/** What is no count counts for nothing: a metric must neither go down nor to infinity for what somebody wrote. */
const countOf = (value: unknown): number => (typeof value === 'number' && value > 0 && value <= TOKENS_MAX ? value : 0);
