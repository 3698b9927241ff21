import type { Clock } from './clock.js';

/**
 * One result for many callers: the first caller makes it, those that come meanwhile wait for the same one, and so do all for
 * `freshMs` after it was made. A failure is not kept.
 */
export function shared<T>(make: () => Promise<T>, freshMs: number, clock: Clock = () => performance.now()): () => Promise<T> {
  let last: { readonly result: Promise<T>; madeAtMs: number } | undefined;
  return () => {
    if (last !== undefined && clock() - last.madeAtMs < freshMs) return last.result;
    const next = { result: make(), madeAtMs: Infinity }; // not made yet: everybody waits for it
    last = next;
    next.result.then(() => { next.madeAtMs = clock(); }, () => { if (last === next) last = undefined; });
    return next.result;
  };
}
