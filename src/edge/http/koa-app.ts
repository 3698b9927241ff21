import Koa from 'koa';
import type { Log } from '../../kit/log.js';
import type { Metrics } from '../../kit/metrics/metrics.js';
import type { GatewayContext, Middleware, PathParams, RequestState } from './context.js';
import type { EarlyRefusal } from './early-refusal.js';
import { errorBoundary } from './error-boundary.js';
import type { Envelope } from './failure.js';
import { standardHeaders } from './headers.js';
import { leanCallback } from './lean-callback.js';
import { observeRequests } from './observe-requests.js';
import type { TellRefusal } from './refusals.js';
import { requestId, requestIds, type IdOf } from './request-id.js';

export type App = Koa<RequestState, PathParams>;

export type KoaAppDeps = {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'http'>;
  /** Words the failures of routes without a dialect of their own, and of unknown paths. */
  readonly envelope: (ctx: GatewayContext) => Envelope;
  /** Undefined: requests are not traced. */
  readonly trace?: Middleware | undefined;
  readonly onRefused: TellRefusal;
  /** Left out: every request meets the middleware. */
  readonly early?: ((idOf: IdOf) => EarlyRefusal) | undefined;
};

/** Koa with what every request meets before its route, in one list. `inside` ends with what answers when no route did. */
export function koaApp({ log, metrics, envelope, trace, onRefused, early }: KoaAppDeps, ...inside: readonly Middleware[]): App {
  const app: App = new Koa();
  // Reached by what the boundary cannot catch. With a code it came from the socket: a client that went away, or that
  // sent garbage for a body. Without one it is a bug of ours outside the boundary.
  app.on('error', (error: NodeJS.ErrnoException) => {
    log[error.code === undefined ? 'error' : 'debug']({ err: error }, 'answer not delivered');
  });
  const idOf = requestIds();
  const middleware: readonly Middleware[] = [
    ...(trace === undefined ? [] : [trace]),
    requestId(idOf),
    observeRequests(metrics, onRefused),
    standardHeaders(),
    errorBoundary({ log, envelope }),
    ...inside,
  ];
  app.callback = () => leanCallback(app, middleware, early?.(idOf)) as ReturnType<App['callback']>;
  return app;
}
