import { accountFrozen, GatewayError } from '../../kit/errors.js';
import type { PlaceHoldReply, SettleHoldReply, VoidHoldReply } from '../../ledger/ledger.js';
import { insufficientCredits } from '../accounts/insufficient-credits.js';
import { holdTooLarge, limitReached, unknownLimit } from '../limits/limit-refusal.js';
import { holdResolved } from './hold-outcome.js';

/** How the messages of a use case speak of holds. */
export type HoldWords = {
  /** The hold in the words of its callers, such as `session s1`. */
  readonly hold: string;
  /** What they may do about an id that is taken, and about too many open holds. */
  readonly taken: string;
  readonly tooMany: string;
};

export type PlaceRefused = Exclude<PlaceHoldReply, { readonly status: 'placed' }>;
export type EndRefused = Exclude<SettleHoldReply | VoidHoldReply, { readonly status: 'settled' | 'voided' | 'price_needed' }>;

/** Why a hold was not placed, as a failure. */
export function placeRefusal(reply: PlaceRefused, { hold, taken, tooMany }: HoldWords): GatewayError {
  switch (reply.status) {
    case 'insufficient_credits':
      return insufficientCredits(reply.required, reply.available);
    case 'limit_reached':
      return limitReached(reply.required, reply);
    case 'hold_limit':
      return holdTooLarge(reply.most);
    case 'no_hold_limit':
    case 'laxer_terms':
      throw new Error(`a hold that asks for nothing of its own was answered ${reply.status}`);
    case 'unknown_limit':
      return unknownLimit(reply.limitId);
    case 'hold_exists':
      return new GatewayError('conflict', `${hold} exists with other parameters; ${taken}`);
    case 'idempotency_mismatch':
      return new GatewayError('idempotency_mismatch', 'this Idempotency-Key was used for another hold; use a new one');
    case 'hold_resolved':
      return holdResolved(hold, reply.outcome);
    case 'too_many_holds':
      return new GatewayError('limit_exceeded', tooMany);
    case 'account_frozen':
      return accountFrozen();
  }
}

/** Why a hold was not ended, as a failure. `hold` names it in the words of its callers. */
export function endRefusal(reply: EndRefused, hold: string): GatewayError {
  switch (reply.status) {
    case 'hold_resolved':
      return holdResolved(hold, reply.outcome);
    case 'idempotency_mismatch':
      return new GatewayError('idempotency_mismatch', `this Idempotency-Key was used for another end of ${hold}; use a new one`);
    case 'hold_not_found':
      return new GatewayError('hold_not_found', `${hold} not found`);
    case 'forbidden':
      return new GatewayError('forbidden', `${hold} was placed by a service; only a service or an operator can end it`);
    case 'account_frozen':
      return accountFrozen();
  }
}
