import type { Check, Readiness } from '../edge/http/health.js';

/** What the worker process tells the first process of itself, and that one the API processes. */
type WorkerNews = { readonly type: 'cg:worker'; readonly checks: Readiness['checks'] };

/** How often the worker tells how it is. */
const TELL_EVERY_MS = 1_000;
/** After so long without news it is gone, or hangs. */
const SILENT_AFTER_MS = 5_000;

/** In the worker process: tells the first process how it is, now and from now on. */
export function tellWorkerStatus(checks: () => Readiness['checks']): void {
  const tell = (): void => { if (process.connected) process.send?.({ type: 'cg:worker', checks: checks() } satisfies WorkerNews); };
  tell();
  setInterval(tell, TELL_EVERY_MS).unref();
}

export type WorkerStatus = {
  /** Takes a message from another process; what is no news of a worker is left alone. */
  readonly heard: (message: unknown) => void;
  /** One line of `/readyz`; undefined while there was never a worker. */
  readonly check: () => Check | undefined;
};

/** In a process with an API: how the worker process beside it is. `nowMs` only ever grows. */
export function workerStatus(nowMs: () => number = () => performance.now()): WorkerStatus {
  let last: { readonly atMs: number; readonly checks: Readiness['checks'] } | undefined;
  return {
    heard: (message) => { if (isWorkerNews(message)) last = { atMs: nowMs(), checks: message.checks }; },
    check: () => {
      if (last === undefined) return undefined;
      if (nowMs() - last.atMs > SILENT_AFTER_MS) return { ok: false, detail: 'does not answer' };
      const faults = Object.entries(last.checks).flatMap(([name, { ok, detail }]) => (ok ? [] : [`${name} ${detail}`]));
      return { ok: faults.length === 0, detail: faults.length === 0 ? 'running' : faults.join(', ') };
    },
  };
}

export const isWorkerNews = (message: unknown): message is WorkerNews =>
  (message as { readonly type?: unknown } | null)?.type === 'cg:worker';
