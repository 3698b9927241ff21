import type { CallerKey } from '../kit/caller.js';
import type { Micros } from '../kit/money/micros.js';
import type { Tell } from '../kit/tell.js';
import type { AccountFunds, AccountSnapshot, Balance } from './account-snapshot.js';
import type { VersionedTerms } from './account-terms.js';
import type { ChargeKey } from './charge-key.js';
import type { About, HoldOutcome, OverCapture, Principal, SettleUse } from './hold-terms.js';
import type { LeaseOperations } from './lease-port.js';
import type { AccountLimits, LimitRefusal, LimitState, Spending } from './limits.js';
import type { PlaceHold, PlaceHoldReply } from './place-port.js';
import type { ReceiveLots, ReceiveLotsReply, Refund, RefundReply } from './return-commands.js';

export type { About, ExpiryPolicy, HoldOutcome, HoldTerms, OverCapture, Principal } from './hold-terms.js';
export type { AskedTerms, LaxerTerms, PlacedHold, PlaceHold, PlaceHoldReply } from './place-port.js';

/**
 * The port of the core: the operations on an account (docs/architecture.md#operations-of-the-ledger). Use cases call
 * them; the only implementation is
 * `redis-ledger.ts`. Every operation is one atomic step, and its journal entry is part of the step.
 *
 * All operations throw GatewayError('ledger_unavailable') when Redis does not answer in time; its `outcome` says whether
 * the step may have been executed (`unknown`) or certainly was not (`not_executed`).
 */
export interface Ledger extends LeaseOperations {
  /** Adds a lot; pays debt first. Idempotent by `key`. */
  grantLot(command: GrantLot): Promise<GrantLotReply>;
  /**
   * Reserves `desired` from live lots, or what is available if that is at least `minimum`. Idempotent by `holdId` while the
   * hold is open; the id of an ended hold is refused.
   */
  placeHold(command: PlaceHold): Promise<PlaceHoldReply>;
  /**
   * Places several, those of one account in their order; each is decided, answered and fails as if it were alone. Resolves after all
   * were told.
   */
  placeHolds(commands: readonly PlaceHold[], tell: Tell<PlaceHoldReply>): Promise<void>;
  /**
   * Captures `cost`, releases the rest to its lots; above the hold by its own terms, or else by `overCapture`. A hold that has
   * ended already is charged the difference when `cost` is more than it was charged; the same cost repeats the outcome; less
   * is refused, unless its expiry charged what was reported: then the difference is given back.
   */
  settleHold(command: SettleHold): Promise<SettleHoldReply>;
  /** Ends a hold with nothing captured. */
  voidHold(command: VoidHold): Promise<VoidHoldReply>;
  /** Ends a hold whose lease is over, by its own policy; does nothing to one that is not due. */
  expireHold(accountId: string, holdId: string): Promise<ExpireHoldReply>;
  /** Debits in one step, or refuses and changes nothing. Idempotent by `key` when there is one. */
  charge(command: Charge): Promise<ChargeReply>;
  /** Replaces what is available by one lot of `amount`; holds are untouched, debt is cleared. Idempotent by `key`. */
  setBalance(command: SetBalance): Promise<SetBalanceReply>;
  /** Removes credits from what is available, or refuses. Idempotent by `key`. */
  remove(command: Remove): Promise<RemoveReply>;
  /** Removes what is left of one lot and ends it; its held part cannot return to it either. Idempotent by `key`. */
  revokeLot(command: RevokeLot): Promise<RevokeLotReply>;
  /**
   * Gives captured credits back: to the debt first, then to the lots they came from. The caller has decided how much may be
   * refunded of what (credits/refunds/plan-refund.ts). Idempotent by `key`.
   */
  refund(command: Refund): Promise<RefundReply>;
  /** Opens the lots that a transfer brings, in one entry; pays debt first. Idempotent by `key`. */
  receiveLots(command: ReceiveLots): Promise<ReceiveLotsReply>;
  /** Ends the lots of an account that are due; none of a frozen one. */
  expireLots(accountId: string): Promise<ExpireLotsReply>;
  /**
   * Stops every write to an account until it is thawed: 423 account_frozen for all of them, while repeats and reads are
   * answered. Nothing of the account expires in the meantime.
   */
  freeze(command: FreezeAccount): Promise<FreezeReply>;
  /** Allows writes again; what fell due in the meantime ends now. */
  thaw(command: FreezeAccount): Promise<FreezeReply>;
  /**
   * Replaces the definitions of an account's limits, unless they are older than what Redis has. Postgres must have them
   * already: an account that is loaded brings its own.
   */
  setLimits(command: SetLimits): Promise<{ readonly status: 'set' | 'unchanged' }>;
  /** Replaces what an account allows its holds, unless it is older than what Redis has. Postgres must have it already. */
  setTerms(accountId: string, terms: VersionedTerms): Promise<{ readonly status: 'set' | 'unchanged' }>;
  /** What the limits that match have used and allow now. */
  readLimits(accountId: string, spending: Spending): Promise<readonly LimitUse[]>;
  /** What can be spent now: due lots are already left out and due holds already ended. */
  readBalance(accountId: string): Promise<Balance>;
  /** One consistent snapshot of an account without its open holds. */
  readFunds(accountId: string): Promise<AccountFunds>;
  /** The same with its open holds: Redis reads each of them, at most SNAPSHOT_HOLDS_MAX. */
  readAccount(accountId: string): Promise<AccountSnapshot>;
}

