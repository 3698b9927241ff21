import type { Clock } from '../../kit/clock.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import type { MoneyIn } from './money-in.js';
import { changed, expiryOf, idempotencyOf, type ChangedCredits, type MoneyRequest } from './money-request.js';

export type SetCreditsDeps = { readonly moneyIn: Pick<MoneyIn, 'set'>; readonly clock: Clock };

export type SetCreditsCommand = MoneyRequest & {
  readonly amount: Micros;
  /** Days that the one lot lives which replaces all others. */
  readonly expiryDays: number;
};

/**
 * Makes `amount` all that an account can spend, in one step: what was there ends in the ledger, what was owed is paid.
 * Holds are untouched.
 *
 * @throws GatewayError limit_exceeded, account_frozen, idempotency_mismatch, ledger_unavailable (Postgres is away;
 *   nothing happened).
 */
export async function setCredits({ moneyIn, clock }: SetCreditsDeps, command: SetCreditsCommand): Promise<ChangedCredits> {
  const { accountId, target, amount, expiryDays, key, about } = command;
  return changed(await moneyIn.set({
    accountId, amount, about,
    expiresAtMs: expiryOf(clock(), expiryDays),
    idempotency: idempotencyOf('set', key),
    fingerprint: fingerprint('set', target, amount, expiryDays, about),
  }));
}
