import type { CallerKey } from '../../kit/caller.js';
import { writeFacts, type WrittenFacts } from '../../ledger/facts.js';
import type { ExpiryPolicy, HoldTerms, Ledger, PlaceHold, PlaceHoldReply, Principal } from '../../ledger/ledger.js';
import type { Spending } from '../../ledger/limits.js';
import type { Micros } from '../../kit/money/micros.js';

export type PlaceHoldDeps = {
  readonly ledger: Pick<Ledger, 'placeHold'>;
  /** How long a hold lives without being renewed. */
  readonly leaseMs: number;
};

export type PlaceHoldCommand = {
  readonly accountId: string;
  readonly holdId: string;
  /** A word of the use case that places it; lists of holds are filtered by it. */
  readonly kind: string;
  /** Micros; or as much as is available, from the least that will do to what is wanted. */
  readonly amount: Micros | Pick<PlaceHold, 'minimum' | 'desired'>;
  readonly holdMax?: Micros | null;
  readonly askedTerms?: PlaceHold['askedTerms'];
  /** Name of the price that the amount was computed with; '' for none. A settle must use the same. */
  readonly price: string;
  readonly facts: WrittenFacts;
  readonly by: Principal;
  /** Tells a repeat from another request under the same id. */
  readonly fingerprint: string;
  /** Who spends, and on what; absent: the account itself, on nothing that limits match. */
  readonly spending?: Spending | undefined;
  /** What limits of the account allow it at most: stricter than they are themselves. */
  readonly ownLimits?: PlaceHold['ownLimits'];
  /** Absent: the hold is released when its lease ends. */
  readonly expiryPolicy?: ExpiryPolicy;
  /** Absent: its end says by what rule usage beyond it is charged. */
  readonly terms?: HoldTerms;
  /** The caller's idempotency key; by default none. */
  readonly key?: CallerKey | null;
  /** Its end follows: it is a settlement without a hold. */
  readonly endsAtOnce?: boolean;
  /** Postgres need not be asked whether a hold of that id ended long ago. */
  readonly isNewId?: boolean;
};

/**
 * Reserves credits, whatever for. The same command again answers what the first did while the hold is open. An outcome that
 * is a refusal changed nothing; `placeRefusal` turns it into a failure.
 *
 * @throws GatewayError ledger_unavailable: it may have happened if its `outcome` is `unknown`; the same command again
 *   resolves that.
 */
export const placeHold = ({ ledger, leaseMs }: PlaceHoldDeps, command: PlaceHoldCommand): Promise<PlaceHoldReply> =>
  ledger.placeHold(holdOf(command, leaseMs));

/** The hold as the ledger places it. `leaseMs`: how long it lives without being renewed. */
export function holdOf(command: PlaceHoldCommand, leaseMs: number): PlaceHold {
  const { accountId, holdId, kind, amount, price, facts, by, fingerprint, spending, terms, ownLimits, key = null } = command;
  const { minimum, desired } = typeof amount === 'number' ? { minimum: amount, desired: amount } : amount;
  // Written out: this is the hot path, and copying the rest of an object costs as much as everything else here.
  return {
    accountId, holdId, kind, minimum, desired, price, by, fingerprint, spending, ...(terms === undefined ? {} : { terms }), ownLimits, key,
    holdMax: command.holdMax ?? null, askedTerms: command.askedTerms, endsAtOnce: command.endsAtOnce ?? false, leaseMs,
    expiryPolicy: command.expiryPolicy ?? 'release', isNewId: command.isNewId ?? false, about: writeFacts(facts),
  };
}
