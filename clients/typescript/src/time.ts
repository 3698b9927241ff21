/** Milliseconds of a clock that never goes back. */
export const nowMs = (): number => performance.now();

const BACKOFF_MS = 100;
const BACKOFF_MS_MAX = 2_000;
/** Callers that were all told the same `Retry-After` come back spread over this much more of it. */
const SPREAD = 0.25;

/** How long to wait after the try of this number, in ms: a random part of a doubling time, and not less than `afterMs`. */
export function retryDelayMs(tries: number, afterMs: number | undefined): number {
  const backoffMs = Math.random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** tries);
  return afterMs === undefined ? backoffMs : Math.max(backoffMs, afterMs * (1 + Math.random() * SPREAD));
}

/** `Retry-After` in ms: seconds, or a date. */
export function retryAfterMs(header: string | null): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** Rejects with the reason of the signal. */
export const pause = (ms: number, signal?: AbortSignal): Promise<void> => new Promise((resolve, reject) => {
  const aborted = (): void => {
    clearTimeout(timer);
    // The reason is the caller's own.
    reject(signal?.reason as Error);
  };
  const timer = setTimeout(() => {
    signal?.removeEventListener('abort', aborted);
    resolve();
  }, ms);
  signal?.addEventListener('abort', aborted, { once: true });
});

/** A timer that does not keep the process alive, where the runtime knows such timers. */
export function quietTimer(work: () => void, ms: number): () => void {
  const timer = setTimeout(work, ms) as ReturnType<typeof setTimeout> | { unref?: () => void };
  if (typeof timer === 'object') timer.unref?.();
  return () => { clearTimeout(timer as ReturnType<typeof setTimeout>); };
}
