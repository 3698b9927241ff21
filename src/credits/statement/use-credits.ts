import { TransactionType, type Transaction, type TransactionReason } from '../../books/transaction.js';
import type { CallerKey } from '../../kit/caller.js';
import { fingerprint } from '../../kit/ids.js';
import { micros, type Micros } from '../../kit/money/micros.js';
import { chargeKey } from '../../ledger/charge-key.js';
import { untyped, writeFacts } from '../../ledger/facts.js';
import type { Ledger } from '../../ledger/ledger.js';
import { chargeRefusal } from '../charges/charge-refusal.js';

export type UseCreditsDeps = { readonly ledger: Pick<Ledger, 'charge'> };

export type UseCreditsCommand = {
  readonly accountId: string;
  /** Above zero. */
  readonly amount: Micros;
  readonly reason: TransactionReason;
  readonly description: string | null;
  /** Checked: small, and storable. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Names the price the amount was computed with; '' when the caller did not say. */
  readonly price: string;
  /** The caller's name for this use, or null: then each call uses credits once more. */
  readonly key: CallerKey | null;
};

export type UsedCredits = { readonly transaction: Transaction; readonly replayed: boolean };

/**
 * Charges an account for a use, all or nothing, and leaves a usage record and a transaction behind.
 *
 * @throws GatewayError insufficient_credits (nothing was taken), idempotency_mismatch, account_frozen,
 *   ledger_unavailable.
 */
export async function useCredits({ ledger }: UseCreditsDeps, command: UseCreditsCommand): Promise<UsedCredits> {
  const { accountId, amount, reason, description, metadata, price, key } = command;
  const modelName = metadata?.['modelName'];
  const usage = { service: reason.toLowerCase(), operation: typeof modelName === 'string' ? modelName : '', metadata: metadata ?? {} };
  // The usage has the metadata; what is said once is stored once in the journal.
  const about = writeFacts({ type: 'use', usage, transaction: { type: TransactionType.USAGE, reason, description } });
  const reply = await ledger.charge({
    accountId, amount, price, about,
    key: chargeKey('use', key),
    fingerprint: fingerprint('use', amount, untyped(about)),
    spending: { model: usage.operation, feature: usage.service },
  });
  if (reply.status !== 'charged') throw chargeRefusal(reply, amount);
  const { seq, atMs, available } = reply;
  const transaction: Transaction = {
    id: 2 * seq, accountId, atMs, type: TransactionType.USAGE, reason, amount: micros(0 - amount), balanceAfter: available,
    description, metadata: JSON.stringify(usage.metadata),
  };
  return { transaction, replayed: reply.replayed };
}
