import type { Micros } from '../kit/money/micros.js';
import type { EntryKind } from './entry.js';
import type { Balance, Lot, Totals } from './account-snapshot.js';
import type { About, ExpiryPolicy, HoldOutcome, HoldTerms, Principal } from './ledger.js';
import type { AccountLimits, LimitCount } from './limits.js';
import type { VersionedTerms } from './account-terms.js';

/**
 * An account as Postgres has it: what is loaded into Redis when Redis does not have the account, after a cold start, a
 * loss of Redis or an eviction (design decision 5).
 */
export type AccountImage = Balance & {
  /** The last entry that Postgres has; 0 for an account it has never seen. */
  readonly seq: number;
  readonly totals: Totals;
  /** Whether the account is frozen: then nothing of it may be written. */
  readonly frozen: boolean;
  /** Lots with something remaining or held. */
  readonly lots: readonly Lot[];
  readonly openHolds: readonly OpenHoldImage[];
  /** Holds that ended recently enough for a repeat to arrive (EXPIRED_HOLD_TTL_SECONDS). */
  readonly endedHolds: readonly EndedHoldImage[];
  /** Answers of keyed operations inside RECEIPT_TTL_SECONDS (MONEY_IN_RECEIPT_TTL_SECONDS for money-in). */
  readonly receipts: readonly ReceiptImage[];
  /** Deductions inside DEDUCTION_TTL_SECONDS that no usage record has claimed. */
  readonly deductions: readonly DeductionImage[];
  /** Definitions of its limits, and Redis' time when they were read; null: it never had any. */
  readonly limits: (AccountLimits & { readonly readAtMs: number }) | null;
  /** Windows of its limits that still count, or that an open hold can give back to. */
  readonly limitCounts: readonly LimitCount[];
  /** What it allows its holds; null: it never had terms of its own. */
  readonly terms: VersionedTerms | null;
};

/** How much of a hold each lot gave, in the order in which it was taken. */
export type HoldPart = { readonly lotId: string; readonly amount: Micros };

export type OpenHoldImage = {
  readonly holdId: string;
  readonly kind: string;
  readonly seq: number;
  readonly amount: Micros;
  readonly parts: readonly HoldPart[];
  readonly expiresAtMs: number;
  readonly placedAtMs: number;
  /** With `seq` and `placedAtMs` what its place was answered, whatever `amount` and `expiresAtMs` have become: a repeat gets it. */
  readonly placedAmount: Micros;
  readonly placedExpiresAtMs: number;
  /** What was left when it was placed. */
  readonly placedAvailable: Micros;
  readonly policy: ExpiryPolicy;
  readonly price: string;
  readonly fingerprint: string;
  readonly about: About;
  readonly placedBy: Principal;
  /** What it counts in which windows of limits (limits.ts). */
  readonly limitParts: string;
  /** What it is for: which lots it may use (entry.ts). */
  readonly spentOn: string;
  /** What limits match it by (entry.ts). */
  readonly spending: string;
  /** Null for a hold without terms of its own. */
  readonly terms: HoldTerms | null;
  /** What Postgres has of its usage so far; `reportedAtMs` null: nothing. */
  readonly reported: Micros;
  readonly reportedUsage: string;
  readonly reportedAtMs: number | null;
};

export type EndedHoldImage = {
  readonly holdId: string;
  readonly kind: string;
  readonly placedSeq: number;
  readonly placedAvailable: Micros;
  /** Fingerprint of the request that placed it, and of the one that ended it ('' for an expiry). */
  readonly fingerprint: string;
  readonly endFingerprint: string;
  /** Facts given when the hold was placed; `outcome.about` are those of its end. */
  readonly about: About;
  readonly price: string;
  readonly expiresAtMs: number;
  readonly placedBy: Principal;
  readonly limitParts: string;
  /** What limits matched it by (entry.ts). */
  readonly spending: string;
  /** What it is for: which lots it may use (entry.ts). */
  readonly spentOn: string;
  /** When it ended or was settled late, without later corrections: the correction window starts here. */
  readonly closedAtMs: number;
  readonly policy: ExpiryPolicy;
  /** A late settle is charged by these. */
  readonly terms: OpenHoldImage['terms'];
  readonly reported: Micros;
  readonly reportedUsage: string;
  /** What an expiry by report took from lots, as the script wrote it. */
  readonly spent: string;
  readonly outcome: HoldOutcome;
};

/** One keyed operation's answer, from its entry. `available` and `debt` are the entry's deltas. */
export type ReceiptImage = {
  readonly key: string;
  readonly kind: EntryKind;
  readonly fingerprint: string;
  readonly seq: number;
  readonly atMs: number;
  readonly available: Micros;
  readonly debt: Micros;
  readonly availableAfter: Micros;
  /** Amount of refused usage. */
  readonly uncollected: Micros;
};

/** A deduction that no usage record has claimed yet. */
export type DeductionImage = { readonly seq: number; readonly atMs: number; readonly amount: Micros };

/** The first entry that was made under a key; or, if a charge was only refused, that of its last refusal. */
export type ChargeImage = Pick<ReceiptImage, 'kind' | 'fingerprint' | 'seq' | 'atMs' | 'availableAfter' | 'uncollected'> & {
  /** Of an operation on a hold; '' for a charge. */
  readonly holdId: string;
};

export type HoldName = { readonly accountId: string; readonly holdId: string };

/** Reads accounts, single ended holds and single charges from Postgres. Throws when Postgres does not answer. */
export interface AccountSource {
  loadAccount(accountId: string): Promise<AccountImage>;
  /** A hold that Redis has forgotten, or null when there never was one. */
  loadEndedHold(accountId: string, holdId: string): Promise<EndedHoldImage | null>;
  /** The same with a short deadline: also null when Postgres does not answer in time. Never throws. */
  recallEndedHold(accountId: string, holdId: string): Promise<EndedHoldImage | null>;
  /** The same for many, by one statement; in the order of the names. @throws where one row cannot be read */
  recallEndedHolds(names: readonly HoldName[]): Promise<readonly (EndedHoldImage | null)[]>;
  /** What was made under this key within KEYS_KEPT_DAYS, or null; the first one if there are two. */
  loadCharge(accountId: string, key: string): Promise<ChargeImage | null>;
}
