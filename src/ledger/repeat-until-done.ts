export type Repeated = {
  /** Starts the work, or, while it runs, has it run once more afterwards. */
  readonly again: () => void;
  /** No run starts after this. */
  readonly stop: () => void;
};

/** Runs work when asked to, one run at a time, and repeats a run that failed until one succeeds. */
export function repeatUntilDone(work: () => Promise<void>, retryMs: number, onError: (error: unknown) => void): Repeated {
  let isStopped = false;
  let isRunning = false;
  let isWanted = false;

  const goesOn = (): boolean => isWanted && !isStopped;
  const run = async (): Promise<void> => {
    isRunning = true;
    while (goesOn()) {
      isWanted = false;
      try {
        await work();
      } catch (error) {
        isWanted = true;
        if (!goesOn()) break;
        onError(error);
        await new Promise((resolve) => { setTimeout(resolve, retryMs).unref(); });
      }
    }
    isRunning = false;
  };

  return {
    again: () => {
      isWanted = true;
      if (!isRunning) void run();
    },
    stop: () => { isStopped = true; },
  };
}
