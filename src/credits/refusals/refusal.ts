import type { ErrorCode } from '../../kit/errors.js';

/** The code of an error, or a refusal that is not answered with an error: a check that says no, a feature that is not permitted. */
export type RefusalReason = ErrorCode | 'internal' | 'check_negative' | 'not_permitted';

/** Why a request was refused. */
export type Refused = { readonly reason: RefusalReason; readonly message: string };

/** A refused request. Of the request itself it contains only the route. */
export type RefusedRequest = {
  readonly accountId: string;
  readonly atMs: number;
  readonly reason: RefusalReason;
  readonly method: string;
  /** The route's template, or `unmatched`. */
  readonly route: string;
  readonly status: number;
  readonly message: string;
  readonly requestId: string;
};

/** All refusals of an account within a minute, for one reason at one route; `status` and what follows it are the last one's. */
export type Refusal = {
  readonly accountId: string;
  readonly minuteMs: number;
  readonly reason: string;
  readonly method: string;
  readonly route: string;
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly status: number;
  readonly message: string;
  readonly requestId: string;
};

const MINUTE_MS = 60_000;

export const minuteOf = (atMs: number): number => Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
