import type { Middleware as KoaMiddleware, ParameterizedContext } from 'koa';
import type { Refused } from '../../credits/refusals/refusal.js';
import type { Observe } from '../../kit/metrics/metrics.js';
import type { Envelope, Failure, Wording } from './failure.js';

/** The state of a request. Nothing else may be added to Koa's context. */
export type RequestState = {
  /** Names the request in logs and in the answer. */
  requestId: string;
  /** The route that was matched; undefined until then, and for unknown paths. */
  route?: MatchedRoute;
  /** The account of the request: the caller's, or the one that a server names. Undefined if it is unknown. */
  accountId?: string;
  /** Why it was refused, if it was. */
  refused?: Refused;
  /** Counts so many more requests of the caller, for a request that stands for several. Throws GatewayError rate_limited. */
  countMore?: (by: number) => void;
  /** The trace that it is part of, if it is traced. */
  traceId?: string;
};

/** What the middleware around a route needs of it: its name, and how it words and shows a failure. */
export type MatchedRoute = {
  readonly method: string;
  /** The template, such as `/api/holds/:id`. */
  readonly path: string;
  readonly wording: Wording;
  /** Undefined: the application's. */
  readonly envelope: Envelope | undefined;
  /** Undefined: failures are answered with JSON. */
  readonly page: { readonly fail: (ctx: GatewayContext, failure: Failure) => void } | undefined;
  readonly observe: Observe;
};

/** Set by @koa/router, for paths with parameters. */
export type PathParams = { readonly params?: Readonly<Record<string, string>> };

export type GatewayContext = ParameterizedContext<RequestState, PathParams>;
export type Middleware = KoaMiddleware<RequestState, PathParams>;
