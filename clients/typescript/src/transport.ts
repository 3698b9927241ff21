import { failureOf, unexpected, unreachable } from './answers.js';
import { GatewayError } from './errors.js';
import { nowMs, pause, retryAfterMs, retryDelayMs } from './time.js';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What a caller may say about one call. */
export type CallOptions = {
  /** Ends the call; it then rejects with the reason of the signal. A request that was sent may still be carried out. */
  readonly signal?: AbortSignal | undefined;
  /** How long all tries together may take, in ms; by default that of the client. */
  readonly deadlineMs?: number | undefined;
  /** The name of this write. Without it the client makes one, so that its own retries do the work once. */
  readonly idempotencyKey?: string | undefined;
  /** `wait=ledger`: the answer comes when the entry is in Postgres, or after a second. */
  readonly prefer?: 'wait=ledger' | undefined;
  /** The `etag` of what is to be changed (`answerFacts`); `precondition_failed` when it has changed meanwhile. */
  readonly ifMatch?: string | undefined;
  /** `*`: only if there is none yet. */
  readonly ifNoneMatch?: string | undefined;
};

export type Request = {
  readonly method: string;
  /** With its query, below the address of the gateway. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body: string | undefined;
};

export type TransportOptions = {
  readonly baseUrl: string;
  readonly apiKey: string | (() => string | Promise<string>);
  readonly fetch: Fetch;
  readonly deadlineMs: number;
};

/** Both reject with a GatewayError, or with the reason of the caller's signal. */
export type Transport = {
  /** The JSON of the first answer of success, with the answer; retries until the deadline. */
  readonly json: (request: Request, options: CallOptions) => Promise<{ readonly json: unknown; readonly response: Response }>;
  /** The first answer of success, its body still to be read. The deadline ends with the headers. */
  readonly open: (request: Request, options: CallOptions) => Promise<Response>;
};

/** A try without an answer is given up before the deadline, so that another can be made: after half of what is left. */
const TRY_SHARE = 0.5;
const TRY_MS_MIN = 1_000;

/**
 * Sends requests that are safe to repeat: reads, and writes that carry an `Idempotency-Key` or the id of a hold. Failures
 * that a repeat can mend (no answer, 429, 503, and 502 and 504 of what is in between) are repeated with the same request.
 */
export function transport({ baseUrl, apiKey, fetch, deadlineMs }: TransportOptions): Transport {
  const base = baseUrl.replace(/\/+$/, '');
  const ask = async ({ method, path, headers, body }: Request, signal: AbortSignal): Promise<Response> => fetch(base + path, {
    method, signal, redirect: 'error',
    headers: { ...headers, authorization: `Bearer ${typeof apiKey === 'string' ? apiKey : await apiKey()}` },
    ...(body === undefined ? {} : { body }),
  });
  const attempts = <T>(request: Request, { signal, deadlineMs: own = deadlineMs }: CallOptions, read: (response: Response) => Promise<T>) =>
    untilDone({ signal, endsAtMs: nowMs() + own }, (limits) => oneTry((until) => ask(request, until), limits, read));
  return {
    json: (request, options) => attempts(request, options, async (response) => ({ json: await jsonOf(response), response })),
    open: (request, options) => attempts(request, options, (response) => Promise.resolve(response)),
  };
}

type Limits = { readonly signal: AbortSignal | undefined; readonly endsAtMs: number };
type Tried<T> = { readonly done: T } | { readonly failure: GatewayError };

/** Tries until one succeeds, fails for good, or the next would come too late. */
async function untilDone<T>({ signal, endsAtMs }: Limits, attempt: (limits: TryLimits) => Promise<Tried<T>>): Promise<T> {
  let mayHaveHappened = false;
  for (let tries = 1; ; tries += 1) {
    signal?.throwIfAborted();
    const leftMs = Math.max(1, endsAtMs - nowMs());
    const tried = await attempt({ signal, timeoutMs: Math.min(leftMs, Math.max(TRY_MS_MIN, leftMs * TRY_SHARE)) });
    if ('done' in tried) return tried.done;
    const { failure } = tried;
    mayHaveHappened ||= failure.outcome === 'unknown';
    if (!isWorthRepeating(failure)) throw failure;
    const waitMs = retryDelayMs(tries, failure.retryAfterMs);
    if (nowMs() + waitMs >= endsAtMs) throw mayHaveHappened ? failure.withOutcome('unknown') : failure;
    await pause(waitMs, signal);
  }
}

type TryLimits = { readonly signal: AbortSignal | undefined; readonly timeoutMs: number };

/** One request and its answer, read within the time. Throws only the reason of the caller's signal. */
async function oneTry<T>(
  ask: (signal: AbortSignal) => Promise<Response>, { signal, timeoutMs }: TryLimits, read: (response: Response) => Promise<T>,
): Promise<Tried<T>> {
  // Not AbortSignal.timeout: what is read after the headers, such as a download, must not end with it.
  const timeout = new AbortController();
  const timer = setTimeout(() => { timeout.abort(new DOMException(`no answer after ${Math.round(timeoutMs)} ms`, 'TimeoutError')); }, timeoutMs);
  try {
    const response = await ask(signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal]));
    if (response.ok) return { done: await read(response) };
    return { failure: await failureOf(response, retryAfterMs(response.headers.get('retry-after'))) };
  } catch (error) {
    signal?.throwIfAborted();
    return { failure: error instanceof GatewayError ? error : unreachable(error) };
  } finally {
    clearTimeout(timer);
  }
}

const REPEATED: ReadonlySet<number> = new Set([0, 429, 502, 503, 504]);
const isWorthRepeating = ({ status }: GatewayError): boolean => REPEATED.has(status);

/** @throws GatewayError unexpected_answer */
async function jsonOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw unexpected(response, cause);
  }
}
