import { isKeyUsed, type IdempotencyKey } from '../../books/money-in.table.js';
import type { CallerKey } from '../../kit/caller.js';
import type { Clock } from '../../kit/clock.js';
import { accountFrozen, GatewayError } from '../../kit/errors.js';
import { fingerprint, newId } from '../../kit/ids.js';
import type { Micros } from '../../kit/money/micros.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import type { MoneyIn, MoneyInResult } from '../grants/money-in.js';
import { idempotencyOf } from '../grants/money-request.js';
import { walletBalance } from './process-hold.js';

export type GiveCreditsDeps = {
  readonly db: Db;
  readonly moneyIn: MoneyIn;
  readonly ledger: Pick<Ledger, 'readBalance'>;
  readonly clock: Clock;
};

export type GivenCredits = {
  /** `pending`: recorded, and spendable as soon as Redis has applied it. */
  readonly status: 'given' | 'pending';
  readonly balance: Micros | null;
  readonly replayed: boolean;
  readonly atMs: number;
  /** Whether the user has got the initial credits. */
  readonly hasInitial: boolean;
};

/** The only key of an account's initial credits, so they are granted once. */
const initialOf = (accountId: string): IdempotencyKey => ({ scope: 'credits-process/initial', key: accountId });

type Gift = {
  readonly accountId: string;
  readonly amount: Micros;
  readonly actor: string;
  /** The caller's name for this gift; null: every request is one of its own. */
  readonly key: CallerKey | null;
};

/**
 * Grants the initial credits, once per account. The first request and its repeats (the same actor, key and amount) succeed.
 * Every other request is refused, whatever its amount.
 *
 * @throws GatewayError conflict (granted before), limit_exceeded, account_frozen, ledger_unavailable.
 */
export async function giveInitialCredits(deps: GiveCreditsDeps, { accountId, amount, actor, key }: Gift): Promise<GivenCredits> {
  const result = await deps.moneyIn.grant({
    accountId, amount, expiresAtMs: null,
    idempotency: initialOf(accountId),
    // Without a key no two requests are the same one.
    fingerprint: fingerprint('credits-process/initial', accountId, amount, actor, key?.caller ?? null, key?.key ?? newId()),
    about: writeFacts({ type: 'change', source: 'initial', actor, reason: 'INITIAL_CREDITS' }),
    retriesRefused: 'by_anyone',
  }).catch((error: unknown) => {
    if (!(error instanceof GatewayError && error.code === 'idempotency_mismatch')) throw error;
    throw new GatewayError('conflict', 'Initial credits has already been given to this user');
  });
  return given(deps, accountId, result, true);
}

/**
 * Gives a user a bonus: with a key once, without one at every request.
 *
 * @throws GatewayError limit_exceeded, account_frozen, idempotency_mismatch, ledger_unavailable.
 */
export async function giveBonusCredits(deps: GiveCreditsDeps, { accountId, amount, actor, key }: Gift): Promise<GivenCredits> {
  const hasInitial = await isKeyUsed(deps.db, initialOf(accountId)).catch((error: unknown) => { throw toGatewayError(error); });
  const result = await deps.moneyIn.grant({
    accountId, amount, expiresAtMs: null,
    idempotency: idempotencyOf('bonus', key),
    fingerprint: fingerprint('credits-process/bonus', accountId, amount),
    about: writeFacts({ type: 'change', source: 'bonus', actor, reason: 'BONUS' }),
  });
  return given(deps, accountId, result, hasInitial);
}

async function given(
  { ledger, clock }: GiveCreditsDeps, accountId: string, result: MoneyInResult, hasInitial: boolean,
): Promise<GivenCredits> {
  switch (result.status) {
    case 'applied':
      return {
        status: 'given', balance: walletBalance(await ledger.readBalance(accountId)), replayed: result.replayed, atMs: clock(),
        hasInitial,
      };
    case 'pending':
      return { status: 'pending', balance: null, replayed: false, atMs: clock(), hasInitial };
    case 'refused':
      if (result.reason === 'account_frozen') throw accountFrozen();
      throw new GatewayError('limit_exceeded', `the credits cannot be given: ${result.reason}`);
  }
}
