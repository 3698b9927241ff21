import Type from 'typebox';
import { TransactionType } from '../../books/transaction.js';
import type { AddCreditsCommand, AddedCredits } from '../../credits/statement/add-credits.js';
import { GatewayError } from '../../kit/errors.js';
import { NOTES_LENGTH_MAX } from '../../kit/limits.js';
import { allow } from '../auth/allow.js';
import { ambiguous, type ResolveAccount } from '../http/account-target.js';
import { Credits, readPositiveAmount } from '../http/amount.js';
import { idempotencyKey, IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';
import { reply } from '../http/json.js';
import { assertStorable, type Metadata } from '../http/metadata.js';
import { readWord } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { accountNameText, bodyOf, storedText } from '../http/schema.js';
import { PREFIXES } from './prefixes.js';
import { presentTransaction, REASON_SPELLINGS, TransactionReply, TYPE_SPELLINGS } from './transaction-fields.js';

/** Adds credits that never expire; `addCredits` with its deps. */
export type AddCredits = (command: AddCreditsCommand) => Promise<AddedCredits>;

export type AddDeps = { readonly addCredits: AddCredits; readonly resolveAccount: ResolveAccount };

const INVALID = 'Failed to add credits';
const INVALID_AMOUNT = 'Invalid amount';
/** Long enough for every word; which words there are is said when it is none of them. */
const WORD_LENGTH_MAX = 64;
const Word = (example: string) =>
  Type.Optional(Type.String({ maxLength: WORD_LENGTH_MAX, default: example, description: 'in lower or upper case' }));
/** Without USAGE, which removes credits: use the operation for using credits. */
const ADDING = new Map([...TYPE_SPELLINGS].flatMap(([text, type]) => (type === TransactionType.USAGE ? [] : [[text, type] as const])));

const body = bodyOf(Type.Object({
  amount: Type.Optional(Credits()),
  transactionType: Word('purchase'),
  reason: Word('manual_adjustment'),
  description: Type.Optional(Type.Union([storedText(0, NOTES_LENGTH_MAX), Type.Null()])),
  metadata: Type.Optional(Type.Unsafe<Metadata | null>({ type: ['object', 'null'] })),
  userId: Type.Optional(Type.Union([accountNameText(), Type.Null()])),
}), INVALID);

const Pending = Type.Object({ status: Type.Literal('pending'), id: Type.Integer(), userId: Type.String(), message: Type.String() });

/** Adds credits to an account, the caller's own unless told otherwise. For administrators: the original forgot to ask (P1). */
export function addRoutes(add: AddRoute, { addCredits, resolveAccount }: AddDeps): void {
  for (const prefix of PREFIXES) {
    add('POST', `${prefix}/add`, allow('admin', 'supervisor'), {
      summary: 'Give an account credits that never expire', headers: IdempotencyKeyHeader, body,
      replies: { 200: TransactionReply, 202: Pending }, replays: true,
      errors: ['conflict', 'limit_exceeded', 'account_frozen', 'idempotency_mismatch', 'ledger_unavailable'],
    }, async (ctx, { principal, body: request }) => {
      const actor = principal.accountId;
      const { transactionType, reason, metadata = null, description = null } = request;
      if (request.amount === undefined) {
        throw new GatewayError('invalid_request', INVALID_AMOUNT, { sources: [{ path: 'body.amount', message: 'is missing' }] });
      }
      const amount = readPositiveAmount(request.amount, { path: 'body.amount', message: INVALID_AMOUNT });
      if (transactionType === undefined || reason === undefined || transactionType === '' || reason === '') {
        throw withoutWords({ transactionType, reason });
      }
      const type = readWord(transactionType, 'body.transactionType', 'transactionType', ADDING);
      const canonical = readWord(reason, 'body.reason', 'reason', REASON_SPELLINGS);
      if (metadata !== null) assertStorable(metadata, INVALID);
      const accountId = request.userId === undefined || request.userId === null ? actor : await userOf(resolveAccount, request.userId);
      const added = await addCredits({
        accountId, amount, type, reason: canonical, description, metadata, actor, key: idempotencyKey(ctx, principal),
      });
      if (added.status === 'pending') {
        reply(ctx, 202, {
          status: 'pending', id: added.intentId, userId: accountId, message: 'Credits are recorded and will be shown shortly',
        });
        return;
      }
      markReplayed(ctx, added.replayed);
      reply(ctx, 200, presentTransaction(added.transaction));
    });
  }
}

const withoutWords = (words: { readonly transactionType: string | undefined; readonly reason: string | undefined }): GatewayError =>
  new GatewayError('invalid_request', 'Transaction type and reason are required', {
    sources: Object.entries(words).filter(([, word]) => word === undefined || word === '')
      .map(([name]) => ({ path: `body.${name}`, message: 'is missing' })),
  });

async function userOf(resolveAccount: ResolveAccount, text: string): Promise<string> {
  const found = await resolveAccount(text);
  if (found === 'ambiguous') throw ambiguous(text, 'body.userId');
  if (found === null) {
    throw new GatewayError('invalid_request', 'User not found', { sources: [{ path: 'body.userId', message: 'is not a known user' }] });
  }
  return found.accountId;
}
