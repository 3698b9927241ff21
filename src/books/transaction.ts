import type { Micros } from '../kit/money/micros.js';

/**
 * What a change of an account was, in the words of the credit service (seed 004). Stored and used in this one form;
 * the wire of that dialect is lower case.
 */
export const TransactionType = {
  PURCHASE: 'PURCHASE',
  USAGE: 'USAGE',
  REFUND: 'REFUND',
  BONUS: 'BONUS',
  SUBSCRIPTION: 'SUBSCRIPTION',
  REFILL: 'REFILL',
  ADJUSTMENT: 'ADJUSTMENT',
} as const;
export type TransactionType = (typeof TransactionType)[keyof typeof TransactionType];

/** `EXPIRATION` is ours: the original's credits never ended, and "manual" would not be true. */
export const TransactionReason = {
  AI_CHAT: 'AI_CHAT',
  MODEL_USAGE: 'MODEL_USAGE',
  VOICE_SYNTHESIS: 'VOICE_SYNTHESIS',
  PODCAST_GENERATION: 'PODCAST_GENERATION',
  MANUAL_ADJUSTMENT: 'MANUAL_ADJUSTMENT',
  SUBSCRIPTION_REFILL: 'SUBSCRIPTION_REFILL',
  WELCOME_BONUS: 'WELCOME_BONUS',
  REFERRAL_BONUS: 'REFERRAL_BONUS',
  EXPIRATION: 'EXPIRATION',
} as const;
export type TransactionReason = (typeof TransactionReason)[keyof typeof TransactionReason];

export const TRANSACTION_TYPES: readonly TransactionType[] = Object.values(TransactionType);
export const TRANSACTION_REASONS: readonly TransactionReason[] = Object.values(TransactionReason);

/** Each word in its two spellings: upper case in code, lower case on the wire. */
const bothCases = <Word extends string>(words: readonly Word[]): ReadonlyMap<string, Word> =>
  new Map(words.flatMap((word) => [[word, word], [word.toLowerCase(), word]] as const));
const TYPES = bothCases(TRANSACTION_TYPES);
const REASONS = bothCases(TRANSACTION_REASONS);

/** The canonical form of a type or reason in upper or lower case; undefined when there is no such one. */
export const readType = (text: string): TransactionType | undefined => TYPES.get(text);
export const readReason = (text: string): TransactionReason | undefined => REASONS.get(text);

/** One line of an account's statement. */
export type Transaction = {
  /** Twice the number of its entry in the account's ledger, and one more for what expired in the same entry. */
  readonly id: number;
  readonly accountId: string;
  readonly atMs: number;
  readonly type: TransactionType;
  readonly reason: TransactionReason;
  /** Negative when credits went. */
  readonly amount: Micros;
  /** What could be spent right after it. */
  readonly balanceAfter: Micros;
  readonly description: string | null;
  /** JSON text, as its operation gave it. */
  readonly metadata: string | null;
};

/** A transaction with how many of its account, type and reason there are up to it, and what they come to. */
export type CountedTransaction = Transaction & { readonly nth: number; readonly credited: Micros; readonly debited: Micros };

/** All transactions of one account, type and reason. */
export type TransactionTotals = {
  readonly accountId: string;
  readonly type: TransactionType;
  readonly reason: TransactionReason;
  readonly count: number;
  /** Sums of what came and of what went, both positive. */
  readonly credited: Micros;
  readonly debited: Micros;
  readonly lastAtMs: number;
};

/** What kinds of transactions are looked at; null: all. */
export type TransactionFilter = { readonly type: TransactionType | null; readonly reason: TransactionReason | null };

/** What an operation says about the transactions it makes: the `transaction` of its `about`. */
export type TransactionFacts = {
  readonly type: TransactionType;
  readonly reason: TransactionReason;
  readonly description: string | null;
  readonly metadata: string | null;
};

/** The `about` of an operation that says what it is. Metadata is an object of the caller's, already checked. */
export function writeTransactionAbout(
  { type, reason, description, metadata }: Omit<TransactionFacts, 'metadata'> & {
    readonly metadata: Readonly<Record<string, unknown>> | null;
  },
  others: Readonly<Record<string, unknown>>,
): string {
  return JSON.stringify({ ...others, transaction: { type, reason, description, metadata } });
}
