import type { Clock } from '../../kit/clock.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { untyped } from '../../ledger/facts.js';
import type { MoneyIn } from './money-in.js';
import { changed, expiryOf, idempotencyOf, type ChangedCredits, type MoneyRequest } from './money-request.js';

export type AdjustCreditsDeps = { readonly moneyIn: Pick<MoneyIn, 'adjust'>; readonly clock: Clock };

export type AdjustCreditsCommand = MoneyRequest & {
  /** Not 0; a negative amount removes credits. */
  readonly delta: Micros;
  /** Lifetime in days of the lot of a positive adjustment; unused for a negative one. */
  readonly expiryDays: number;
};

/**
 * Adds a lot, or removes credits. A removal is all or nothing.
 *
 * @throws GatewayError limit_exceeded, account_frozen, idempotency_mismatch, ledger_unavailable (Postgres is down;
 *   nothing happened).
 */
export async function adjustCredits({ moneyIn, clock }: AdjustCreditsDeps, command: AdjustCreditsCommand): Promise<ChangedCredits> {
  const { accountId, target, delta, expiryDays, key, about } = command;
  return changed(await moneyIn.adjust({
    accountId, delta, about,
    expiresAtMs: delta > 0 ? expiryOf(clock(), expiryDays) : null,
    idempotency: idempotencyOf('adjust', key),
    fingerprint: fingerprint('adjust', target, delta, expiryDays, untyped(about)),
  }));
}
