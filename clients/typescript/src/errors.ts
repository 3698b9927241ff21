import type { EndReason, Problem, TokenUsage } from './types.js';

/**
 * What to branch on: the closed list of the gateway, and two codes of the client. `unreachable`: no answer came within the
 * deadline; `unexpected_answer`: what answered is not the gateway.
 */
export type ErrorCode = Problem['code'] | 'unreachable' | 'unexpected_answer';

/** Whether a request that failed may have been carried out. */
export type Outcome = 'not_executed' | 'unknown';

export type ErrorFacts = {
  readonly code: ErrorCode;
  /** The HTTP status; 0: no answer. */
  readonly status: number;
  readonly detail: string;
  readonly errors?: Problem['errors'] | undefined;
  readonly requestId?: string | undefined;
  readonly outcome?: Outcome | undefined;
  readonly retryAfterMs?: number | undefined;
  /** How the first attempt ended, where the second is refused because of it. */
  readonly first?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
};

/** A request that the gateway refused or did not answer. */
export class GatewayError extends Error {
  readonly #facts: ErrorFacts;
  override readonly name: string = 'GatewayError';
  readonly code: ErrorCode;
  readonly status: number;
  /** What is wrong with the request, and where. */
  readonly errors: Problem['errors'];
  /** Names the request in the logs of the gateway; empty: no answer. */
  readonly requestId: string;
  readonly outcome: Outcome | undefined;
  readonly retryAfterMs: number | undefined;
  readonly first: Readonly<Record<string, unknown>> | undefined;

  constructor(facts: ErrorFacts) {
    const { code, status, detail, errors = [], requestId = '', outcome, retryAfterMs, first, cause } = facts;
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
    this.errors = errors;
    this.requestId = requestId;
    this.outcome = outcome;
    this.retryAfterMs = retryAfterMs;
    this.first = first;
    this.#facts = facts;
  }

  /** The same failure, where more is known of whether the request may have been carried out. */
  withOutcome(outcome: Outcome): GatewayError {
    return this.outcome === outcome ? this : new GatewayError({ ...this.#facts, outcome });
  }
}

/** What is missing, as decimal text of credits. */
export type Shortage = {
  readonly available: string;
  readonly required: string;
  readonly shortBy: string;
  /** The spending limit that refused; undefined: the balance did. */
  readonly limit?: string | undefined;
  /** When that limit allows spending again, RFC 3339; null: never. */
  readonly resetsAt?: string | null | undefined;
};

/** 402: `insufficient_credits`, or `limit_reached` with the limit. Nothing has changed. */
export class InsufficientCreditsError extends GatewayError {
  override readonly name = 'InsufficientCreditsError';
  readonly available: string;
  readonly required: string;
  readonly shortBy: string;
  readonly limit: string | undefined;
  readonly resetsAt: string | null | undefined;

  constructor(facts: ErrorFacts, { available, required, shortBy, limit, resetsAt }: Shortage) {
    super(facts);
    this.available = available;
    this.required = required;
    this.shortBy = shortBy;
    this.limit = limit;
    this.resetsAt = resetsAt;
  }
}

/** What of a lease could not be settled. The end of the lease (`onExpiry`) decides what is charged. */
export type Unsettled = {
  readonly holdId: string;
  readonly account: string | undefined;
  readonly usage: TokenUsage | undefined;
  readonly reason: EndReason | undefined;
};

/** A lease whose settle or void failed until its deadline, or was refused; `cause` has the failure. */
export class UnsettledError extends GatewayError {
  override readonly name = 'UnsettledError';
  readonly unsettled: Unsettled;

  constructor(cause: GatewayError, unsettled: Unsettled) {
    const { code, status, errors, requestId, outcome, retryAfterMs, first } = cause;
    const usage = unsettled.usage === undefined ? '' : ` with ${JSON.stringify(unsettled.usage)}`;
    super({
      code, status, errors, requestId, outcome, retryAfterMs, first, cause,
      detail: `hold ${unsettled.holdId}${usage} is not settled: ${cause.message}`,
    });
    this.unsettled = unsettled;
  }
}

/** Whether the gateway could not decide now, as opposed to refusing. */
export const isUnavailable = (error: unknown): error is GatewayError =>
  error instanceof GatewayError && (error.code === 'unreachable' || error.code === 'ledger_unavailable' || error.status === 503);