export type GrantLot = {
  readonly accountId: string;
  /** Unique per account and ordered by age: decides the order of lots with the same expiry. */
  readonly lotId: string;
  readonly amount: Micros;
  /** Milliseconds since 1970, or null for a lot that never expires. */
  readonly expiresAtMs: number | null;
  /** Permanent name of this intent; the same key never grants twice. */
  readonly key: string;
  /** `grant` for an allocation, `adjust` for the positive side of an adjustment. */
  readonly kind: 'grant' | 'adjust';
  readonly about: About;
  /** When it is used and what for, as text (lot-rule.ts); by default it has no rule. */
  readonly rule?: string;
};

export type GrantLotReply =
  | {
    readonly status: 'granted';
    readonly replayed: boolean;
    readonly remaining: Micros;
    readonly debtPaid: Micros;
    readonly previous: Micros;
    readonly available: Micros;
  }
  | { readonly status: 'too_many_lots' }
  | { readonly status: 'balance_limit' }
  | { readonly status: 'account_frozen' };

export type SettleHold = {
  readonly accountId: string;
  readonly holdId: string;
  /** Read with `use` absent or `amount`. */
  readonly cost: Micros;
  /**
   * Absent: `cost`, which was computed with `price`. `amount`: `cost`, at any price. Otherwise what the hold has: the cost of
   * the usage `reported` so far, of its `input`, or the `estimate`, which is the whole hold.
   */
  readonly use?: SettleUse;
  /** The price name the cost was computed with, or null when the caller does not know the hold's price yet. */
  readonly price: string | null;
  readonly overCapture: OverCapture;
  /** Debt may not exceed this; the excess is recorded as uncollected. Null: no limit. */
  readonly debtLimit: Micros | null;
  /** Names of models that were used besides that of the hold: it then counts against limits of these too. */
  readonly models?: readonly string[] | undefined;
  /** Distinguishes a repeat of this settle from another settle: includes the kind of end and the usage. */
  readonly fingerprint: string;
  /** The caller's idempotency key: it names one end or correction of the hold. By default none. */
  readonly key?: CallerKey | null;
  readonly about: About;
  /** Who ends it; by default a user. */
  readonly by?: Principal;
  /**
   * The `seq` of the earlier end that the cost takes into account. Absent: none, and any end that charged less is
   * corrected. Null: no end is known yet; a settled or voided hold answers `hold_resolved` and is not corrected.
   */
  readonly corrects?: number | null;
};

export type SettleHoldReply =
  /** Also a replay of another kind of end that charged the same: `outcome.state` tells which. */
  | { readonly status: 'settled'; readonly replayed: boolean; readonly outcome: HoldOutcome }
  /** `price` was null or is not the hold's. Nothing changed: compute the cost again with this price. */
  | { readonly status: 'price_needed'; readonly price: string; readonly placedAtMs: number; readonly about: About }
  /** More than `cost` was charged, or the correction window has closed. Nothing changed. */
  | { readonly status: 'hold_resolved'; readonly outcome: HoldOutcome }
  | { readonly status: 'hold_not_found' }
  /** A service placed it, and a user may not end it. */
  | { readonly status: 'forbidden' }
  | { readonly status: 'idempotency_mismatch' }
  | { readonly status: 'account_frozen' };

