import type { ErrorCode, ErrorSource, Outcome } from '../../kit/errors.js';

/** A failed request, decided but not yet worded: what a dialect's envelope is made of. */
export type Failure = {
  readonly status: number;
  readonly code: ErrorCode | 'internal';
  readonly message: string;
  readonly sources: readonly ErrorSource[];
  readonly outcome: Outcome | undefined;
  readonly first: Readonly<Record<string, unknown>> | undefined;
  readonly requestId: string;
};

/** Writes a failure in the words of a dialect. */
export type Envelope = (failure: Failure) => object;

/**
 * How a route of a legacy API has always worded a failure, and the field it is about (`''`: none). Without a message
 * the failure's own stands, without a status that of its code.
 */
export type Wording = Readonly<Partial<Record<ErrorCode, { readonly message?: string; readonly path: string; readonly status?: number }>>>;
