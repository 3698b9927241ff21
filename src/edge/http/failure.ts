import type { ErrorCode, ErrorSource, Outcome, Shortage } from '../../kit/errors.js';

/** A failed request, decided but not yet worded: what a dialect's envelope is made of. */
export type Failure = {
  readonly status: number;
  readonly code: ErrorCode | 'internal';
  readonly message: string;
  readonly sources: readonly ErrorSource[];
  readonly outcome: Outcome | undefined;
  readonly first: Readonly<Record<string, unknown>> | undefined;
  readonly shortage: Shortage | undefined;
  readonly requestId: string;
};

/** What the legacy dialects tell of a failure; each adds or rewords what its callers read (docs/contracts/README.md#c-11). */
export const failureFields = ({ status, code, message, sources, outcome, first, requestId }: Failure) => ({
  success: false,
  status,
  message,
  error: code as string,
  sources,
  ...(outcome === undefined ? {} : { outcome }),
  ...(first === undefined ? {} : { first }),
  requestId,
});

/** How a dialect writes a failure. */
export type Envelope = {
  /** The schema of the answer, by its name in the OpenAPI document (edge/openapi/errors.ts). */
  readonly schema: 'Error' | 'TextError' | 'Problem';
  readonly mediaType: 'application/json' | 'application/problem+json';
  readonly write: (failure: Failure) => object;
};

/**
 * How a route of a legacy API has always worded a failure, and the field it is about (`''`: none). Without a message
 * the failure's own stands, without a status that of its code.
 */
export type Wording = Readonly<Partial<Record<ErrorCode, { readonly message?: string; readonly path: string; readonly status?: number }>>>;
