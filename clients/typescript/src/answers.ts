import { GatewayError, InsufficientCreditsError, type ErrorFacts, type Outcome } from './errors.js';
import type { Problem } from './types.js';

/** What an answer says besides its body. */
export type AnswerFacts = {
  readonly status: number;
  readonly requestId: string;
  /** Of configuration, for `ifMatch`. */
  readonly etag: string | undefined;
  /** Whether it is the answer to an earlier, identical request. */
  readonly replayed: boolean;
  /** Whether `prefer: 'wait=ledger'` was fulfilled. */
  readonly inLedger: boolean;
};

const factsOf = new WeakMap<object, AnswerFacts>();

/** What came with an answer of the client; undefined for anything else. */
export const answerFacts = (answer: object): AnswerFacts | undefined => factsOf.get(answer);

export function rememberFacts(answer: unknown, { status, headers }: Response): void {
  if (typeof answer !== 'object' || answer === null) return;
  factsOf.set(answer, {
    status, requestId: headers.get('x-request-id') ?? '', etag: headers.get('etag') ?? undefined,
    replayed: headers.get('idempotency-replayed') === 'true', inLedger: headers.get('preference-applied') === 'wait=ledger',
  });
}

/** An answer that is no success, as an error. Never throws. */
export async function failureOf(response: Response, retryAfterMs: number | undefined): Promise<GatewayError> {
  const problem = await problemIn(response);
  if (problem === null) {
    // What is in between answered. It may have passed the request on, unless it did not even look for the gateway.
    const { status } = response;
    return status === 502 || status === 503 || status === 504 || status === 429
      ? new GatewayError({ ...noProblem(response), code: 'unreachable', outcome: status === 429 ? 'not_executed' : 'unknown', retryAfterMs })
      : unexpected(response);
  }
  const { code, status, detail, errors, requestId, outcome, first, available, required, shortBy, limit, resetsAt } = problem;
  const facts: ErrorFacts = { code, status, detail, errors, requestId, outcome, retryAfterMs, first };
  return status === 402 && available !== undefined && required !== undefined && shortBy !== undefined
    ? new InsufficientCreditsError(facts, { available, required, shortBy, limit, resetsAt })
    : new GatewayError(facts);
}

async function problemIn(response: Response): Promise<Problem | null> {
  try {
    const text = await response.text();
    const body = JSON.parse(text) as Partial<Problem> | null;
    return typeof body?.code === 'string' && typeof body.status === 'number' ? body as Problem : null;
  } catch {
    return null;
  }
}

const noProblem = ({ status, headers }: Response) => ({
  status, detail: `the answer, ${status} ${headers.get('content-type') ?? 'without a type'}, is not the gateway's`,
  requestId: headers.get('x-request-id') ?? '',
});

export const unexpected = (response: Response, cause?: unknown): GatewayError =>
  new GatewayError({ ...noProblem(response), code: 'unexpected_answer', ...(cause === undefined ? {} : { cause }) });

/** Errors of connections that were never made, by Node's name of the cause. */
const NOT_CONNECTED: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT',
]);

/** No answer: the request may have been carried out, unless no connection was made. */
export function unreachable(cause: unknown): GatewayError {
  const code = codeOf((cause as { readonly cause?: unknown } | null)?.cause);
  const outcome: Outcome = NOT_CONNECTED.has(code) ? 'not_executed' : 'unknown';
  const text = cause instanceof Error ? cause.message : String(cause);
  return new GatewayError({
    code: 'unreachable', status: 0, detail: `the gateway did not answer (${typeof code === 'string' ? code : text})`, outcome, cause,
  });
}

/** Node tries every address of a host and tells all their errors in one. */
function codeOf(cause: unknown): unknown {
  const { code, errors } = (cause ?? {}) as { readonly code?: unknown; readonly errors?: readonly unknown[] };
  return code ?? (errors === undefined ? undefined : (errors[0] as { readonly code?: unknown } | undefined)?.code);
}
