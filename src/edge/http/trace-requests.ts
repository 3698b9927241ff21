import type { Tracer } from '../../kit/tracing/tracer.js';
import type { Middleware } from './context.js';

/**
 * One span per request, named by its route's template. A caller that sends a `traceparent` decides whether hers is
 * recorded, and finds it in her own trace. Of the request it tells the method, the route, the answer's status and the
 * request id: no path, no ids, no headers, no bodies.
 */
export function traceRequests(tracer: Tracer): Middleware {
  return async (ctx, next) => {
    const given = ctx.req.headers['traceparent'];
    const span = tracer.start(ctx.method, {
      kind: 'server', isRoot: true, parent: typeof given === 'string' ? given : undefined,
      attributes: { 'http.request.method': ctx.method },
    });
    if (span === null) {
      await next();
      return;
    }
    ctx.state.traceId = span.traceId;
    try {
      await tracer.within(span, next);
    } finally {
      const { status, state: { requestId, route } } = ctx;
      if (route !== undefined) {
        span.rename(`${route.method} ${route.path}`);
        span.set({ 'http.route': route.path });
      }
      span.set({ 'http.response.status_code': status, 'credits.request_id': requestId });
      if (status >= 500) span.fail(String(status));
      span.end();
    }
  };
}
