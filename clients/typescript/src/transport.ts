import { failureOf, unexpected, unreachable } from './answers.js';
import { GatewayError } from './errors.js';
import { pause, retryAfterMs, retryDelayMs, untilMs } from './time.js';

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
  /** The `etag` of what is to be changed (`answerOf`); `precondition_failed` when it has changed meanwhile. */
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

export type Transport = {
  /** The first answer of success; retries until the deadline. @throws GatewayError, or the reason of the signal */
  readonly send: (request: Request, options?: CallOptions) => Promise<Response>;
};

/** A try that gets no answer is given up before the deadline, so that another can be made: after half of what is left. */
const TRY_SHARE = 0.5;
const TRY_MS_MIN = 1_000;

/**
 * Sends requests that are safe to repeat: reads, and writes that carry an `Idempotency-Key` or the id of a hold. Failures
 * that a repeat can mend (no answer, 429, 503, and 502 and 504 of what is in between) are repeated with the same request.
 */
export function transport({ baseUrl, apiKey, fetch, deadlineMs }: TransportOptions): Transport {
  const base = baseUrl.replace(/\/+$/, '');
  const attempt = async ({ method, path, headers, body }: Request, signal: AbortSignal): Promise<Response> => fetch(base + path, {
    method, signal, redirect: 'error',
    headers: { ...headers, authorization: `Bearer ${typeof apiKey === 'string' ? apiKey : await apiKey()}` },
    ...(body === undefined ? {} : { body }),
  });

  return {
    send: async (request, { signal, deadlineMs: own = deadlineMs } = {}) => {
      const endsAtMs = untilMs(own);
      let mayHaveHappened = false;
      for (let tries = 1; ; tries += 1) {
        signal?.throwIfAborted();
        const leftMs = endsAtMs - untilMs(0);
        const failure = await oneTry(attempt, request, signal, Math.max(1, Math.min(leftMs, Math.max(TRY_MS_MIN, leftMs * TRY_SHARE))));
        if (failure instanceof Response) return failure;
        mayHaveHappened ||= failure.outcome === 'unknown';
        if (!isWorthRepeating(failure)) throw failure;
        const waitMs = retryDelayMs(tries, failure.retryAfterMs);
        if (untilMs(0) + waitMs >= endsAtMs) throw mayHaveHappened && failure.outcome === 'not_executed' ? unsure(failure) : failure;
        await pause(waitMs, signal);
      }
    },
  };
}

type Attempt = (request: Request, signal: AbortSignal) => Promise<Response>;

/** The answer, or why there is none. Throws only the reason of the caller's signal. */
async function oneTry(attempt: Attempt, request: Request, signal: AbortSignal | undefined, timeoutMs: number): Promise<Response | GatewayError> {
  const timeout = AbortSignal.timeout(Math.ceil(timeoutMs));
  try {
    const response = await attempt(request, signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    return response.ok ? response : await failureOf(response, retryAfterMs(response.headers.get('retry-after')));
  } catch (error) {
    signal?.throwIfAborted();
    return unreachable(error);
  }
}

const REPEATED: ReadonlySet<number> = new Set([0, 429, 502, 503, 504]);
const isWorthRepeating = ({ status }: GatewayError): boolean => REPEATED.has(status);

/** The last try did nothing, but an earlier one may have. */
const unsure = ({ code, status, message, errors, requestId, retryAfterMs: after, cause }: GatewayError): GatewayError =>
  new GatewayError({ code, status, detail: message.replace(`${code}: `, ''), errors, requestId, outcome: 'unknown', retryAfterMs: after, cause });

/** The JSON of an answer. @throws GatewayError unexpected_answer */
export async function jsonOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw unexpected(response, cause);
  }
}
