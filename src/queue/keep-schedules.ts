/** A schedule that was lost with Redis comes back within this time. */
const REFRESH_MS = 60_000;
/** After a failure: Redis may be coming back. */
const RETRY_MS = 1_000;

export type KeepSchedules = {
  readonly upsert: () => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly refreshMs?: number;
};

/** Makes the schedules now and again every minute, for as long as the process lives. Returns what stops it. */
export function keepSchedules({ upsert, onError, refreshMs = REFRESH_MS }: KeepSchedules): () => void {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const turn = async (): Promise<void> => {
    let delayMs = refreshMs;
    try {
      await upsert();
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
