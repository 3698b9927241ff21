import { joined } from '../../kit/ids.js';
import { REFUSAL_MESSAGE_LENGTH_MAX, REFUSALS_WAITING_MAX } from '../../kit/limits.js';
import { isRetryable } from '../../stores/postgres/errors.js';
import { minuteOf, type Refusal, type RefusedRequest } from './refusal.js';

export type RefusalRecorderDeps = {
  readonly write: (refusals: readonly Refusal[]) => Promise<void>;
  /** Called with the number of refusals that were dropped. */
  readonly unrecorded: (count: number) => void;
  readonly onError: (error: unknown) => void;
  readonly flushMs?: number;
  readonly retryMs?: number;
  readonly waitingMax?: number;
};

/** Records refusals without a write during the request. */
export interface RefusalRecorder {
  /** Queues a refusal in memory. */
  readonly record: (refused: RefusedRequest) => void;
  /** Writes the queued refusals and stops. */
  close(): Promise<void>;
}

const FLUSH_MS = 1_000;
/** The wait after a failed write. Refusals are not urgent. */
const RETRY_MS = 5_000;
/** Rows per statement: tens of milliseconds, well within the deadline even right after an outage. */
const BATCH_MAX = 1_000;

/**
 * Sums refusals by account, minute, reason and route, and writes them once a second in one statement. After a failed write
 * they wait for Postgres, up to a bound; beyond it refusals are dropped and counted, so that they cannot exhaust the memory.
 * A statement whose answer was lost may be counted twice; a crash loses the refusals of a second.
 */
export function refusalRecorder(deps: RefusalRecorderDeps): RefusalRecorder {
  const { write, unrecorded, onError, flushMs = FLUSH_MS, retryMs = RETRY_MS, waitingMax = REFUSALS_WAITING_MAX } = deps;
  const waiting = new Map<string, Refusal>();
  let writing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const add = (refusal: Refusal): void => {
    const key = keyOf(refusal);
    const known = waiting.get(key);
    if (known !== undefined) waiting.set(key, merge(known, refusal));
    else if (waiting.size < waitingMax) waiting.set(key, refusal);
    else unrecorded(refusal.count);
  };

  const drop = (refusals: readonly Refusal[]): void => { unrecorded(refusals.reduce((sum, { count }) => sum + count, 0)); };

  const plan = (ms: number): void => {
    if (!isClosed) timer ??= setTimeout(flush, ms);
  };

  const take = (): Refusal[] => {
    const batch: Refusal[] = [];
    for (const [key, refusal] of waiting) {
      if (batch.length === BATCH_MAX) break;
      batch.push(refusal);
      waiting.delete(key);
    }
    return batch;
  };

  /** One statement at a time. Refusals that arrive meanwhile are queued. */
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (writing !== undefined || waiting.size === 0) return;
    const batch = take();
    writing = write(batch).then(() => (batch.length === BATCH_MAX ? 0 : flushMs), (error: unknown) => {
      onError(error);
      // Postgres refused the rows themselves and would refuse them again.
      if (isRetryable(error)) for (const refusal of batch) add(refusal);
      else drop(batch);
      if (isClosed) {
        // The recorder is stopped, so there is no later attempt.
        drop([...waiting.values()]);
        waiting.clear();
      }
      return retryMs;
    }).then((ms) => {
      writing = undefined;
      if (waiting.size > 0) plan(ms);
    });
  };

  return {
    record: (refused) => {
      add(toRefusal(refused));
      if (writing === undefined) plan(flushMs);
    },
    close: async () => {
      await writing;
      isClosed = true;
      while (waiting.size > 0) {
        flush();
        await writing;
      }
    },
  };
}

/** Account ids, reasons and methods have no spaces. */
const keyOf = ({ accountId, minuteMs, reason, method, route }: Refusal): string => joined(accountId, minuteMs, reason, method, route);

function merge(a: Refusal, b: Refusal): Refusal {
  const last = a.lastAtMs > b.lastAtMs ? a : b;
  return { ...last, count: a.count + b.count, firstAtMs: Math.min(a.firstAtMs, b.firstAtMs) };
}

const toRefusal = ({ atMs, message, ...refused }: RefusedRequest): Refusal => ({
  ...refused, minuteMs: minuteOf(atMs), count: 1, firstAtMs: atMs, lastAtMs: atMs, message: storable(message),
});

/** Messages may quote a caller. Removes NUL and lone surrogates, which Postgres cannot store, also one that the cut would leave. */
const storable = (text: string): string => text.slice(0, REFUSAL_MESSAGE_LENGTH_MAX).replace(/[\0\p{Cs}]/gu, '?');
