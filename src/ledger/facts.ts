import { micros, type Micros } from '../kit/money/micros.js';
import { legacyType } from './legacy-facts.js';
import { readSpending, type SpendingFact } from './spending-fact.js';

/**
 * What an entry tells beyond money: JSON text, the `about` of an entry, of a hold and of a hold's end. Only this file
 * writes that text and reads it, but for list-facts.ts, which shows it; `type` says which facts it has. The type is the last
 * member, because the version before, which may run beside this one, tells holds and deductions by the first.
 */
export type WrittenFacts =
  /** The place of a stream's hold: what it is expected to use. */
  | ({ readonly type: 'stream'; readonly modelId: string; readonly estimatedTokens: number; readonly estimate: Micros } & WrittenPricing)
  | ({ readonly type: 'stream_end'; readonly end: StreamEnd; readonly tokens: number; readonly usage: WrittenUsage } & WrittenPricing)
  /** The place of a process' hold. `process` is how it came about. */
  | {
    readonly type: 'process'; readonly process: string; readonly usageKey?: string;
    readonly featureEndpointId: string; readonly feature: string;
  }
  /** `prices`: of each model, the price that the end was computed with, by name. */
  | { readonly type: 'process_end'; readonly process: 'end'; readonly usage: WrittenUsage; readonly prices: Prices }
  /** An operator ended what its owner did not. */
  | ({ readonly type: 'operator_end'; readonly end: 'aborted'; readonly usage?: WrittenUsage } & Change)
  /** The place of a hold of the native API: what its price was asked for, and the caller's own data. */
  | { readonly lease: LeaseFacts; readonly metadata?: object; readonly actor?: string; readonly reason?: string; readonly type: 'lease';
    readonly spending?: SpendingFact }
  /** An extension or a report of its usage so far. */
  | { readonly actor?: string; readonly reason?: string; readonly type: 'lease_step' }
  /** Its end; `reason` is a word of `LEASE_END_REASONS`, or what an operator said. */
  | {
    readonly actor?: string; readonly reason?: string; readonly usage?: WrittenUsage; readonly metadata?: object;
    readonly type: 'lease_end';
  }
  /** A charge for a use of a service. */
  | { readonly type: 'use'; readonly usage: WrittenUsage; readonly transaction?: WrittenTransaction }
  /** A charge through `/v1`. `priced`: how it came about; without it, it was charged by amount. */
  | ({
    readonly type: 'charge'; readonly feature?: string; readonly metadata?: object; readonly usage?: WrittenUsage;
    readonly priced?: readonly PricedFact[]; readonly spending?: SpendingFact;
  } & Change)
  /** A charge that a record of usage may claim later. */
  | { readonly type: 'deduction'; readonly source: 'deduction' }
  /**
   * A grant, an adjustment, a removal, a freeze, a refund. `to`, `from` and `lot`: of lots that moved to another account; `transfer`:
   * by which transfer. `of`: what a refund is of.
   */
  | ({
    readonly type: 'change'; readonly to?: string; readonly from?: string; readonly lot?: string; readonly of?: string;
    readonly transfer?: number; readonly transaction?: WrittenTransaction; readonly metadata?: object;
  } & Change);

/** The entry of a price book that priced the model and the rule that led to it, where it is not the model's own. */
type WrittenPricing = { readonly pricedBy?: { readonly model: string; readonly rule: string } };

/** Where a change came from, who made it, why, and what else to say of it. */
type Change = { readonly source: string; readonly actor: string; readonly reason?: string; readonly notes?: string | null };

/** The model is '' for a hold of an amount. `usage` has the input that the hold was placed for. */
export type LeaseFacts = {
  readonly model: string; readonly usage?: Readonly<Record<string, number | undefined>>; readonly serviceTier?: string;
};

export const LEASE_END_REASONS = ['completed', 'client_disconnect', 'user_stop', 'provider_error', 'timeout', 'cut_off'] as const;
export type LeaseEndReason = (typeof LEASE_END_REASONS)[number];

/** The usage of one model that was priced by its classes of tokens. `price`: the name by which its book finds the price again. */
export type PricedFact = {
  readonly model: string;
  readonly usage: Readonly<Record<string, number>>;
  readonly serviceTier: string;
  readonly price: string;
  readonly amount: Micros;
};

export type StreamEnd = 'completed' | 'failed' | 'aborted';
type Prices = Readonly<Record<string, string>>;

/** `credits` absent: what the entry captured. */
type WrittenUsage = { readonly service: string; readonly operation: string; readonly metadata: object; readonly credits?: Micros };
/** A line of a statement in the words of its dialect, which only the projection of transactions reads. */
type WrittenTransaction = {
  readonly type: string; readonly reason: string; readonly description: string | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
};

