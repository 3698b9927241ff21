/**
 * Calls `turn` at once and then repeatedly, each time `everyMs` after the last one ended, so that turns never overlap. A
 * failed turn is reported to `onError`, and the next one runs as usual. Returns a stop function, which does not interrupt a
 * turn in progress. `everyMs` may be a function, called after each turn, for work whose cost should set its period.
 */
export function repeat(everyMs: number | (() => number), turn: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const run = (): void => {
    turn()
      .catch((error: unknown) => { if (!isStopped) onError(error); })
      .finally(() => { if (!isStopped) timer = setTimeout(run, typeof everyMs === 'number' ? everyMs : everyMs()).unref(); });
  };
  run();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
