import type { Clock } from '../../kit/clock.js';
import { fingerprint } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { untyped } from '../../ledger/facts.js';
import type { MoneyIn } from './money-in.js';
import { expiryOf, idempotencyOf, refusalOf, type MoneyRequest } from './money-request.js';

export type GrantCreditsDeps = { readonly moneyIn: Pick<MoneyIn, 'grant'>; readonly clock: Clock };

export type GrantCreditsCommand = MoneyRequest & {
  readonly amount: Micros;
  /** Days of 24 hours (UTC) from the moment the grant is recorded. */
  readonly expiryDays: number;
};

/** `pending`: recorded in Postgres, but not spendable until Redis has applied it. */
export type GrantedCredits =
  | {
    readonly status: 'granted';
    readonly id: number;
    readonly remaining: Micros;
    readonly expiresAtMs: number | null;
    readonly replayed: boolean;
  }
  | { readonly status: 'pending'; readonly id: number; readonly expiresAtMs: number | null };

/**
 * Grants a lot of credits. The grant is stored in Postgres before it is acknowledged (I6).
 *
 * @throws GatewayError limit_exceeded, account_frozen, idempotency_mismatch, ledger_unavailable (Postgres is down;
 *   nothing happened).
 */
export async function grantCredits({ moneyIn, clock }: GrantCreditsDeps, command: GrantCreditsCommand): Promise<GrantedCredits> {
  const { accountId, target, amount, expiryDays, key, about } = command;
  const expiresAtMs = expiryOf(clock(), expiryDays);
  const result = await moneyIn.grant({
    accountId, amount, expiresAtMs, about,
    idempotency: idempotencyOf('grant', key),
    fingerprint: fingerprint('grant', target, amount, expiryDays, untyped(about)),
  });
  switch (result.status) {
    case 'applied':
      return {
        status: 'granted', id: result.intentId, remaining: result.remaining ?? amount, expiresAtMs: result.expiresAtMs,
        replayed: result.replayed,
      };
    case 'pending':
      return { status: 'pending', id: result.intentId, expiresAtMs: result.expiresAtMs };
    case 'refused':
      throw refusalOf(result.reason);
  }
}
