import { LRUCache } from 'lru-cache';
import { orLate } from '../../kit/deadline.js';
import type { Micros } from '../../kit/money/micros.js';

/** What Postgres knows of an account and a balance tells besides what can be spent. */
export type CreditProfile = {
  readonly purchased: Micros;
  readonly plan: string | null;
  readonly lastRefillAtMs: number | null;
};

/** The profile of an account, the last one known, or null when it cannot be known now. Never fails, never takes long. */
export type ReadCreditProfile = (accountId: string) => Promise<CreditProfile | null>;

export type LastKnownProfileDeps = {
  readonly read: (accountId: string) => Promise<CreditProfile>;
  readonly onError: (error: unknown) => void;
  readonly deadlineMs?: number;
};

/** How long a balance waits for its profile. After that the last known profile is used. */
const DEADLINE_MS = 100;
/** About 150 bytes each. */
const KNOWN_MAX = 10_000;
/** Limit of concurrent reads, including those past their deadline, so that they do not slow Postgres down further. */
const UNDER_WAY_MAX = 32;

/**
 * Reads profiles beside balances, so that an outage of Postgres never fails a balance: past the deadline, and while
 * too many reads hang, the last known profile is the answer. Requests for one account at a time share one read.
 */
export function lastKnownProfile({ read, onError, deadlineMs = DEADLINE_MS }: LastKnownProfileDeps): ReadCreditProfile {
  const known = new LRUCache<string, CreditProfile>({ max: KNOWN_MAX });
  const underWay = new Map<string, Promise<CreditProfile | null>>();

  const begin = (accountId: string): Promise<CreditProfile | null> => {
    const reading = read(accountId)
      .then((profile) => {
        known.set(accountId, profile);
        return profile;
      })
      .catch((error: unknown) => {
        onError(error);
        return known.get(accountId) ?? null;
      })
      .finally(() => { underWay.delete(accountId); });
    underWay.set(accountId, reading);
    return reading;
  };

  return async (accountId) => {
    const shared = underWay.get(accountId);
    if (shared === undefined && underWay.size >= UNDER_WAY_MAX) return known.get(accountId) ?? null;
    return (await orLate(deadlineMs, shared ?? begin(accountId), () => null)) ?? known.get(accountId) ?? null;
  };
}
