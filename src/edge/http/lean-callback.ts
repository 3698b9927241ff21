import type { IncomingMessage, ServerResponse } from 'node:http';
import Koa from 'koa';
import type { GatewayContext, Middleware, PathParams, RequestState } from './context.js';

type App = Koa<RequestState, PathParams>;
type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Koa's own handling of a request, which its types leave out. */
const koa = Koa.prototype as unknown as {
  readonly handleRequest: (this: App, ctx: GatewayContext, work: () => Promise<void>) => Promise<void>;
};

/** Statuses without a body. */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * What `app.callback()` returns, for middleware that calls `next` once at most. Koa makes an async resource, listeners on the response
 * and on its socket, and for each middleware a bound function and a promise; this makes one listener. Text is sent at once, everything
 * else (streams, bytes, empty answers, HEAD) by Koa. `isAnswered`: answers a request before all of this, or says that it does not.
 */
export function leanCallback(
  app: App, middleware: readonly Middleware[], isAnswered: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Handle {
  const run = middleware.reduceRight<(ctx: GatewayContext) => Promise<unknown>>(
    (next, each) => (ctx) => Promise.resolve(each(ctx as Parameters<Middleware>[0], () => next(ctx))), () => Promise.resolve());
  return async (request, response) => {
    if (isAnswered(request, response)) return;
    const ctx = app.createContext<RequestState>(request, response) as unknown as GatewayContext;
    response.statusCode = 404;
    let isByKoa = false;
    response.on('close', () => {
      const error = request.socket.errored;
      if (error !== null && !isByKoa && !response.writableFinished) app.emit('error', error, ctx);
    });
    try {
      await run(ctx);
      const { body, status } = ctx;
      if (typeof body === 'string' && request.method !== 'HEAD' && !EMPTY.has(status) && ctx.respond !== false && ctx.writable) {
        response.end(body);
      } else {
        isByKoa = true; // and so is what it tells of errors
        await byKoa(app, ctx, status);
      }
    } catch (error) {
      ctx.onerror(error as Error);
    }
  };
}

/** Koa begins with 404. */
const byKoa = (app: App, ctx: GatewayContext, status: number): Promise<void> => koa.handleRequest.call(app, ctx, () => {
  ctx.res.statusCode = status;
  return Promise.resolve();
});
