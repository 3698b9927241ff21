import type { IdempotencyKey } from '../../books/money-in.table.js';
import type { CallerKey } from '../../kit/caller.js';
import { accountFrozen, GatewayError } from '../../kit/errors.js';
import { LOTS_PER_ACCOUNT_MAX } from '../../kit/limits.js';
import type { Micros } from '../../kit/money/micros.js';
import type { About } from '../../ledger/ledger.js';
import type { RefusedMoney } from './apply-intent.js';
import type { MoneyInResult } from './money-in.js';

/** What every administrator's request to change an account says. */
export type MoneyRequest = {
  readonly accountId: string;
  /** How the caller named the account. A repeat names it the same, even when the name leads elsewhere by then. */
  readonly target: string;
  /** The caller's name for this request, unique per caller and operation; null: every request is one of its own. */
  readonly key: CallerKey | null;
  readonly about: About;
};

export type MoneyOperation = 'grant' | 'set' | 'remove' | 'adjust' | 'revoke';

/** Keys of one caller's operation: nobody else can read or block them, and no other operation shares them. */
export const idempotencyOf = (operation: MoneyOperation | 'add' | 'bonus', named: CallerKey | null): IdempotencyKey | null =>
  (named === null ? null : { scope: `${operation}/${named.caller}`, key: named.key });

/** What a change came to. `pending`: recorded for good, but Redis has not taken it yet. `insufficient`: nothing changed. */
export type ChangedCredits =
  | { readonly status: 'changed'; readonly id: number; readonly previous: Micros; readonly available: Micros; readonly replayed: boolean }
  | { readonly status: 'pending'; readonly id: number }
  | { readonly status: 'insufficient'; readonly available: Micros };

/** A result as its use case gives it back; throws whatever else it was refused for. */
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

/** Why money did not move, as a failure. Taking less than was there is refused in the words of the operation. */
export function refusalOf(reason: RefusedMoney['reason']): GatewayError {
  switch (reason) {
    case 'insufficient_credits':
      return new GatewayError('insufficient_credits', 'the account does not have that much');
    case 'too_many_lots':
      return new GatewayError(
        'limit_exceeded', `the account has ${LOTS_PER_ACCOUNT_MAX} live allocations; let some be used or expire first`,
      );
    case 'balance_limit':
      return new GatewayError('limit_exceeded', 'the account would pass the largest total that can be kept exactly');
    case 'account_frozen':
      return accountFrozen();
    case 'lot_not_found':
      return new GatewayError('not_found', 'nothing is left of this allocation');
  }
}

const DAY_MS = 86_400_000;

/** The end of a lot that lives for this many days of 24 hours (UTC). */
export const expiryOf = (nowMs: number, expiryDays: number): number => nowMs + expiryDays * DAY_MS;
