import { readReason, readType, type TransactionFacts } from '../books/transaction.js';
import { micros, type Micros } from '../kit/money/micros.js';

/** What the rows beside the money need from an entry's `about`. */
export type AboutFacts = {
  readonly source: string | null;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly notes: string | null;
  readonly usage: UsageFacts | null;
  readonly transaction: TransactionFacts | null;
  readonly deduction: EntryFact | null;
  readonly refusal: EntryFact | null;
};

/** What the debit script says of another entry: the deduction that paid for a usage, or the refusal that a charge makes up for. */
export type EntryFact = { readonly seq: number; readonly credits: Micros };

/** `credits` null: what the entry captured. */
export type UsageFacts = {
  readonly service: string;
  readonly operation: string;
  readonly credits: Micros | null;
  readonly metadata: string;
};

const NOTHING: AboutFacts = {
  source: null, actor: null, reason: null, notes: null, usage: null, transaction: null, deduction: null, refusal: null,
};

/**
 * Reads the JSON that our dialects put into `about`. Throws a SyntaxError or TypeError when it is not what they write:
 * the drainer then keeps the money and puts the text aside.
 */
export function readAbout(about: string): AboutFacts {
  if (about === '' || about === '{}') return NOTHING;
  const value: unknown = JSON.parse(about);
  if (!isRecord(value)) throw new TypeError('about is not an object');
  return {
    source: textOrNull(value['source']),
    actor: textOrNull(value['actor']),
    reason: textOrNull(value['reason']),
    notes: textOrNull(value['notes']),
    usage: value['usage'] === undefined || value['usage'] === null ? null : readUsage(value['usage']),
    transaction: value['transaction'] === undefined || value['transaction'] === null ? null : readTransaction(value['transaction']),
    deduction: readFact(value['deduction']),
    refusal: readFact(value['refusal']),
  };
}

function readUsage(usage: unknown): UsageFacts {
  if (!isRecord(usage)) throw new TypeError('about.usage is not an object');
  const { service, operation, credits, metadata } = usage;
  if (typeof service !== 'string' || typeof operation !== 'string') throw new TypeError('about.usage names no service or operation');
  if (credits !== undefined && credits !== null && !(Number.isSafeInteger(credits) && (credits as number) >= 0)) {
    throw new TypeError('about.usage.credits is not an amount');
  }
  return {
    service,
    operation,
    credits: typeof credits === 'number' ? micros(credits) : null,
    metadata: JSON.stringify(metadata ?? {}),
  };
}

function readTransaction(transaction: unknown): TransactionFacts {
  if (!isRecord(transaction)) throw new TypeError('about.transaction is not an object');
  const { type, reason, description, metadata } = transaction;
  const knownType = typeof type === 'string' ? readType(type) : undefined;
  const knownReason = typeof reason === 'string' ? readReason(reason) : undefined;
  if (knownType === undefined || knownReason === undefined) throw new TypeError('about.transaction has no known type and reason');
  return {
    type: knownType,
    reason: knownReason,
    description: textOrNull(description),
    metadata: metadata === undefined || metadata === null ? null : JSON.stringify(metadata),
  };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readFact(fact: unknown): EntryFact | null {
  if (fact === undefined) return null;
  if (!isRecord(fact) || !isCount(fact['seq']) || !isCount(fact['credits'])) throw new TypeError('about names no entry where it should');
  return { seq: fact['seq'], credits: micros(fact['credits']) };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);
