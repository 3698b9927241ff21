import { LRUCache } from 'lru-cache';
import { joined } from '../../kit/ids.js';

/** What an end of a hold must know to be priced, so that it need not be read from Redis first. */
export type HoldPrice = { readonly price: string; readonly placedAtMs: number };

/**
 * Remembers the prices of holds that this process placed. Only a hint that saves a round trip: the settle script
 * compares the price with the hold's own and refuses a wrong one, so a forgotten or false memory costs time, not money.
 */
export interface HoldPrices {
  remember(accountId: string, holdId: string, price: HoldPrice): void;
  recall(accountId: string, holdId: string): HoldPrice | undefined;
}

/** About 200 bytes each; covers a minute of open streams at a thousand a second. */
const HOLD_PRICES_MAX = 50_000;

export function holdPrices(): HoldPrices {
  const cache = new LRUCache<string, HoldPrice>({ max: HOLD_PRICES_MAX });
  return {
    remember: (accountId, holdId, price) => { cache.set(joined(accountId, holdId), price); },
    recall: (accountId, holdId) => cache.get(joined(accountId, holdId)),
  };
}
