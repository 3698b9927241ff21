import type { Clock } from '../../kit/clock.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import type { MoneyIn } from './money-in.js';
import { changed, expiryOf, idempotencyOf, type ChangedCredits, type MoneyRequest } from './money-request.js';

export type AdjustCreditsDeps = { readonly moneyIn: Pick<MoneyIn, 'adjust'>; readonly clock: Clock };

export type AdjustCreditsCommand = MoneyRequest & {
  /** Not zero; negative takes away. */
  readonly delta: Micros;
  /** Days that the lot of a positive adjustment lives; a negative one has no use for them. */
  readonly expiryDays: number;
};

/**
 * Adds a lot, or takes credits away: all of them or none.
 *
 * @throws GatewayError limit_exceeded, account_frozen, idempotency_mismatch, ledger_unavailable (Postgres is away;
 *   nothing happened).
 */
export async function adjustCredits({ moneyIn, clock }: AdjustCreditsDeps, command: AdjustCreditsCommand): Promise<ChangedCredits> {
  const { accountId, target, delta, expiryDays, key, about } = command;
  return changed(await moneyIn.adjust({
    accountId, delta, about,
    expiresAtMs: delta > 0 ? expiryOf(clock(), expiryDays) : null,
    idempotency: idempotencyOf('adjust', key),
    fingerprint: fingerprint('adjust', target, delta, expiryDays, about),
  }));
}
