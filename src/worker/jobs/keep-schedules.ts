/** Schedules that were lost with Redis are restored within this time. What is looked for (look-for-work.ts) does not wait for it. */
const REFRESH_MS = 10_000;
/** Delay after a failure, for example while Redis restarts. */
const RETRY_MS = 1_000;

export type KeepSchedules = {
  readonly upsert: () => Promise<void>;
  /** Whether all schedules exist as this version has them: reading is cheaper than writing them again. */
  readonly areThere: () => Promise<boolean>;
  readonly onError: (error: unknown) => void;
  readonly refreshMs?: number;
};

/**
 * Writes the schedules now, and again whenever some are missing or another version has written different ones: workers of both run
 * side by side during an update. Returns a function that stops it.
 */
export function keepSchedules({ upsert, areThere, onError, refreshMs = REFRESH_MS }: KeepSchedules): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let isMade = false;
  const turn = async (): Promise<void> => {
    let delayMs = refreshMs;
    try {
      if (!isMade || !(await areThere())) await upsert();
      isMade = true;
    } catch (error) {
      delayMs = Math.min(RETRY_MS, refreshMs);
      if (!isStopped()) onError(error);
    }
    if (!isStopped()) timer = setTimeout(() => void turn(), delayMs).unref();
  };
  const isStopped = (): boolean => stopped;
  void turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
