/** A timer that fires later than this shows that the event loop was blocked; timers themselves are more precise. */
const LATE_MS = 5;
/** Extra turns of the event loop for reading: libraries pass on received data with a delay of up to one turn. */
const LOOKS = 2;

/**
 * Calls `onLate` about `ms` from now, unless the returned function is called before.
 *
 * Made for waiting for I/O, where a plain timer gives up too early: after a long turn of the event loop timers run before
 * sockets are read, so the timer fires although the answer has arrived. This function lets the loop read first. When the
 * loop was late, it also waits once more for the same delay, at most `ms`: this process lost that time, and on a busy
 * machine the other side probably did, too.
 *
 * Total wait: on a free loop `ms` and two turns of the loop; on a busy one twice `ms` plus the time for which the loop
 * was blocked.
 */
export function startDeadline(ms: number, onLate: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let looking: NodeJS.Immediate | undefined;
  const look = (looksLeft: number): void => {
    if (looksLeft === 0) onLate();
    else looking = setImmediate(() => { look(looksLeft - 1); });
  };
  const wait = (waitMs: number, isExtension: boolean): void => {
    const dueAt = performance.now() + waitMs;
    timer = setTimeout(() => {
      const lateMs = performance.now() - dueAt;
      if (isExtension || lateMs < LATE_MS) look(LOOKS);
      else wait(Math.min(lateMs, ms), true);
    }, waitMs);
  };
  wait(ms, false);
  return () => {
    clearTimeout(timer);
    clearImmediate(looking);
  };
}

/** Starts to wait; the returned function ends it. `onLate` is called past the deadline. */
export type Deadline = (onLate: () => void) => () => void;

type Group = { readonly waiting: Set<() => void>; cancel: () => void };

/**
 * A deadline of `ms`, like `startDeadline`, for many waits: those that begin in one turn of the event loop share a timer. Counted from
 * the end of that turn.
 */
export function sharedDeadline(ms: number): Deadline {
  let ofThisTurn: Group | undefined;
  const begin = (): Group => {
    const group: Group = { waiting: new Set(), cancel: () => undefined };
    setImmediate(() => {
      ofThisTurn = undefined;
      if (group.waiting.size > 0) group.cancel = startDeadline(ms, () => { for (const onLate of group.waiting) onLate(); });
    });
    return group;
  };
  return (onLate) => {
    const group = ofThisTurn ??= begin();
    group.waiting.add(onLate);
    return () => {
      group.waiting.delete(onLate);
      if (group.waiting.size === 0) group.cancel();
    };
  };
}

/**
 * The result of `work`, or, past a deadline of `ms` (see `startDeadline`), what `late` returns or throws. The work is not
 * cancelled.
 */
export async function orLate<T, L>(ms: number, work: Promise<T>, late: () => L): Promise<T | L> {
  let cancel = (): void => undefined;
  const limit = new Promise<void>((resolve) => { cancel = startDeadline(ms, resolve); }).then(late);
  try {
    return await Promise.race([work, limit]);
  } finally {
    cancel();
  }
}
