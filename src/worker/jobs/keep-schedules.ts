/** Schedules that were lost with Redis come back within this time: holds must go on ending on time. */
const REFRESH_MS = 2_000;
/** After a failure: Redis may be coming back. */
const RETRY_MS = 1_000;

export type KeepSchedules = {
  readonly upsert: () => Promise<void>;
  /** Whether all of them are there: one cheap look instead of writing them again. */
  readonly areThere: () => Promise<boolean>;
  readonly onError: (error: unknown) => void;
  readonly refreshMs?: number;
};

/**
 * Makes the schedules now, whatever is there (another version may have made them), and again whenever some are missing,
 * for as long as the process lives. Returns what stops it.
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
