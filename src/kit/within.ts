import { orLate } from './deadline.js';

/** Waits for work, but at most `ms`; then it throws. The work is not cancelled. */
export const within = <T>(ms: number, what: string, work: Promise<T>): Promise<T> =>
  orLate(ms, work, () => { throw new Error(`${what} took longer than ${ms} ms`); });

/**
 * Reads from a server that may hang. Returns the current result if it comes in time, else the last known one, else
 * undefined. Only one read at a time: while one hangs, no other starts.
 */
export function lastKnown<T>(look: () => Promise<T>, withinMs: number): () => Promise<T | undefined> {
  let known: T | undefined;
  let looking: Promise<void> | undefined;
  return async () => {
    looking ??= look().then((found) => { known = found; }, () => undefined).finally(() => { looking = undefined; });
    await within(withinMs, 'a look', looking).catch(() => undefined);
    return known;
  };
}
