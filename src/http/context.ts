import type { Middleware as KoaMiddleware, ParameterizedContext } from 'koa';
import type { Refused } from './refusals.js';
import type { Route } from './routes.js';

/** What this application keeps with a request; nothing else may be hung on Koa's context. */
export type RequestState = {
  /** Names the request in logs and in the answer. */
  requestId: string;
  /** The route that was matched; undefined until then, and for unknown paths. */
  route?: Route;
  /** Whose request it is: the caller, or whom a server names. Undefined for those nobody could tell. */
  accountId?: string;
  /** Why it was refused, if it was. */
  refused?: Refused;
  /** The trace that it is part of, if it is traced. */
  traceId?: string;
};

/** Set by @koa/router, for paths with parameters. */
export type PathParams = { readonly params?: Readonly<Record<string, string>> };

export type GatewayContext = ParameterizedContext<RequestState, PathParams>;
export type Middleware = KoaMiddleware<RequestState, PathParams>;
