import type { Micros } from '../kit/money/micros.js';
import type { AccountTerms } from './account-terms.js';
import type { BalanceName, TotalName } from './figures.js';

export type Balance = Readonly<Record<BalanceName, Micros>>;

export type Lot = {
  readonly lotId: string;
  readonly amount: Micros;
  readonly remaining: Micros;
  readonly held: Micros;
  readonly grantedAtMs: number;
  readonly expiresAtMs: number | null;
  /** Its priority and restriction as text; '' when it has none (lot-rule.ts). */
  readonly rule: string;
};

export type OpenHold = {
  readonly holdId: string;
  readonly kind: string;
  readonly seq: number;
  readonly amount: Micros;
  readonly placedAtMs: number;
  readonly expiresAtMs: number;
  readonly price: string;
  /** As the operation gave it: JSON text (`About`). */
  readonly about: string;
};

/** Totals since the account began; see I1 for how they add up. */
export type Totals = Readonly<Record<TotalName, Micros>>;

/** An account without its open holds, which may be a thousand. */
export type AccountFunds = Balance & {
  readonly seq: number;
  readonly totals: Totals;
  /** Shown as it stood when it was frozen: holds past their lease are still held. */
  readonly frozen: boolean;
  /** Live lots with something left, in the order they will be spent. */
  readonly lots: readonly Lot[];
  /** What it allows its holds. */
  readonly terms: AccountTerms;
};

export type AccountSnapshot = AccountFunds & {
  /** Open holds, soonest lease end first. */
  readonly holds: readonly OpenHold[];
};
