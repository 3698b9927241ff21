import type { CallerKey } from '../kit/caller.js';
import type { Micros } from '../kit/money/micros.js';
import type { LimitRefusal, LimitState } from './limits.js';
import type { About, ExpiryPolicy, HoldOutcome, Principal } from './hold-terms.js';

/** Operations of the ledger's port on a hold while it is open. */
export interface LeaseOperations {
  /**
   * Raises the amount of an open hold, renews its lease, or both. Idempotent by `key` when there is one; a raise without one
   * adds again each time.
   */
  extendHold(command: ExtendHold): Promise<ExtendHoldReply>;
  /**
   * Records how much of an open hold has been used so far, renews its lease, and raises it to `raiseTo` as far as credits are
   * there. The same report again only renews the lease; less than before is refused.
   */
  reportProgress(command: ReportProgress): Promise<ReportProgressReply>;
  /** One hold, as it is now; also one that has ended, whether Redis or only Postgres knows it. */
  readHold(accountId: string, holdId: string): Promise<ReadHoldReply>;
}

/** An open hold. */
export type LeasedHold = {
  readonly amount: Micros;
  /** What the usage reported so far costs; it may be more than the amount. */
  readonly reported: Micros;
  /** That usage, `class=tokens,…`; '' when none was reported, or only an amount. */
  readonly reportedUsage: string;
  readonly expiresAtMs: number;
  readonly available: Micros;
  /** Nothing more can be held now: the next extension would be refused. */
  readonly final: boolean;
  readonly price: string;
  readonly placedAtMs: number;
  /** Facts given when it was placed. */
  readonly about: About;
  /** The lease that a renewal gives, in ms; 0 for a hold without terms. */
  readonly leaseMs: number;
  readonly expiryPolicy: ExpiryPolicy;
  /** The limits that it counts against, as they are now; empty in a read, and in a repeat that is answered from Postgres. */
  readonly limits: readonly LimitState[];
};

type Renewal = {
  readonly accountId: string;
  readonly holdId: string;
  /** The lease from now on; null: the hold's own, which never ends it sooner. */
  readonly leaseMs: number | null;
  /** For a hold that has no lease of its own. */
  readonly defaultLeaseMs: number;
  /** The name of the price that the amounts were computed with; null when they depend on none. */
  readonly price: string | null;
  readonly about: About;
  /** The most that the hold may have in all; by default any amount. */
  readonly holdMax?: Micros | null;
  /** By default a user. */
  readonly by?: Principal;
  /** The name of the API key that asks: what is added counts against its limit. */
  readonly apiKey?: string | undefined;
  /** As of a place. */
  readonly keyLimit?: string;
};

export type ExtendHold = Renewal & {
  /** `by`: `minimum` and `desired` are added to the hold. `to`: they are what it shall have in all. Zero only renews the lease. */
  readonly mode: 'by' | 'to';
  /** As much of `desired` as is available is held, if that is at least `minimum`. */
  readonly minimum: Micros;
  readonly desired: Micros;
  /** The caller's idempotency key, or null. */
  readonly key: CallerKey | null;
  readonly fingerprint: string;
};

/** Refusals that an extension and a report share; nothing changed. */
type LeaseRefusal =
  /** `price` is not the hold's: compute the amounts again with this price. */
  | { readonly status: 'price_needed'; readonly price: string; readonly placedAtMs: number; readonly about: About }
  | { readonly status: 'hold_resolved'; readonly outcome: HoldOutcome }
  | { readonly status: 'hold_not_found' }
  /** A service placed it, and a user may not extend it. */
  | { readonly status: 'forbidden' }
  | { readonly status: 'account_frozen' };

export type ExtendHoldReply =
  | { readonly status: 'extended'; readonly replayed: boolean; readonly hold: LeasedHold }
  | { readonly status: 'insufficient_credits'; readonly available: Micros }
  /** The hold would have more than `holdMax`. */
  | { readonly status: 'hold_limit' }
  | { readonly status: 'limit_reached'; readonly available: Micros; readonly limit: LimitRefusal }
  | { readonly status: 'idempotency_mismatch' }
  | LeaseRefusal;

export type ReportProgress = Renewal & {
  /** What the usage so far costs. */
  readonly reported: Micros;
  /** The usage so far, `class=tokens,…` in any order; '' when it is known as an amount only. */
  readonly usage: string;
  /** What the hold shall have in all; null for no more than it has. */
  readonly raiseTo: Micros | null;
};

export type ReportProgressReply =
  | { readonly status: 'reported'; readonly added: Micros; readonly hold: LeasedHold }
  /** Less than was reported before, in all or of one class. */
  | { readonly status: 'progress_backwards'; readonly reported: Micros; readonly usage: string }
  | LeaseRefusal;

export type ReadHoldReply =
  | { readonly status: 'open'; readonly hold: LeasedHold }
  | { readonly status: 'ended'; readonly outcome: HoldOutcome }
  | { readonly status: 'hold_not_found' };
