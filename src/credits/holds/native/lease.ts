import type { Clock } from '../../../kit/clock.js';
import type { CallerKey } from '../../../kit/caller.js';
import { accountFrozen, GatewayError } from '../../../kit/errors.js';
import { micros, type Micros } from '../../../kit/money/micros.js';
import type { LeasedHold } from '../../../ledger/lease-port.js';
import type { HoldOutcome, Ledger, Principal } from '../../../ledger/ledger.js';
import type { LimitState } from '../../../ledger/limits.js';
import type { NativeBook } from '../../prices/native-book.js';
import { holdResolved } from '../hold-outcome.js';
import { pricedBy, pricingOf, stopAtTokens, type LeasePrices, type LeasePricing } from './lease-price.js';
import type { Beyond } from './lease-terms.js';

export type LeaseDeps = {
  readonly ledger: Ledger;
  readonly book: NativeBook;
  readonly leasePrices: LeasePrices;
  readonly clock: Clock;
  /** The lease of a hold whose place asked for none, in ms. */
  readonly leaseMs: number;
  /** What pays for usage beyond a hold, unless the hold has a stricter rule. */
  readonly beyond: Beyond;
  /** The most that one hold may have, also when it is extended; null: no limit. */
  readonly holdMax: Micros | null;
};

export const HOLD_TOO_LARGE = 'is more than one hold of this account may have';

/** Who asks for what hold. */
export type LeaseCall = {
  readonly accountId: string;
  readonly holdId: string;
  readonly by: Principal;
  readonly actor: string;
  /** The name of the API key of a service: what it adds counts against the limit of the key. */
  readonly apiKey?: string | undefined;
  readonly key: CallerKey | null;
};

/** An open hold as its callers see it. Place, extension and report answer with the same. */
export type Lease = {
  readonly holdId: string;
  readonly accountId: string;
  readonly amount: Micros;
  readonly reported: Micros;
  readonly remaining: Micros;
  readonly leaseEndsAtMs: number;
  /** When to report at the latest: half a lease before its end. */
  readonly reportByMs: number;
  readonly final: boolean;
  readonly stopAtTokens: number | null;
  readonly price: { readonly book: string; readonly model: string; readonly version: number } | null;
  readonly available: Micros;
  /** The limits that it counts against. */
  readonly limits: readonly LimitState[];
  /** Under which name a member of a pool spends; absent where the account spends itself. */
  readonly spender?: string;
  readonly replayed: boolean;
};

type Held = Pick<LeasedHold, 'amount' | 'reported' | 'reportedUsage' | 'expiresAtMs' | 'available' | 'final' | 'limits'>;

export function toLease(
  { book }: Pick<LeaseDeps, 'book'>, { accountId, holdId }: Pick<LeaseCall, 'accountId' | 'holdId'>, pricing: LeasePricing, held: Held,
  { leaseMs, replayed }: { readonly leaseMs: number; readonly replayed: boolean },
): Lease {
  const { amount, reported, reportedUsage, expiresAtMs, available, final, limits } = held;
  return {
    holdId, accountId, amount, reported, remaining: micros(Math.max(0, amount - reported)), leaseEndsAtMs: expiresAtMs,
    reportByMs: expiresAtMs - Math.floor(leaseMs / 2), final, stopAtTokens: stopAtTokens(book, pricing, amount, reportedUsage),
    price: pricedBy(book, pricing), available, limits, replayed,
  };
}

type Refused =
  | { readonly status: 'hold_resolved'; readonly outcome: HoldOutcome }
  | { readonly status: 'hold_not_found' | 'forbidden' | 'account_frozen' };

/** Why an open hold was not changed, as a failure. */
export function leaseRefusal(reply: Refused, holdId: string): GatewayError {
  switch (reply.status) {
    case 'hold_resolved':
      return holdResolved(`hold ${holdId}`, reply.outcome);
    case 'hold_not_found':
      return new GatewayError('hold_not_found', `hold ${holdId} not found`);
    case 'forbidden':
      return new GatewayError('forbidden', `hold ${holdId} was placed by a service; only a service or an operator can change it`);
    case 'account_frozen':
      return accountFrozen();
  }
}

type PriceNeeded = { readonly status: 'price_needed'; readonly price: string; readonly about: string };

/**
 * Runs a step whose amounts depend on the price of the hold: with what this process remembers of it, and once more with
 * what the ledger says it is.
 */
export async function atPriceOf<Reply extends { readonly status: string }>(
  { leasePrices }: Pick<LeaseDeps, 'leasePrices'>, { accountId, holdId }: LeaseCall,
  step: (pricing: LeasePricing | undefined) => Promise<Reply | PriceNeeded>,
): Promise<Exclude<Reply, PriceNeeded>> {
  const first = await step(leasePrices.recall(accountId, holdId));
  if (!isPriceNeeded(first)) return first as Exclude<Reply, PriceNeeded>;
  const pricing = pricingOf(first.price, first.about);
  leasePrices.remember(accountId, holdId, pricing);
  const second = await step(pricing);
  if (isPriceNeeded(second)) throw new Error(`the price of hold ${holdId} changed while it was used`);
  return second as Exclude<Reply, PriceNeeded>;
}

const isPriceNeeded = (reply: { readonly status: string }): reply is PriceNeeded => reply.status === 'price_needed';
