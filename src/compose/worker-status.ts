import type { Check, Readiness } from '../edge/http/health.js';
import { repeat } from '../kit/repeat.js';

/** The status message that the worker process sends to the first process, which passes it to the API processes. */
type WorkerNews = { readonly type: 'cg:worker'; readonly checks: Readiness['checks'] };

/** How often the worker sends its status. */
const TELL_EVERY_MS = 1_000;
/** Without a status for this long the worker counts as down: it has ended or hangs. */
const SILENT_AFTER_MS = 5_000;

/** Called in the worker process: sends its status to the first process, now and regularly. */
export function tellWorkerStatus(checks: () => Readiness['checks']): void {
  repeat(TELL_EVERY_MS, () => {
    if (process.connected) process.send?.({ type: 'cg:worker', checks: checks() } satisfies WorkerNews);
    return Promise.resolve();
  }, () => undefined);
}

export type WorkerStatus = {
  /** Takes a message from another process; ignores messages that are not a worker's status. */
  readonly heard: (message: unknown) => void;
  /** One line of `/readyz`; undefined until the worker has sent its first status. */
  readonly check: () => Check | undefined;
};

/** Called in a process with an API: tracks the worker's status. `nowMs` is a monotonic clock. */
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
