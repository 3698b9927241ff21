import type { Clock } from '../clock.js';
import type { CallerKey } from '../auth/caller.js';
import { GatewayError } from '../errors.js';
import { fingerprint } from '../ids.js';
import type { Ledger } from '../ledger/ledger.js';
import type { MoneyIn, MoneyInResult } from '../lots/money-in.js';
import { idempotencyOf } from '../lots/money-request.js';
import type { Micros } from '../money/micros.js';
import { walletBalance } from './process-hold.js';

export type GiveCreditsDeps = { readonly moneyIn: MoneyIn; readonly ledger: Pick<Ledger, 'readBalance'>; readonly clock: Clock };

export type GivenCredits = {
  /** `pending`: recorded for good, and spendable as soon as Redis takes it. */
  readonly status: 'given' | 'pending';
  readonly balance: Micros | null;
  readonly replayed: boolean;
  readonly atMs: number;
};

/**
 * Gives a user the credits she begins with, once in her life, whatever amount is asked for a second time.
 *
 * @throws GatewayError conflict (she has had them), limit_exceeded, account_frozen, ledger_unavailable.
 */
export async function giveInitialCredits(deps: GiveCreditsDeps, { accountId, amount, actor }: { readonly accountId: string; readonly amount: Micros; readonly actor: string }): Promise<GivenCredits> {
  const result = await deps.moneyIn.grant({
    accountId, amount, expiresAtMs: null,
    idempotency: { scope: 'credits-process/initial', key: accountId },
    // Of the user alone: another amount is no other intent, it is a second time.
    fingerprint: fingerprint('credits-process/initial', accountId),
    about: JSON.stringify({ source: 'initial', actor, reason: 'INITIAL_CREDITS' }),
    retriesRefused: true,
  });
  if (result.status === 'applied' && result.replayed) {
    throw new GatewayError('conflict', 'Initial credits has already been given to this user');
  }
  return given(deps, accountId, result);
}

/**
 * Gives a user a bonus. `key`: the caller's name for this gift; null: every request gives once more.
 *
 * @throws GatewayError limit_exceeded, account_frozen, idempotency_mismatch, ledger_unavailable.
 */
export async function giveBonusCredits(
  deps: GiveCreditsDeps, { accountId, amount, actor, key }: { readonly accountId: string; readonly amount: Micros; readonly actor: string; readonly key: CallerKey | null },
): Promise<GivenCredits> {
  const result = await deps.moneyIn.grant({
    accountId, amount, expiresAtMs: null,
    idempotency: idempotencyOf('bonus', key),
    fingerprint: fingerprint('credits-process/bonus', accountId, amount),
    about: JSON.stringify({ source: 'bonus', actor, reason: 'BONUS' }),
  });
  return given(deps, accountId, result);
}

async function given({ ledger, clock }: GiveCreditsDeps, accountId: string, result: MoneyInResult): Promise<GivenCredits> {
  switch (result.status) {
    case 'applied':
      return { status: 'given', balance: walletBalance(await ledger.readBalance(accountId)), replayed: result.replayed, atMs: clock() };
    case 'pending':
      return { status: 'pending', balance: null, replayed: false, atMs: clock() };
    case 'refused':
      if (result.reason === 'account_frozen') throw new GatewayError('account_frozen', 'the account is frozen; ask an administrator');
      throw new GatewayError('limit_exceeded', `the credits cannot be given: ${result.reason}`);
  }
}
