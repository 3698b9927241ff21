import type { Clock } from '../../kit/clock.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { untyped } from '../../ledger/facts.js';
import type { MoneyIn } from './money-in.js';
import { changed, expiryOf, idempotencyOf, type ChangedCredits, type MoneyRequest } from './money-request.js';

export type SetCreditsDeps = { readonly moneyIn: Pick<MoneyIn, 'set'>; readonly clock: Clock };

export type SetCreditsCommand = MoneyRequest & {
  readonly amount: Micros;
  /** Lifetime in days of the lot that replaces all others. */
  readonly expiryDays: number;
};

/**
 * Sets the available credits of an account to `amount` in one step: all lots end, and debt is cleared. Holds are unchanged.
 *
 * @throws GatewayError limit_exceeded, account_frozen, idempotency_mismatch, ledger_unavailable (Postgres is down;
 *   nothing happened).
 */
export async function setCredits({ moneyIn, clock }: SetCreditsDeps, command: SetCreditsCommand): Promise<ChangedCredits> {
  const { accountId, target, amount, expiryDays, key, about } = command;
  return changed(await moneyIn.set({
    accountId, amount, about,
    expiresAtMs: expiryOf(clock(), expiryDays),
    idempotency: idempotencyOf('set', key),
    fingerprint: fingerprint('set', target, amount, expiryDays, untyped(about)),
  }));
}
