import { GatewayError, invalid } from '../../../kit/errors.js';
import { fingerprint } from '../../../kit/ids.js';
import { REPORTING_LEASE_SECONDS } from '../../../kit/limits.js';
import { ZERO, type Micros } from '../../../kit/money/micros.js';
import { writeFacts } from '../../../ledger/facts.js';
import { insufficientCredits } from '../../accounts/insufficient-credits.js';
import { nativeLimitReached } from '../../limits/limit-refusal.js';
import { atPriceOf, HOLD_TOO_LARGE, leaseRefusal, toLease, type Lease, type LeaseCall, type LeaseDeps } from './lease.js';
import { costOf, pricingOf, UNKNOWN_PRICE, type LeasePricing } from './lease-price.js';

export type ExtendLease = LeaseCall & {
  /** Credits to add; output tokens in all that the hold shall pay for; or nothing but a longer lease. */
  readonly more: { readonly minimum: Micros; readonly desired: Micros } | { readonly maxOutputTokens: number } | null;
  /** Null: the hold's own. */
  readonly leaseMs: number | null;
  readonly reason: string | null;
};

/**
 * Raises an open hold, renews its lease, or both. The same under the same key is done once.
 *
 * @throws GatewayError invalid_request (the hold would have more than one may have), insufficient_credits, limit_reached,
 *   hold_not_found, hold_resolved, forbidden (a service placed it), idempotency_mismatch, account_frozen, ledger_unavailable.
 */
export async function extendLease(deps: LeaseDeps, command: ExtendLease): Promise<Lease> {
  const { accountId, holdId, by, actor, apiKey, key, more, leaseMs, reason } = command;
  let required = ZERO;
  const reply = await atPriceOf(deps, command, (pricing) => {
    const raise = raiseOf(deps, more, pricing);
    required = raise.minimum;
    return deps.ledger.extendHold({
      accountId, holdId, ...raise, holdMax: deps.holdMax, leaseMs, defaultLeaseMs: REPORTING_LEASE_SECONDS * 1_000, key, by, apiKey,
      fingerprint: fingerprint('extend', JSON.stringify([more, leaseMs])),
      about: writeFacts({ actor, ...(reason === null ? {} : { reason }), type: 'lease_step' }),
    });
  });
  switch (reply.status) {
    case 'extended': {
      const { hold, replayed } = reply;
      return toLease(deps, command, pricingOf(hold.price, hold.about), hold, { leaseMs: leaseMs ?? hold.leaseMs, replayed });
    }
    case 'insufficient_credits':
      throw insufficientCredits(required, reply.available);
    case 'hold_limit':
      throw invalid(more !== null && 'maxOutputTokens' in more ? 'body.maxOutputTokens' : 'body.amount', HOLD_TOO_LARGE);
    case 'limit_reached':
      throw nativeLimitReached(required, reply);
    case 'idempotency_mismatch':
      throw new GatewayError('idempotency_mismatch', 'the Idempotency-Key was used for another extension of this hold');
    case 'hold_resolved':
    case 'hold_not_found':
    case 'forbidden':
    case 'account_frozen':
      throw leaseRefusal(reply, holdId);
  }
}

function raiseOf(deps: LeaseDeps, more: ExtendLease['more'], pricing: LeasePricing | undefined) {
  if (more === null) return { mode: 'by', minimum: ZERO, desired: ZERO, price: null } as const;
  if (!('maxOutputTokens' in more)) return { mode: 'by', ...more, price: null } as const;
  if (pricing === undefined) return { mode: 'to', minimum: ZERO, desired: ZERO, price: UNKNOWN_PRICE } as const;
  if (pricing.price === '') throw invalid('body.maxOutputTokens', 'needs a hold with a price; send `amount`');
  const amount = costOf(deps.book, pricing, { outputTokens: more.maxOutputTokens }, undefined, 'body.maxOutputTokens');
  return { mode: 'to', minimum: amount, desired: amount, price: pricing.price } as const;
}
