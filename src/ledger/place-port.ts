import type { CallerKey } from '../kit/caller.js';
import type { Micros } from '../kit/money/micros.js';
import type { About, ExpiryPolicy, HoldOutcome, HoldTerms, OverCapture, Principal } from './hold-terms.js';
import type { LimitRefusal, LimitState, Spending } from './limits.js';

/** The placing of a hold in the ledger's port: the command and its replies. */

export type PlaceHold = {
  readonly accountId: string;
  readonly holdId: string;
  /** What it is for: a word of the use case that places it, which lists of holds are filtered by. */
  readonly kind: string;
  /** Null: what is desired, as far as one hold may have it. */
  readonly minimum: Micros | null;
  /** Null: the most that one hold may have. */
  readonly desired: Micros | null;
  /** The most that the hold may have; by default any amount. The account's terms may allow less. */
  readonly holdMax?: Micros | null;
  /** How long the hold lives unless renewed: an interval, because Redis' clock decides. */
  readonly leaseMs: number;
  readonly expiryPolicy: ExpiryPolicy;
  /**
   * Absent: the end of the hold says by what rule usage beyond it is charged, and the hold has no input cost. The account's terms
   * take the place of its rule.
   */
  readonly terms?: HoldTerms;
  /** A rule that is no laxer than that of the account, or else of `terms`: the hold gets it. */
  readonly askedTerms?: AskedTerms | undefined;
  /** The name of the price of the estimate; a settle must use the same price. */
  readonly price: string;
  readonly fingerprint: string;
  readonly about: About;
  /** Who places it; by default a user. */
  readonly by?: Principal;
  /** It records usage that has happened, and its end follows: it is placed however short memory is. */
  readonly endsAtOnce?: boolean;
  /** The id is new, or Redis and Postgres were just asked and did not know it: Postgres is not asked (again) for an ended hold. */
  readonly isNewId?: boolean;
  /** Which limits it counts against, and which lots it may use; by default limits of the account itself, and lots for anything. */
  readonly spending?: Spending | undefined;
  /** The caller's idempotency key: it names one hold of the account. By default none. */
  readonly key?: CallerKey | null;
  /** What the limit of the API key allows it, as scripts read it (key-spend.ts). The callers of the port leave it out. */
  readonly keyLimit?: string;
  /** What limits of the account allow this hold and its extensions at most. They bind also where a limit only warns. */
  readonly ownLimits?: readonly (readonly [limitId: string, amount: Micros])[] | undefined;
};

/** What a place asks of its own for usage beyond the hold. */
export type AskedTerms = { readonly overCapture?: OverCapture | undefined; readonly debtLimit?: Micros | undefined };

/** Why the asked terms were refused: they are laxer than what is `allowed`; `no_debt`: a limit of debt, but no debt is allowed. */
export type LaxerTerms =
  | { readonly term: 'over_capture' | 'no_debt'; readonly allowed: OverCapture }
  | { readonly term: 'debt_limit'; readonly allowed: Micros };

export type PlacedHold = {
  readonly seq: number;
  readonly amount: Micros;
  readonly expiresAtMs: number;
  readonly placedAtMs: number;
  readonly available: Micros;
  /** The limits that it counts against, as they were when it was placed. */
  readonly limits: readonly LimitState[];
  /** The most that one hold of the account may have now; null: any amount. */
  readonly most: Micros | null;
};

export type PlaceHoldReply =
  | ({ readonly status: 'placed'; readonly replayed: boolean } & PlacedHold)
  /** `available`: to this hold, without lots that are for something else. The same in every refusal of an operation. */
  | { readonly status: 'insufficient_credits'; readonly available: Micros; readonly required: Micros }
  /** A limit allows less than `required`, and less than what is available. */
  | { readonly status: 'limit_reached'; readonly available: Micros; readonly limit: LimitRefusal; readonly required: Micros }
  /** One hold of the account may have no more than `most`. */
  | { readonly status: 'hold_limit'; readonly most: Micros }
  /** The most that one hold may have was asked for, and there is none. */
  | { readonly status: 'no_hold_limit' }
  | ({ readonly status: 'laxer_terms' } & LaxerTerms)
  /** The account has no limit of this id of `ownLimits`. */
  | { readonly status: 'unknown_limit'; readonly limitId: string }
  /** The id is taken by an open hold that was placed with other parameters. */
  | { readonly status: 'hold_exists' }
  /** The key belongs to another hold, or, of an end, to another request. */
  | { readonly status: 'idempotency_mismatch' }
  /** The id was used by a hold that has ended, with these or other parameters. */
  | { readonly status: 'hold_resolved'; readonly outcome: HoldOutcome }
  | { readonly status: 'too_many_holds' }
  | { readonly status: 'account_frozen' };
