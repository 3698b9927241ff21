import type { CallerKey } from '../../kit/caller.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { chargeKey } from '../../ledger/charge-key.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Ledger } from '../../ledger/ledger.js';
import { chargeRefusal } from './charge-refusal.js';

export type DeductCreditsDeps = { readonly ledger: Pick<Ledger, 'charge'> };

export type DeductCreditsCommand = {
  readonly accountId: string;
  readonly amount: Micros;
  /** The caller's name for this deduction, or null: then each call deducts once more. */
  readonly key: CallerKey | null;
};

export type DeductedCredits = { readonly available: Micros; readonly replayed: boolean };

/**
 * Charges an account without a usage record, all or nothing, from the lots that expire first.
 *
 * @throws GatewayError insufficient_credits (nothing was taken), idempotency_mismatch, account_frozen,
 *   ledger_unavailable.
 */
export async function deductCredits(
  { ledger }: DeductCreditsDeps, { accountId, amount, key }: DeductCreditsCommand,
): Promise<DeductedCredits> {
  const reply = await ledger.charge({
    accountId, amount,
    key: chargeKey('deduct', key),
    fingerprint: fingerprint('deduct', amount),
    price: '',
    about: writeFacts({ type: 'deduction', source: 'deduction' }),
    purpose: 'deduction',
  });
  if (reply.status !== 'charged') throw chargeRefusal(reply, amount);
  return { available: reply.available, replayed: reply.replayed };
}
