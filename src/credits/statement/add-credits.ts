import { readEntry } from '../../books/entry.table.js';
import { readIntent } from '../../books/money-in.table.js';
import type { Transaction, TransactionReason, TransactionType } from '../../books/transaction.js';
import type { Freshen } from '../../journal/freshen.js';
import { transactionsOf } from '../../journal/transactions-of.js';
import type { CallerKey } from '../../kit/caller.js';
import { GatewayError } from '../../kit/errors.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { readFacts, untyped, writeFacts } from '../../ledger/facts.js';
import type { Db } from '../../stores/postgres/connect.js';
import { isRetryable } from '../../stores/postgres/errors.js';
import type { MoneyIn } from '../grants/money-in.js';
import { idempotencyOf, refusalOf } from '../grants/money-request.js';

export type AddCreditsDeps = { readonly moneyIn: Pick<MoneyIn, 'grant'>; readonly db: Db; readonly freshen: Pick<Freshen, 'account'> };

export type AddCreditsCommand = {
  readonly accountId: string;
  /** Above zero. */
  readonly amount: Micros;
  readonly type: Exclude<TransactionType, 'USAGE'>;
  readonly reason: TransactionReason;
  readonly description: string | null;
  /** Checked: small, and storable. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** The caller's name for this request; null: every request adds once more. */
  readonly key: CallerKey | null;
  readonly actor: string;
};

/** `pending`: recorded for good; it will be in the balance, or in the statement, as soon as Redis or Postgres can. */
export type AddedCredits =
  | { readonly status: 'added'; readonly transaction: Transaction; readonly replayed: boolean }
  | { readonly status: 'pending'; readonly intentId: number };

/**
 * Gives an account credits that never expire, in Postgres before it is acknowledged (I6), and answers with the line
 * that they made in its statement.
 *
 * @throws GatewayError limit_exceeded, account_frozen, idempotency_mismatch, ledger_unavailable (nothing happened).
 */
export async function addCredits(deps: AddCreditsDeps, command: AddCreditsCommand): Promise<AddedCredits> {
  const { accountId, amount, type, reason, description, metadata, key, actor } = command;
  const about = writeFacts({
    type: 'change', source: type.toLowerCase(), actor, reason: reason.toLowerCase(), notes: description,
    transaction: { type, reason, description, metadata },
  });
  const result = await deps.moneyIn.grant({
    accountId, amount, expiresAtMs: null, about, idempotency: idempotencyOf('add', key),
    fingerprint: fingerprint('add', accountId, amount, untyped(about)),
  });
  if (result.status === 'refused') throw refusalOf(result.reason);
  if (result.status === 'pending') return { status: 'pending', intentId: result.intentId };
  const transaction = await lineOf(deps, accountId, result.intentId);
  if (transaction === null) return { status: 'pending', intentId: result.intentId };
  return { status: 'added', transaction, replayed: result.replayed };
}

/** The line of an intent that Redis has applied, as soon as its entry is in Postgres; null when that cannot be now. */
async function lineOf({ db, freshen }: AddCreditsDeps, accountId: string, intentId: number): Promise<Transaction | null> {
  try {
    await freshen.account(accountId);
    const seq = (await readIntent(db, intentId))?.appliedSeq ?? null;
    const entry = seq === null ? null : await readEntry(db, accountId, seq);
    if (entry === null) return null;
    return transactionsOf(accountId, entry, readFacts(entry.about))[0] ?? null;
  } catch (error) {
    // The credits are there. A failure now would make the caller try again, and add them twice if it gave no key.
    if (error instanceof GatewayError || isRetryable(error)) return null;
    throw error;
  }
}
