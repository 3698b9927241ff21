/**
 * Does something at once and then again and again, each time `everyMs` after the last one ended, so that a slow turn is
 * never overtaken by the next. A turn that fails is told and forgotten. Answers what stops it; a turn under way goes on.
 * `everyMs` may be a function, asked after each turn, for work whose cost should decide how often it is done.
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
