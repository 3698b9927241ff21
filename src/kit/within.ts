import { orLate } from './deadline.js';

/** Waits for work, but no longer than `ms`: then it throws, and the work goes on by itself. */
export const within = <T>(ms: number, what: string, work: Promise<T>): Promise<T> =>
  orLate(ms, work, () => { throw new Error(`${what} took longer than ${ms} ms`); });

/**
 * A look at a server that may hang. Answers with what it says now if that comes in time, else with the last that it
 * said, else with undefined. One look at a time: while one hangs, no other waits behind it.
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