/** What any entry may tell, whatever its type; null where it does not. */
export type CommonFacts = {
  readonly source: string | null;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly notes: string | null;
  readonly usage: UsageFacts | null;
  readonly transaction: TransactionFacts | null;
  readonly deduction: EntryFact | null;
  readonly refusal: EntryFact | null;
  /** How its amount came about, where it was priced by classes of tokens. */
  readonly priced: readonly PricedFact[];
  readonly spending: SpendingFact;
  /** What it counted against limits of the account. */
  readonly limits: readonly LimitFact[];
};

/**
 * What the scripts tell of one window of a limit (lua/includes/limits.lua): `credits` counted in it, less than 0 when they
 * were given back, and `open` holds more that count in it.
 */
export type LimitFact = {
  readonly limitId: string;
  readonly mode: 'refuse' | 'warn';
  readonly counter: number;
  /** '' unless the limit has one counter per spender. */
  readonly spender: string;
  readonly fromMs: number;
  /** When it no longer counts; null: never. */
  readonly endsAtMs: number | null;
  readonly credits: Micros;
  readonly open: number;
  /** What the limit allowed then, and since when it allows more. Of an end it is of the window of its time; null where it is not told. */
  readonly left: Micros | null;
  readonly resetsAtMs: number | null;
  /** The window reached the limit with this entry, for the first time. */
  readonly crossed: boolean;
};

/** `credits` null: what the entry captured. `metadata` is JSON text; `stated` is what it says, where that is an object. */
export type UsageFacts = {
  readonly service: string; readonly operation: string; readonly credits: Micros | null; readonly metadata: string; readonly stated: Facets;
};

/** As they were written: `type` and `reason` may be any words, or none. `metadata` is JSON text. */
export type TransactionFacts = {
  readonly type: string | null; readonly reason: string | null; readonly description: string | null; readonly metadata: string | null;
};

/** What the debit script tells of another entry: the deduction that paid for a usage, or the refusal that a charge makes up for. */
export type EntryFact = { readonly seq: number; readonly credits: Micros };

type OwnFacts =
  | { readonly type: 'stream'; readonly modelId: string; readonly estimate: Micros | null }
  | { readonly type: 'stream_end' | 'operator_end'; readonly end: StreamEnd | null }
  | { readonly type: 'process'; readonly feature: string | null }
  | { readonly type: 'process_end'; readonly prices: Prices | null }
  | { readonly type: 'lease'; readonly lease: LeaseFacts; readonly metadata: object | null }
  | { readonly type: 'lease_end'; readonly metadata: object | null }
  | { readonly type: 'use' | 'charge' | 'deduction' | 'change' | 'lease_step' }
  /** No type, or one of another version: only what any entry may tell is known. */
  | { readonly type: 'unknown' };

export type Facts = CommonFacts & OwnFacts;

const NOTHING: Facts = {
  type: 'unknown', source: null, actor: null, reason: null, notes: null, usage: null, transaction: null, deduction: null, refusal: null,
  limits: [], priced: [], spending: {},
};

/** The type comes last, also where the facts were made otherwise; mostly nothing has to be copied for it. */
export function writeFacts(facts: WrittenFacts): string {
  const text = JSON.stringify(facts);
  if (text.endsWith(`,"type":"${facts.type}"}`)) return text; // no text ends so by its content: a quote in it is escaped
  const { type, ...told } = facts;
  return JSON.stringify({ ...told, type });
}

/** A text of `writeFacts` without its type: what fingerprints are made of, so that a request keeps its own over releases. */
export const untyped = (about: string): string => about.replace(/,"type":"[a-z_]+"\}$/, '}');

/** Reads any text. One that is broken tells nothing; see `parseFacts`. */
export function readFacts(about: string): Facts {
  try {
    return parseFacts(about);
  } catch {
    return NOTHING;
  }
}

/**
 * Reads a text, of this version or of the one before. A type or a word that is not known here is no error. Throws a
 * SyntaxError or TypeError for text that is no JSON object, or whose common parts have another shape than ours: the drainer
 * then keeps the money and puts the text aside.
 */
export function parseFacts(about: string): Facts {
  if (about === '' || about === '{}') return NOTHING;
  const value: unknown = JSON.parse(about);
  if (!isRecord(value)) throw new TypeError('about is not an object');
  const common: CommonFacts = {
    source: textOrNull(value['source']),
    actor: textOrNull(value['actor']),
    reason: textOrNull(value['reason']),
    notes: textOrNull(value['notes']),
    usage: isAbsent(value['usage']) ? null : readUsage(value['usage']),
    transaction: isAbsent(value['transaction']) ? null : readTransaction(value['transaction']),
    deduction: readEntryFact(value['deduction']),
    refusal: readEntryFact(value['refusal']),
    limits: isAbsent(value['limits']) ? [] : readLimits(value['limits']),
    priced: isAbsent(value['priced']) ? [] : readPriced(value['priced']),
    spending: readSpending(value),
  };
  return { ...common, ...ownFacts(value) };
}

