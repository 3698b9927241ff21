/** How long a delivery is tried. */
export const DELIVERY_LIFE_MS = 3 * 86_400_000;
/** An endpoint whose every attempt failed for this long is disabled. */
export const DISABLED_AFTER_MS = 5 * 86_400_000;
const FIRST_MS = 5_000;
const FACTOR = 3;
const LONGEST_MS = 6 * 3_600_000;
/** Endpoints that failed together do not come back together. */
const JITTER = 0.2;

/**
 * When a failed delivery is tried again: after 5 s, 15 s, 45 s and so on up to 6 h, each up to a fifth later. The last attempt
 * is at `giveUpAtMs`; null after that one. `random` is from 0 to 1.
 */
export function nextAttemptMs(
  { attempts, nowMs, giveUpAtMs, random }: {
    readonly attempts: number; readonly nowMs: number; readonly giveUpAtMs: number; readonly random: number;
  },
): number | null {
  if (nowMs >= giveUpAtMs) return null;
  const delayMs = Math.min(FIRST_MS * FACTOR ** Math.max(0, attempts - 1), LONGEST_MS);
  return Math.min(Math.floor(nowMs + delayMs * (1 + JITTER * random)), giveUpAtMs);
}
