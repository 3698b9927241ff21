import type { HoldState } from '../books/hold.table.js';
import { TOKENS_MAX } from '../kit/limits.js';
import { micros, MICROS_PER_CREDIT, ZERO, type Micros } from '../kit/money/micros.js';
import { splitMicros } from '../kit/money/split-micros.js';
import type { EntryKind, JournalEntry } from '../ledger/entry.js';
import { parsePriceName } from '../ledger/price-name.js';
import type { AboutFacts } from './about.js';

/** What one entry says of one model. What all of its models held and captured is what the entry ended and captured. */
export type ModelUse = {
  readonly model: string;
  /** 1 where somebody used the model and paid for it. Whoever voids a hold, or lets it expire, has not said so. */
  readonly messages: 0 | 1;
  readonly tokens: number;
  /** Of the hold that this entry ends. */
  readonly held: Micros;
  readonly captured: Micros;
};

export type UsingEntry = {
  readonly entry: JournalEntry;
  readonly facts: AboutFacts;
  /** Of a `correct` entry: the end that it corrects, and what that said. */
  readonly corrected?: CorrectedEnd | null;
};

/** `state`: of the hold before the correction. */
export type CorrectedEnd = { readonly state: HoldState; readonly facts: AboutFacts };

type Facts = Readonly<Record<string, unknown>>;
type Said = { readonly model: string; readonly tokens: number; readonly credits: number };

/** Entries that end a hold or need none: by then it is known what a model cost. */
const TELLING: Partial<Readonly<Record<EntryKind, ModelUse['messages']>>> = {
  settle: 1, late_settle: 1, charge: 1, attribute: 1, void: 0, expire_hold: 0, correct: 1,
};

/** Services whose operation is a model (contract §2.7). */
const MODEL_SERVICES: ReadonlySet<string> = new Set(['chat', 'chat-streaming', 'chat-streaming-aborted']);

/**
 * The models that an entry is about; none where it names none. Amounts are whole micros and add up to the entry's, so
 * that books can be kept of them. Of a correction only what it adds to the end that it corrects. Never throws for what an
 * entry says.
 */
export function modelUses({ entry, facts: { usage, deduction }, corrected = null }: UsingEntry): readonly ModelUse[] {
  // A message that was counted when its hold was settled is not another one when that is corrected.
  const messages = corrected?.state === 'settled' ? 0 : TELLING[entry.kind];
  if (messages === undefined) return [];
  const said = corrected === null ? modelsOf(
    entry.price, usage,
  ) : beyond(modelsOf(entry.price, corrected.facts.usage), modelsOf(entry.price, usage));
  // A deduction names no model; what it took is told by the usage that claims it.
  const captured = deduction?.credits ?? entry.captured;
  const held = entry.held < 0 ? micros(0 - entry.held) : ZERO;
  // Nearly every entry is about one model.
  if (said.length === 1) return said.map(({ model, tokens }) => ({ model, messages, tokens, held, captured }));
  // By cost, because that is how a settlement of several came about; evenly where all of it was free.
  const weights = said.map(({ credits }) => Math.round(credits * MICROS_PER_CREDIT));
  const [helds, captureds] = [splitMicros(held, weights), splitMicros(captured, weights)];
  return said.map(({ model, tokens }, index) => ({
    model, messages, tokens, held: helds[index] ?? ZERO, captured: captureds[index] ?? ZERO,
  }));
}

/**
 * The name of its price says it of a stream, the list of models of a credits process, and of charges that services make
 * themselves whatever they said about them. '' for a model that has no name.
 */
function modelsOf(price: string, usage: AboutFacts['usage']): readonly Said[] {
  const stated = usage === null ? {} : readFacts(usage.metadata);
  if (price !== '') return [{ model: modelOf(price), tokens: tokensOf(stated), credits: 0 }];
  if (usage === null) return [];
  if (Array.isArray(stated['models'])) return stated['models'].map(readItem);
  // A settlement of so many models that their list was left out (settle-process.ts).
  if (typeof stated['models'] === 'number') return [{ model: '', tokens: 0, credits: 0 }];
  const model = [
    stated['modelId'], stated['modelName'], stated['model'], MODEL_SERVICES.has(usage.service) ? usage.operation : undefined,
  ].find(isName);
  return model === undefined ? [] : [{ model, tokens: tokensOf(stated), credits: 0 }];
}

/** What the second list says more of each model than the first. */
function beyond(earlier: readonly Said[], now: readonly Said[]): Said[] {
  const counted = new Map(earlier.map((each) => [each.model, each]));
  return now.map(({ model, tokens, credits }) => {
    const before = counted.get(model);
    counted.delete(model);
    return { model, tokens: Math.max(0, tokens - (before?.tokens ?? 0)), credits: Math.max(0, credits - (before?.credits ?? 0)) };
  });
}

function readItem(value: unknown): Said {
  const item: Facts = isRecord(value) ? value : {};
  return {
    model: isName(item['model']) ? item['model'] : '', tokens: countOf(item['inputTokens']) + countOf(item['outputTokens']),
    credits: boundedOf(item['credits']),
  };
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
/** What is no count counts for nothing: a sum must neither go down nor to infinity for what somebody wrote. */
const boundedOf = (value: unknown): number => (typeof value === 'number' && value > 0 && value <= TOKENS_MAX ? value : 0);
/** Whole, as the books take them. */
const countOf = (value: unknown): number => Math.round(boundedOf(value));
