import type { Micros } from '../kit/money/micros.js';

/** Words and facts of holds that the ledger's port is made of. */

/** Opaque facts of a dialect, stored with the entry and returned unchanged: JSON text of at most a few kilobytes. */
export type About = string;

/** From the laxest to the strictest. */
export const OVER_CAPTURES = ['debt', 'available', 'cap'] as const;
/**
 * What pays for usage beyond a hold: what is available and then `debt`; only what is `available`; or nothing (`cap`). The rest
 * is recorded as uncollected. Each is stricter than the one before.
 */
export type OverCapture = (typeof OVER_CAPTURES)[number];
/** The caller: a user with a token of the account, a service with its own key, or an operator. A user may not end a service's hold. */
export type Principal = 'user' | 'service' | 'operator';
/**
 * What happens to a hold whose lease ends: `release` all of it, charge what was reported as used so far (`charge_reported`:
 * nothing if nothing was), what its input costs (`charge_input`), or the whole of it (`charge_estimate`).
 */
export type ExpiryPolicy = 'release' | 'charge_reported' | 'charge_input' | 'charge_estimate';

/** What a hold has of its own from its placing on. */
export type HoldTerms = {
  /** Whatever its end asks for. */
  readonly overCapture: OverCapture;
  /** Debt may not exceed this; null: no limit. */
  readonly debtLimit: Micros | null;
  /** What the input of the request costs: charged by `charge_input`. */
  readonly inputCost: Micros;
  /** The lease that an extension or a report gives it, in ms, unless they ask for another. */
  readonly leaseMs: number;
};

export type SettleUse = 'amount' | 'reported' | 'input' | 'estimate';

/** How a hold ended, with all corrections since. */
export type HoldOutcome = {
  readonly state: 'settled' | 'voided' | 'expired';
  readonly seq: number;
  readonly amount: Micros;
  /** Charged in all, overage and debt included, uncollected not. */
  readonly captured: Micros;
  /** Returned to lots that are still live. */
  readonly released: Micros;
  /** Not returned, because the lot had expired. */
  readonly expired: Micros;
  /** The part of `captured` beyond the hold. */
  readonly overage: Micros;
  /** The part of `overage` that was not available and became debt. */
  readonly debt: Micros;
  readonly uncollected: Micros;
  readonly available: Micros;
  /** When it ended, was settled late or was last corrected. */
  readonly endedAtMs: number;
  readonly placedAtMs: number;
  /** Whether the lease had ended before the cost was charged. */
  readonly late: boolean;
  readonly about: About;
};
