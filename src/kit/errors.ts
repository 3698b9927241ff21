import type { Micros } from './money/micros.js';

/**
 * The code of every failure that a caller must be able to handle. A closed list: each map over it, here and in every
 * dialect, fails to compile until it covers a new code.
 */
export type ErrorCode =
  | 'invalid_request'
  | 'unauthenticated'
  | 'insufficient_credits'
  | 'limit_reached'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'account_not_found'
  | 'hold_not_found'
  | 'hold_resolved'
  | 'progress_backwards'
  | 'not_refundable'
  | 'conflict'
  | 'precondition_failed'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'idempotency_mismatch'
  | 'unknown_model'
  | 'price_missing'
  | 'unknown_limit'
  | 'account_frozen'
  | 'limit_exceeded'
  | 'rate_limited'
  | 'not_configured'
  | 'ledger_unavailable';

/** The HTTP status of each code. A dialect may map a code differently, but never in a single route. */
export const httpStatus: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  unauthenticated: 401,
  insufficient_credits: 402,
  limit_reached: 402,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  account_not_found: 404,
  hold_not_found: 404,
  hold_resolved: 409,
  progress_backwards: 409,
  not_refundable: 409,
  conflict: 409,
  precondition_failed: 412,
  body_too_large: 413,
  unsupported_media_type: 415,
  idempotency_mismatch: 422,
  unknown_model: 422,
  price_missing: 422,
  unknown_limit: 422,
  account_frozen: 423,
  limit_exceeded: 409,
  rate_limited: 429,
  not_configured: 500,
  ledger_unavailable: 503,
};

/** A wrong field and why: `path` is the field as the caller wrote it (`body.credits`). */
export type ErrorSource = { readonly path: string; readonly message: string };

/** Whether a refused operation may have taken effect. Only `unknown` needs a retry with the same key. */
export type Outcome = 'not_executed' | 'unknown';

/** What was missing, where a refusal is about an amount. `/v1` tells it with a 402. */
export type Shortage = {
  readonly required: Micros;
  readonly available: Micros;
  /** The id of the spending limit that refused, with `limit_reached`. */
  readonly limit?: string;
  /** When the limit allows spending again, in milliseconds since 1970; null: never. */
  readonly resetsAtMs?: number | null;
};

/** The limit that a request was over, as `RateLimit-Policy` and `RateLimit` tell it, and when to ask again. */
export type RateRefusal = { readonly policy: string; readonly state: string; readonly retryAfterSeconds: number };

export type ErrorDetails = {
  readonly sources?: readonly ErrorSource[];
  /** For `ledger_unavailable`: whether the operation may have happened. */
  readonly outcome?: Outcome;
  /** The result of the first attempt, when a second one is refused because of it. */
  readonly first?: Readonly<Record<string, unknown>>;
  /** For `insufficient_credits` and `limit_reached`. */
  readonly shortage?: Shortage;
  /** For `rate_limited`. */
  readonly rate?: RateRefusal;
  readonly cause?: unknown;
};

/** The one class of expected failures. Anything else that is thrown is a bug and answered as an internal error. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly sources: readonly ErrorSource[];
  readonly outcome: Outcome | undefined;
  readonly first: Readonly<Record<string, unknown>> | undefined;
  readonly shortage: Shortage | undefined;
  readonly rate: RateRefusal | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.sources = details.sources ?? [];
    this.outcome = details.outcome;
    this.first = details.first;
    this.shortage = details.shortage;
    this.rate = details.rate;
  }
}

/** Whether an operation failed because Redis or Postgres did not answer. */
export const isOutage = (error: unknown): boolean => error instanceof GatewayError && error.code === 'ledger_unavailable';

/** An invalid request field. `path` names it; `message` says what was expected. */
export const invalid = (path: string, message: string): GatewayError =>
  new GatewayError('invalid_request', message, { sources: [{ path, message }] });

export const ACCOUNT_FROZEN = 'the account is frozen; ask an administrator';
/** The same, where it begins a sentence. */
export const ACCOUNT_FROZEN_SENTENCE = `The${ACCOUNT_FROZEN.slice('the'.length)}`;

/** A write to a frozen account, in the words for its owner and for services; the console tells operators to thaw it. */
export const accountFrozen = (): GatewayError => new GatewayError('account_frozen', ACCOUNT_FROZEN);
