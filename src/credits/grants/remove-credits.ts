import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { untyped } from '../../ledger/facts.js';
import type { MoneyIn } from './money-in.js';
import { changed, idempotencyOf, type ChangedCredits, type MoneyRequest } from './money-request.js';

export type RemoveCreditsDeps = { readonly moneyIn: Pick<MoneyIn, 'remove'> };
export type RemoveCreditsCommand = MoneyRequest & { readonly amount: Micros };

/**
 * Removes credits from the lots that expire first, or nothing when too few are available.
 *
 * @throws GatewayError account_frozen, idempotency_mismatch, ledger_unavailable (Postgres is down; nothing happened).
 */
export async function removeCredits({ moneyIn }: RemoveCreditsDeps, command: RemoveCreditsCommand): Promise<ChangedCredits> {
  const { accountId, target, amount, key, about } = command;
  return changed(await moneyIn.remove({
    accountId, amount, about,
    idempotency: idempotencyOf('remove', key),
    fingerprint: fingerprint('remove', target, amount, untyped(about)),
  }));
}
