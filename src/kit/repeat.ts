import { onGrid } from './on-grid.js';

/**
 * Calls `turn` at once and then repeatedly, each time about `everyMs` after the last one ended (on-grid.ts), so that turns never
 * overlap. A failed turn is reported to `onError`, and the next one runs as usual. Returns a stop function, which does not interrupt
 * a turn in progress. `everyMs` may be a function, called after each turn, for work whose cost should set its period.
 */
export function repeat(everyMs: number | (() => number), turn: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let cancel = (): void => undefined;
  let isStopped = false;
  const run = (): void => {
    turn()
      .catch((error: unknown) => { if (!isStopped) onError(error); })
      .finally(() => { if (!isStopped) cancel = onGrid(typeof everyMs === 'number' ? everyMs : everyMs(), run); });
  };
  run();
  return () => {
    isStopped = true;
    cancel();
  };
}
