/** A timer that fires later than this says that the event loop was busy, not that the timer is coarse. */
const LATE_MS = 5;
/** Turns of the event loop that are given to reading: libraries pass on what they have read with a delay of up to one. */
const LOOKS = 2;

/**
 * Calls `onLate` about `ms` from now, unless the returned function is called before.
 *
 * For waiting for I/O. A plain timer gives up too early: after a long turn of the event loop timers run before sockets
 * are read, so it fires while the answer lies in the socket. Here what has arrived is read first, and comes first. When
 * the loop was late it waits once more, for as long as it was late and at most `ms`: work of several steps has lost that
 * time, and on a busy machine the other side was probably held up, too.
 *
 * Total: on a free loop `ms` and two turns of the loop. On a busy one twice `ms`, and the time for which the loop itself
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

/**
 * What `work` comes to, or, past a deadline of `ms` (see `startDeadline`), what `late` answers or throws. The work itself
 * goes on.
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
