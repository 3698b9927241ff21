import { REFUSAL_MESSAGE_LENGTH_MAX, REFUSALS_WAITING_MAX } from '../limits.js';
import { isRetryable } from '../postgres/errors.js';
import { minuteOf, type Refusal, type RefusedRequest } from './refusal.js';

export type RefusalRecorderDeps = {
  readonly write: (refusals: readonly Refusal[]) => Promise<void>;
  /** Told how many refusals were dropped. */
  readonly unrecorded: (count: number) => void;
  readonly onError: (error: unknown) => void;
  readonly flushMs?: number;
  readonly retryMs?: number;
  readonly waitingMax?: number;
};

/** Keeps who was refused without a write on anybody's request path. */
export interface RefusalRecorder {
  /** Notes a refusal; costs a Map entry. */
  readonly record: (refused: RefusedRequest) => void;
  /** Writes what is waiting and stops. */
  close(): Promise<void>;
}

const FLUSH_MS = 1_000;
/** After a failure: Postgres is away, and nobody waits for this. */
const RETRY_MS = 5_000;

type Waiting = Map<string, Refusal>;

/**
 * Adds up refusals by account, minute, reason and route, and writes them once a second in one statement. What could not
 * be written waits for Postgres, up to a bound; beyond it refusals are dropped and counted, because their record must
 * never cost the gateway its memory. A statement whose answer was lost may be counted twice; a crash loses a second.
 */
export function refusalRecorder(deps: RefusalRecorderDeps): RefusalRecorder {
  const { write, unrecorded, onError, flushMs = FLUSH_MS, retryMs = RETRY_MS, waitingMax = REFUSALS_WAITING_MAX } = deps;
  let waiting: Waiting = new Map();
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

  const plan = (ms: number): void => {
    if (!isClosed) timer ??= setTimeout(flush, ms);
  };

  /** One statement at a time, so that however long it takes no more than one batch waits beside it. */
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const batch = [...waiting.values()];
    if (batch.length === 0 || writing !== undefined) return;
    waiting = new Map();
    writing = write(batch).then(() => flushMs, (error: unknown) => {
      onError(error);
      // What Postgres refuses for what it is, it will refuse again; and who closes will not come back.
      if (isRetryable(error) && !isClosed) for (const refusal of batch) add(refusal);
      else unrecorded(batch.reduce((sum, { count }) => sum + count, 0));
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
      flush();
      await writing;
    },
  };
}

/** Account ids, reasons and methods have no spaces. */
const keyOf = ({ accountId, minuteMs, reason, method, route }: Refusal): string => `${accountId} ${minuteMs} ${reason} ${method} ${route}`;

function merge(a: Refusal, b: Refusal): Refusal {
  const last = a.lastAtMs > b.lastAtMs ? a : b;
  return { ...last, count: a.count + b.count, firstAtMs: Math.min(a.firstAtMs, b.firstAtMs) };
}

const toRefusal = ({ atMs, message, ...refused }: RefusedRequest): Refusal => ({
  ...refused, minuteMs: minuteOf(atMs), count: 1, firstAtMs: atMs, lastAtMs: atMs, message: storable(message),
});

/** Messages may quote a caller: NUL and halves of characters, also the one that the cut would leave, have no place in Postgres. */
const storable = (text: string): string => text.slice(0, REFUSAL_MESSAGE_LENGTH_MAX).replace(/[\0\p{Cs}]/gu, '?');
