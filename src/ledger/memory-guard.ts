import type { GatewayError } from '../kit/errors.js';
import { PLAIN_FACTS_LENGTH_MAX } from '../kit/limits.js';
import { ZERO, type Micros } from '../kit/money/micros.js';
import type { MemoryState } from '../stores/redis/watch-redis.js';
import { notNow } from './account-scripts.js';

/** Open holds that one account may have, and one pool with its members. */
export type OpenHoldsMax = { readonly account: number; readonly pool: number };

/** While memory is scarce, an account may have this share of its open holds. */
const SCARCE_HOLDS_SHARE = 1 / 20;

/** What of an operation counts when memory is short. An amount of null is not zero: it is the most that one hold may have. */
type Operation = { readonly amount: Micros | null; readonly about: string };

export type MemoryGuard = {
  /** @throws GatewayError ledger_unavailable, `not_executed`: memory is short, and this hold is refused before others, or as all are */
  readonly assertHold: (operation: Operation) => void;
  /** @throws the same for a charge */
  readonly assertCharge: (operation: Operation) => void;
  /** How many open holds an account may have now. */
  readonly openHoldsMax: (isPool: boolean) => number;
  /** Why one more is refused only because memory is short; null when it is refused anyway. */
  readonly tooManyNow: () => GatewayError | null;
};

/**
 * What is refused as Redis fills up, in this order, so that no caller takes the room of others: first what costs its caller
 * nothing (amounts of zero, metadata, many open holds of one account), then all new holds, and ends of holds never.
 */
export function memoryGuard(memory: () => MemoryState, most: OpenHoldsMax): MemoryGuard {
  const isShort = (): boolean => memory() !== 'normal';
  const assertNoFiller = ({ amount, about }: Operation): void => {
    if (!isShort()) return;
    if (amount === ZERO) throw notNow('the ledger is short of memory and takes nothing without an amount now; retry shortly');
    if (about.length > PLAIN_FACTS_LENGTH_MAX) {
      throw notNow('the ledger is short of memory and takes no metadata now; send less, or retry shortly');
    }
  };
  return {
    assertHold: (operation) => {
      if (memory() === 'high') throw notNow('the ledger is short of memory and takes no new holds now; retry shortly');
      assertNoFiller(operation);
    },
    assertCharge: assertNoFiller,
    openHoldsMax: (isPool) => {
      const all = isPool ? most.pool : most.account;
      return isShort() ? Math.ceil(all * SCARCE_HOLDS_SHARE) : all;
    },
    tooManyNow: () => (isShort()
      ? notNow('the ledger is short of memory and takes few open holds of an account now; retry shortly')
      : null),
  };
}
