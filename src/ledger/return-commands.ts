import type { Micros } from '../kit/money/micros.js';

/** Commands and replies of the operations that give credits back or bring them from another account (return-operations.ts). */

/** What returns to one lot, with the lot's facts for the case that Redis no longer has it; or what was captured as debt. */
export type RefundPart =
  | {
    readonly lotId: string; readonly amount: Micros; readonly lotAmount: Micros; readonly expiresAtMs: number | null;
    readonly grantedAtMs: number;
    /** Absent in intents of the version before: none. */
    readonly rule?: string;
  }
  | { readonly lotId: null; readonly amount: Micros };

/** `key` names the intent for ever; `about` is as in ledger.ts. */
type Intent = { readonly accountId: string; readonly key: string; readonly about: string };

export type Refund = Intent & {
  readonly amount: Micros;
  /** Of the lot that the refund opens if something has no lot to return to. */
  readonly lotId: string;
  /** In the order in which they return; their amounts add up to `amount`. */
  readonly parts: readonly RefundPart[];
  /** How long credits live whose lot has ended; null: they expire at once. */
  readonly graceMs: number | null;
  /** How long credits live that were captured as debt, if the debt has been paid since. */
  readonly debtGraceMs: number;
  /** The hold whose capture is refunded, or ''. */
  readonly holdId: string;
};
export type RefundReply =
  | {
    readonly status: 'refunded';
    readonly replayed: boolean;
    readonly debtPaid: Micros;
    readonly previous: Micros;
    readonly available: Micros;
  }
  /** The account has not captured so much: nothing changed. */
  | { readonly status: 'not_captured' }
  | { readonly status: 'account_frozen' };

export type ReceiveLots = Intent & {
  readonly lots: readonly {
    readonly lotId: string; readonly amount: Micros; readonly expiresAtMs: number | null;
    /** As of a grant. */
    readonly rule?: string;
  }[];
};
export type ReceiveLotsReply =
  | {
    readonly status: 'received';
    readonly replayed: boolean;
    readonly debtPaid: Micros;
    readonly previous: Micros;
    readonly available: Micros;
  }
  | { readonly status: 'too_many_lots' | 'balance_limit' | 'account_frozen' };
