import { setImmediate as nextTurn } from 'node:timers/promises';

/** Awaited between parts of a long calculation. */
export type Pause = () => Promise<void> | undefined;

/** How long a calculation may run before other work gets its turn: well below what a caller notices. */
const SLICE_MS = 2;

/** A pause for one calculation: lets the event loop turn when the last turn was more than a slice ago, otherwise does nothing. */
export function slices(nowMs: () => number = () => performance.now()): Pause {
  let startedMs = nowMs();
  return () => {
    if (nowMs() - startedMs < SLICE_MS) return undefined;
    return nextTurn().then(() => { startedMs = nowMs(); });
  };
}
