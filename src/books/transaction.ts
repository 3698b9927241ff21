import type { Micros } from '../kit/money/micros.js';

/**
 * The type of an account's change, in the terms of the credit service (seed 004). Stored and used in this form; on the
 * wire that dialect uses lower case.
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

/** `EXPIRATION` is an addition: the original's credits never expired, and "manual" would be wrong. */
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

/** The canonical form of a type or reason in upper or lower case; undefined when it is unknown. */
export const readType = (text: string): TransactionType | undefined => TYPES.get(text);
export const readReason = (text: string): TransactionReason | undefined => REASONS.get(text);

/** One line of an account's statement. */
export type Transaction = {
  /** Twice the number of its entry in the account's ledger; plus one for what expired in the same entry. */
  readonly id: number;
  readonly accountId: string;
  readonly atMs: number;
  readonly type: TransactionType;
  readonly reason: TransactionReason;
  /** Negative when credits left the account. */
  readonly amount: Micros;
  /** Available credits right after it. */
  readonly balanceAfter: Micros;
  readonly description: string | null;
  /** JSON text, as the operation gave it. */
  readonly metadata: string | null;
};

/** A transaction with the running count and sums of its account, type and reason, itself included. */
export type CountedTransaction = Transaction & { readonly nth: number; readonly credited: Micros; readonly debited: Micros };

/** Totals of all transactions of one account, type and reason. */
export type TransactionTotals = {
  readonly accountId: string;
  readonly type: TransactionType;
  readonly reason: TransactionReason;
  readonly count: number;
  /** Sums of incoming and of outgoing credits, both positive. */
  readonly credited: Micros;
  readonly debited: Micros;
  readonly lastAtMs: number;
};

/** Which transactions to include; null: all. */
export type TransactionFilter = { readonly type: TransactionType | null; readonly reason: TransactionReason | null };
