import type { Clock } from '../clock.js';
import { GatewayError } from '../errors.js';
import { fingerprint } from '../ids.js';
import type { About } from '../ledger/ledger.js';
import { LOTS_PER_ACCOUNT_MAX } from '../limits.js';
import type { Micros } from '../money/micros.js';
import type { MoneyIn } from './money-in.js';

export type GrantCreditsDeps = { readonly moneyIn: MoneyIn; readonly clock: Clock };

export type GrantCreditsCommand = {
  readonly accountId: string;
  readonly amount: Micros;
  /** Days of 24 hours (UTC) from the moment the grant is recorded. */
  readonly expiryDays: number;
  /** The caller's name for this grant, unique per actor; null: every request grants once more. */
  readonly key: string | null;
  /** Account id of whoever grants. */
  readonly actor: string;
  readonly about: About;
};

/** `pending`: recorded for good, but not spendable yet, because Redis did not take it. */
export type GrantedCredits =
  | { readonly status: 'granted'; readonly id: number; readonly remaining: Micros; readonly expiresAtMs: number | null; readonly replayed: boolean }
  | { readonly status: 'pending'; readonly id: number; readonly expiresAtMs: number | null };

const DAY_MS = 86_400_000;

/**
 * Gives an account a lot of credits, in Postgres before it is acknowledged (I6).
 *
 * @throws GatewayError limit_exceeded, account_frozen, idempotency_mismatch, ledger_unavailable (Postgres is away;
 *   nothing happened).
 */
export async function grantCredits({ moneyIn, clock }: GrantCreditsDeps, command: GrantCreditsCommand): Promise<GrantedCredits> {
  const { accountId, amount, expiryDays, key, actor, about } = command;
  const expiresAtMs = clock() + expiryDays * DAY_MS;
  const result = await moneyIn.grant({
    accountId, amount, expiresAtMs, about,
    idempotency: key === null ? null : { scope: `grant/${actor}`, key },
    fingerprint: fingerprint('grant', accountId, amount, expiryDays, about),
  });
  switch (result.status) {
    case 'applied':
      return {
        status: 'granted', id: result.intentId, remaining: result.remaining ?? amount, expiresAtMs: result.expiresAtMs, replayed: result.replayed,
      };
    case 'pending':
      return { status: 'pending', id: result.intentId, expiresAtMs };
    case 'refused':
      throw refusal(result.reason);
  }
}

function refusal(reason: 'insufficient_credits' | 'too_many_lots' | 'balance_limit' | 'account_frozen'): GatewayError {
  switch (reason) {
    case 'too_many_lots':
      return new GatewayError('limit_exceeded', `the account has ${LOTS_PER_ACCOUNT_MAX} live allocations; let some be used or expire first`);
    case 'balance_limit':
      return new GatewayError('limit_exceeded', 'the account would pass the largest total that can be kept exactly');
    case 'account_frozen':
      return new GatewayError('account_frozen', 'the account is frozen; ask an administrator');
    case 'insufficient_credits':
      throw new Error('a grant was refused for lack of credits');
  }
}
