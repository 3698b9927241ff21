import type { IdempotencyKey } from '../../books/money-in.table.js';
import type { CallerKey } from '../../kit/caller.js';
import { accountFrozen, GatewayError } from '../../kit/errors.js';
import { LOTS_PER_ACCOUNT_MAX } from '../../kit/limits.js';
import type { Micros } from '../../kit/money/micros.js';
import type { About } from '../../ledger/ledger.js';
import type { RefusedMoney } from './apply-intent.js';
import type { MoneyInResult } from './money-in.js';

/** The fields of every administrator's request to change an account. */
export type MoneyRequest = {
  readonly accountId: string;
  /** The name that the caller used for the account. A repeat uses the same name, even if it belongs to another account now. */
  readonly target: string;
  /** The caller's idempotency key, unique per caller and operation; null: every request is separate. */
  readonly key: CallerKey | null;
  readonly about: About;
};

export type MoneyOperation = 'grant' | 'set' | 'remove' | 'adjust' | 'revoke';

/** Keys of one operation of one caller. Other callers and other operations cannot use or block them. */
export const idempotencyOf = (
  operation: MoneyOperation | 'add' | 'bonus' | 'refund' | 'transfer', named: CallerKey | null,
): IdempotencyKey | null =>
  (named === null ? null : { scope: `${operation}/${named.caller}`, key: named.key });

/** The result of a change. `pending`: recorded, but not applied in Redis yet. `insufficient`: nothing changed. */
export type ChangedCredits =
  | { readonly status: 'changed'; readonly id: number; readonly previous: Micros; readonly available: Micros; readonly replayed: boolean }
  | { readonly status: 'pending'; readonly id: number }
  | { readonly status: 'insufficient'; readonly available: Micros };

/** The result for the use case; throws a GatewayError for the other refusals. */
export function changed(result: MoneyInResult): ChangedCredits {
  switch (result.status) {
    case 'applied':
      return { status: 'changed', id: result.intentId, previous: result.previous, available: result.available, replayed: result.replayed };
    case 'pending':
      return { status: 'pending', id: result.intentId };
    case 'refused':
      if (result.reason === 'insufficient_credits') return { status: 'insufficient', available: result.available };
      throw refusalOf(result.reason);
  }
}

/** The refusal as a GatewayError. */
export function refusalOf(reason: RefusedMoney['reason']): GatewayError {
  switch (reason) {
    case 'insufficient_credits':
      return new GatewayError('insufficient_credits', 'the account does not have that much');
    case 'too_many_lots':
      return new GatewayError(
        'limit_exceeded', `the account has ${LOTS_PER_ACCOUNT_MAX} live allocations; let some be used or expire first`,
      );
    case 'balance_limit':
      return new GatewayError('limit_exceeded', 'the account would exceed the largest total that can be stored exactly');
    case 'account_frozen':
      return accountFrozen();
    case 'not_captured':
      return new GatewayError('not_refundable', 'the account has not been charged so much');
    case 'lot_not_found':
      return new GatewayError('not_found', 'nothing is left of this allocation');
  }
}

const DAY_MS = 86_400_000;

/** The expiry of a lot with a lifetime of this many days of 24 hours. */
export const expiryOf = (nowMs: number, expiryDays: number): number => nowMs + expiryDays * DAY_MS;
