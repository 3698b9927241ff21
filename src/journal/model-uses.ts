import type { HoldState } from '../books/hold.table.js';
import { TOKENS_MAX } from '../kit/limits.js';
import { micros, MICROS_PER_CREDIT, ZERO, type Micros } from '../kit/money/micros.js';
import { splitMicros } from '../kit/money/split-micros.js';
import type { EntryKind, JournalEntry } from '../ledger/entry.js';
import type { CommonFacts } from '../ledger/facts.js';
import { parsePriceName } from '../ledger/price-name.js';

/** The use of one model according to one entry. Amounts of all its models add up to the entry's. */
export type ModelUse = {
  readonly model: string;
  /** 1 for a paid use of the model. A voided or expired hold does not count. */
  readonly messages: 0 | 1;
  readonly tokens: number;
  /** 0 where only `tokens` were told. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Credits of the hold that this entry ends. */
  readonly held: Micros;
  /** Below zero where it gives back. */
  readonly captured: Micros;
};

export type UsingEntry = {
  readonly entry: JournalEntry;
  readonly facts: CommonFacts;
  /** Of a `correct` entry: the end that it corrects, and what that said. */
  readonly corrected?: CorrectedEnd | null;
};

/** `state`: of the hold before the correction. */
export type CorrectedEnd = { readonly state: HoldState; readonly facts: CommonFacts };

type Stated = Readonly<Record<string, unknown>>;
type Tokens = Pick<ModelUse, 'tokens' | 'inputTokens' | 'outputTokens'>;
type Said = Tokens & { readonly model: string; readonly credits: number };

/** Kinds of entries that end a hold or need none: only then the cost of a model is known. */
const TELLING: Partial<Readonly<Record<EntryKind, ModelUse['messages']>>> = {
  settle: 1, late_settle: 1, charge: 1, attribute: 1, void: 0, expire_hold: 0, correct: 1, give_back: 1,
};

/** Services whose operation is a model (docs/contracts/accounting-service.md#usage). */
const MODEL_SERVICES: ReadonlySet<string> = new Set(['chat', 'chat-streaming', 'chat-streaming-aborted']);

/**
 * The models of an entry; none where it names none. Amounts are whole micros and add up to the entry's, so that they can
 * be booked. For a correction only what it adds to the end that it corrects. Never throws for the content of an entry.
 */
export function modelUses({ entry, facts: { usage, deduction }, corrected = null }: UsingEntry): readonly ModelUse[] {
  // A message counts when its hold is settled; the correction of that settlement is not another message.
  const messages = corrected?.state === 'settled' ? 0 : TELLING[entry.kind];
  if (messages === undefined) return [];
  const said = corrected === null ? modelsOf(
    entry.price, usage,
  ) : beyond(modelsOf(entry.price, corrected.facts.usage), modelsOf(entry.price, usage));
  // A deduction names no model; the usage record that claims it reports its credits.
  const captured = deduction?.credits ?? entry.captured;
  const held = entry.held < 0 ? micros(0 - entry.held) : ZERO;
  // Almost every entry has one model.
  if (said.length === 1) return said.map((each) => useOf(each, messages, held, captured));
  // Split by cost, as a settlement of several models is computed; evenly where all of it was free.
  const weights = said.map(({ credits }) => Math.round(credits * MICROS_PER_CREDIT));
  const [helds, captureds] = [splitMicros(held, weights), splitSigned(captured, weights)];
  return said.map((each, index) => useOf(each, messages, helds[index] ?? ZERO, captureds[index] ?? ZERO));
}

const useOf = (
  { model, tokens, inputTokens, outputTokens }: Said, messages: ModelUse['messages'], held: Micros, captured: Micros,
): ModelUse => ({ model, messages, tokens, inputTokens, outputTokens, held, captured });

function splitSigned(amount: Micros, weights: readonly number[]): Micros[] {
  return amount >= 0 ? splitMicros(amount, weights) : splitMicros(micros(0 - amount), weights).map((part) => micros(0 - part));
}

/**
 * The models of an entry: for a stream from the name of its price, for a credits process from its list of models, and for
 * charges of services from their metadata. '' for a model without a name.
 */
function modelsOf(price: string, usage: CommonFacts['usage']): readonly Said[] {
  const stated = usage === null ? {} : usage.stated;
  if (price !== '') return [saidOf(modelOf(price), tokensOf(stated))];
  if (usage === null) return [];
  if (Array.isArray(stated['models'])) return stated['models'].map(readItem);
  // A settlement of so many models that settle-process.ts left out their list.
  if (typeof stated['models'] === 'number') return [{ model: '', ...NO_TOKENS, credits: 0 }];
  const model = [
    stated['modelId'], stated['modelName'], stated['model'], MODEL_SERVICES.has(usage.service) ? usage.operation : undefined,
  ].find(isName);
  return model === undefined ? [] : [saidOf(model, tokensOf(stated))];
}

const saidOf = (model: string, { tokens, inputTokens, outputTokens }: Tokens): Said =>
  ({ model, tokens, inputTokens, outputTokens, credits: 0 });

/** What the second list adds to each model of the first. */
function beyond(earlier: readonly Said[], now: readonly Said[]): Said[] {
  const counted = new Map(earlier.map((each) => [each.model, each]));
  return now.map(({ model, ...said }) => {
    const before = counted.get(model);
    counted.delete(model);
    const more = (name: keyof typeof said): number => Math.max(0, said[name] - (before?.[name] ?? 0));
    return {
      model, tokens: more('tokens'), inputTokens: more('inputTokens'), outputTokens: more('outputTokens'), credits: more('credits'),
    };
  });
}

function readItem(value: unknown): Said {
  const item: Stated = isRecord(value) ? value : {};
  return {
    model: isName(item['model']) ? item['model'] : '', ...inAndOut(item), credits: boundedOf(item['credits']),
  };
}

const NO_TOKENS: Tokens = { tokens: 0, inputTokens: 0, outputTokens: 0 };

function inAndOut(stated: Stated): Tokens {
  const [inputTokens, outputTokens] = [countOf(stated['inputTokens']), countOf(stated['outputTokens'])];
  return { tokens: inputTokens + outputTokens, inputTokens, outputTokens };
}

function tokensOf(stated: Stated): Tokens {
  const { tokens, inputTokens, outputTokens } = inAndOut(stated);
  const whole = [stated['tokens'], stated['partialTokens'], stated['tokenCount']].find((value) => value !== undefined);
  return { tokens: whole === undefined ? tokens : countOf(whole), inputTokens, outputTokens };
}

function modelOf(price: string): string {
  try {
    return parsePriceName(price).model;
  } catch {
    return ''; // a price from before prices had structured names: an unknown model
  }
}

const isRecord = (value: unknown): value is Stated => typeof value === 'object' && value !== null && !Array.isArray(value);
const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
/** Invalid counts are 0: a caller's metadata must neither decrease a sum nor make it infinite. */
const boundedOf = (value: unknown): number => (typeof value === 'number' && value > 0 && value <= TOKENS_MAX ? value : 0);
/** Rounded to an integer for the books. */
const countOf = (value: unknown): number => Math.round(boundedOf(value));
