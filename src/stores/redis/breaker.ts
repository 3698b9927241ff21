import { steadyClock, type Clock } from '../../kit/clock.js';

/** Lets calls through while Redis answers, and refuses them at once while it does not (docs/reliability.md#when-redis-is-slow-or-down). */
export interface Breaker {
  /** False: refuse without a call. While half open it lets one probe through. */
  allows(): boolean;
  succeeded(): void;
  failed(): void;
  state(): 'closed' | 'open' | 'half_open';
}

/** Consecutive failures that open it: an unreachable Redis is detected within five deadlines. */
const CONSECUTIVE_MAX = 5;
/** Share of failures in one window that opens it, if there were enough calls. */
const FAILED_SHARE_MAX = 0.5;
const CALLS_MIN = 20;
const WINDOW_MS = 1_000;
const OPEN_MS = 500;

/**
 * Counts consecutive and recent failures. Written by hand because the maintained circuit breakers need a newer Node or
 * wrap every call in timers and promises, which would cost more than the call itself. Only unavailability counts as a
 * failure: if refusals counted, one caller could block the gateway for all.
 */
export function breaker(clock: Clock = steadyClock, random: () => number = Math.random): Breaker {
  let openUntilMs = 0;
  let isProbing = false;
  let consecutive = 0;
  let windowStartMs = 0;
  let calls = 0;
  let failures = 0;

  const count = (isFailure: boolean): void => {
    const nowMs = clock();
    if (nowMs - windowStartMs > WINDOW_MS) {
      windowStartMs = nowMs;
      calls = 0;
      failures = 0;
    }
    calls += 1;
    if (isFailure) failures += 1;
  };

  return {
    allows() {
      if (openUntilMs === 0) return true;
      if (isProbing || clock() < openUntilMs) return false;
      isProbing = true;
      return true;
    },
    succeeded() {
      consecutive = 0;
      openUntilMs = 0;
      isProbing = false;
      count(false);
    },
    failed() {
      consecutive += 1;
      count(true);
      const isBad = consecutive >= CONSECUTIVE_MAX || (calls >= CALLS_MIN && failures / calls >= FAILED_SHARE_MAX);
      if (!isProbing && !isBad) return;
      isProbing = false;
      openUntilMs = clock() + OPEN_MS * (1 + random() / 2);
    },
    state() {
      if (openUntilMs === 0) return 'closed';
      return isProbing || clock() >= openUntilMs ? 'half_open' : 'open';
    },
  };
}