function ownFacts(value: Facets): OwnFacts {
  const type = typeof value['type'] === 'string' ? value['type'] : legacyType(value);
  switch (type) {
    case 'stream':
      return { type, modelId: textOrNull(value['modelId']) ?? '', estimate: isCount(value['estimate']) ? micros(value['estimate']) : null };
    case 'stream_end':
    case 'operator_end':
      return { type, end: ENDS.find((each) => each === value['end']) ?? null };
    case 'process':
      return { type, feature: textOrNull(value['feature']) };
    case 'process_end':
      return { type, prices: isRecord(value['prices']) ? value['prices'] as Prices : null };
    case 'lease':
      return { type, lease: readLease(value['lease']), metadata: isRecord(value['metadata']) ? value['metadata'] : null };
    case 'lease_end':
      return { type, metadata: isRecord(value['metadata']) ? value['metadata'] : null };
    case 'use':
    case 'charge':
    case 'deduction':
    case 'change':
    case 'lease_step':
      return { type };
    default:
      return { type: 'unknown' };
  }
}

function readLease(lease: unknown): LeaseFacts {
  if (!isRecord(lease)) return { model: '' };
  const { model, usage, serviceTier } = lease;
  return {
    model: textOrNull(model) ?? '', ...(isRecord(usage) ? { usage: usage as LeaseFacts['usage'] & object } : {}),
    ...(typeof serviceTier === 'string' ? { serviceTier } : {}),
  };
}

const ENDS = ['completed', 'failed', 'aborted'] as const;

function readUsage(usage: unknown): UsageFacts {
  if (!isRecord(usage)) throw new TypeError('about.usage is not an object');
  const { service, operation, credits, metadata } = usage;
  if (typeof service !== 'string' || typeof operation !== 'string') throw new TypeError('about.usage names no service or operation');
  if (!isAbsent(credits) && !isCount(credits)) throw new TypeError('about.usage.credits is not an amount');
  const stated = isRecord(metadata) ? metadata : {};
  return { service, operation, credits: isCount(credits) ? micros(credits) : null, metadata: JSON.stringify(metadata ?? {}), stated };
}

function readTransaction(transaction: unknown): TransactionFacts {
  if (!isRecord(transaction)) throw new TypeError('about.transaction is not an object');
  const { type, reason, description, metadata } = transaction;
  return {
    type: textOrNull(type), reason: textOrNull(reason), description: textOrNull(description),
    metadata: isAbsent(metadata) ? null : JSON.stringify(metadata),
  };
}

function readEntryFact(fact: unknown): EntryFact | null {
  if (fact === undefined) return null;
  if (!isRecord(fact) || !isCount(fact['seq']) || !isCount(fact['credits'])) throw new TypeError('about names no entry where it should');
  return { seq: fact['seq'], credits: micros(fact['credits']) };
}

function readLimits(limits: unknown): LimitFact[] {
  if (!Array.isArray(limits)) throw new TypeError('about.limits is not a list');
  return limits.map((each: unknown): LimitFact => {
    if (!isRecord(each)) throw new TypeError('about.limits does not list limits');
    const { id, mode, counter, spender, from, to, credits, open, left, resets, crossed } = each;
    if (typeof id !== 'string' || typeof spender !== 'string' || !isCount(counter) || !isCount(from) || !Number.isSafeInteger(credits)) {
      throw new TypeError('about.limits names no counter');
    }
    return {
      limitId: id, mode: mode === 'warn' ? 'warn' : 'refuse', counter, spender, fromMs: from, endsAtMs: isCount(to) ? to : null,
      credits: micros(credits as number), open: Number.isSafeInteger(open) ? open as number : 0,
      left: isCount(left) ? micros(left) : null, resetsAtMs: isCount(resets) ? resets : null, crossed: crossed === true,
    };
  });
}

function readPriced(priced: unknown): PricedFact[] {
  if (!Array.isArray(priced)) throw new TypeError('about.priced is not a list');
  return priced.map((each: unknown): PricedFact => {
    if (!isRecord(each) || !isRecord(each['usage']) || !Object.values(each['usage']).every(isCount)) {
      throw new TypeError('about.priced does not list usage');
    }
    const { model, usage, serviceTier, price, amount } = each;
    if (typeof model !== 'string' || typeof serviceTier !== 'string' || typeof price !== 'string' || !isCount(amount)) {
      throw new TypeError('about.priced names no price');
    }
    return { model, usage: usage as PricedFact['usage'], serviceTier, price, amount: micros(amount) };
  });
}

type Facets = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Facets => typeof value === 'object' && value !== null && !Array.isArray(value);
const isAbsent = (value: unknown): value is null | undefined => value === null || value === undefined;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);