export type VoidHold = {
  readonly accountId: string;
  readonly holdId: string;
  readonly about: About;
  readonly by?: Principal;
  /** The caller's idempotency key, by default none; `fingerprint` is of the request under it. */
  readonly key?: CallerKey | null;
  readonly fingerprint?: string;
};

export type VoidHoldReply =
  /** Also a replay of another kind of end that charged nothing: `outcome.state` tells which. */
  | { readonly status: 'voided'; readonly replayed: boolean; readonly outcome: HoldOutcome }
  | { readonly status: 'hold_resolved'; readonly outcome: HoldOutcome }
  | { readonly status: 'hold_not_found' }
  | { readonly status: 'forbidden' }
  | { readonly status: 'idempotency_mismatch' }
  | { readonly status: 'account_frozen' };

export type ExpireHoldReply =
  | { readonly status: 'expired'; readonly outcome: HoldOutcome }
  | { readonly status: 'not_due' }
  | { readonly status: 'hold_resolved' }
  | { readonly status: 'hold_not_found' };

export type Charge = {
  readonly accountId: string;
  readonly amount: Micros;
  /** The caller's idempotency key, or null: then every call is a new charge. */
  readonly key: ChargeKey | null;
  readonly fingerprint: string;
  readonly price: string;
  readonly about: About;
  /** By default only the charge itself. */
  readonly purpose?: ChargePurpose;
  /** As of a hold. */
  readonly spending?: Spending | undefined;
  readonly keyLimit?: string;
};

/**
 * The purpose of a charge. `deduction`: a usage record of the same amount may follow and claim it. `usage`: reports usage;
 * if it is refused for lack of credits, it is recorded as uncollected. `deducted_usage`: the same, but it claims a
 * deduction, if there is one, instead of being charged.
 */
export type ChargePurpose = 'deduction' | 'usage' | 'deducted_usage';

export type ChargeReply =
  | { readonly status: 'charged'; readonly replayed: boolean; readonly seq: number; readonly available: Micros; readonly atMs: number }
  | { readonly status: 'insufficient_credits'; readonly available: Micros }
  | { readonly status: 'limit_reached'; readonly available: Micros; readonly limit: LimitRefusal }
  /** The key was used for another request. */
  | { readonly status: 'idempotency_mismatch' }
  | { readonly status: 'account_frozen' };

export type SetBalance = Omit<GrantLot, 'kind'>;
export type SetBalanceReply =
  | { readonly status: 'set'; readonly replayed: boolean; readonly previous: Micros; readonly available: Micros }
  | { readonly status: 'balance_limit' }
  | { readonly status: 'account_frozen' };

/** `transfer_out`: the credits go to another account. */
export type Remove = Pick<GrantLot, 'accountId' | 'amount' | 'key' | 'about'> & { readonly kind: 'remove' | 'adjust' | 'transfer_out' };
export type RemoveReply =
  | { readonly status: 'removed'; readonly replayed: boolean; readonly previous: Micros; readonly available: Micros }
  | { readonly status: 'insufficient_credits'; readonly available: Micros }
  | { readonly status: 'account_frozen' };

export type RevokeLot = { readonly accountId: string; readonly lotId: string; readonly key: string; readonly about: About };
export type RevokeLotReply =
  | {
    readonly status: 'revoked';
    readonly replayed: boolean;
    readonly amount: Micros;
    readonly previous: Micros;
    readonly available: Micros;
  }
  /** There is no such lot, or nothing of it is left. */
  | { readonly status: 'lot_not_found' }
  | { readonly status: 'account_frozen' };

export type ExpireLotsReply = { readonly status: 'expired'; readonly amount: Micros } | { readonly status: 'nothing_due' };

/** `nowMs`: Redis' clock, about; the edges of calendar windows are made around it. */
export type SetLimits = { readonly accountId: string; readonly limits: AccountLimits; readonly nowMs: number };
export type LimitUse = LimitState & { readonly used: Micros };

export type FreezeAccount = { readonly accountId: string; readonly about: About };
export type FreezeReply =
  | { readonly status: 'changed'; readonly seq: number; readonly atMs: number }
  /** The account was already in this state. */
  | { readonly status: 'unchanged' };
