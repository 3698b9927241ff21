import { accountFrozen, GatewayError } from '../../kit/errors.js';
import type { Micros } from '../../kit/money/micros.js';
import type { ChargeReply } from '../../ledger/ledger.js';
import { insufficientCredits } from '../accounts/insufficient-credits.js';
import { limitReached } from '../limits/limit-refusal.js';

/** Why a charge of `amount` was refused, as a failure. */
export function chargeRefusal(reply: Exclude<ChargeReply, { readonly status: 'charged' }>, amount: Micros): GatewayError {
  switch (reply.status) {
    case 'insufficient_credits':
      return insufficientCredits(amount, reply.available);
    case 'limit_reached':
      return limitReached(amount, reply);
    case 'idempotency_mismatch':
      return new GatewayError('idempotency_mismatch', 'this Idempotency-Key was used for another request; use a new one');
    case 'account_frozen':
      return accountFrozen();
  }
}
