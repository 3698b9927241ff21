import type { Tracer } from '../../kit/tracing/tracer.js';
import type { Middleware } from './context.js';

/**
 * One span per request, named by the route's template. A `traceparent` of the caller decides whether the request is
 * recorded, and the span is part of the caller's trace. It contains the method, the route, the status and the request id,
 * and no path, other ids, headers or bodies.
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
