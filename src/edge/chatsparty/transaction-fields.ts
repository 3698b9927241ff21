import Type from 'typebox';
import {
  TRANSACTION_REASONS, TRANSACTION_TYPES, type Transaction, type TransactionReason, type TransactionType,
} from '../../books/transaction.js';
import { toCredits } from '../../kit/money/credits.js';
import { CreditsReply } from '../http/amount.js';

/** The spellings of a type and of a reason: lower case on the wire, upper case in the original's code. */
const spellingsOf = <Word extends string>(words: readonly Word[]): ReadonlyMap<string, Word> =>
  new Map([...words.map((word) => [word.toLowerCase(), word] as const), ...words.map((word) => [word, word] as const)]);

export const TYPE_SPELLINGS: ReadonlyMap<string, TransactionType> = spellingsOf(TRANSACTION_TYPES);
export const REASON_SPELLINGS: ReadonlyMap<string, TransactionReason> = spellingsOf(TRANSACTION_REASONS);

const NullableText = () => Type.Union([Type.String(), Type.Null()]);

/** A transaction with the keys of both generations of callers (docs/contracts/README.md#c-03). */
export const TransactionReply = Type.Object({
  id: Type.String(), userId: Type.String(), amount: CreditsReply(), transactionType: Type.String(), reason: Type.String(),
  description: NullableText(), transactionMetadata: Type.Unknown(), balanceAfter: CreditsReply(), createdAt: Type.String(),
  user_id: Type.String(), transaction_type: Type.String(), metadata: Type.Unknown(), balance_after: CreditsReply(),
  created_at: Type.String(),
});

export function presentTransaction(
  { id, accountId, amount, type, reason, description, metadata, balanceAfter, atMs }: Transaction,
): object {
  const transactionType = type.toLowerCase();
  const transactionMetadata = metadata === null ? null : JSON.parse(metadata) as unknown;
  const createdAt = new Date(atMs).toISOString();
  return {
    id: String(id),
    userId: accountId,
    amount: toCredits(amount),
    transactionType,
    reason: reason.toLowerCase(),
    description,
    transactionMetadata,
    balanceAfter: toCredits(balanceAfter),
    createdAt,
    user_id: accountId,
    transaction_type: transactionType,
    metadata: transactionMetadata,
    balance_after: toCredits(balanceAfter),
    created_at: createdAt,
  };
}
