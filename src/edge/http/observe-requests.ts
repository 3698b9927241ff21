import type { Metrics } from '../../kit/metrics/metrics.js';
import type { Middleware } from './context.js';
import type { TellRefusal } from './refusals.js';

/**
 * Times every request under its route's template, and tells of those that were refused. What matched no route is
 * `unmatched`, so scanners add no series.
 */
export function observeRequests({ http }: Pick<Metrics, 'http'>, tellRefusal: TellRefusal): Middleware {
  const unmatched = http.route('any', 'unmatched');
  return async (ctx, next) => {
    const startedAt = performance.now();
    http.begin();
    try {
      await next();
    } finally {
      http.end();
      const observe = ctx.state.route?.observe ?? unmatched;
      observe(String(ctx.status), (performance.now() - startedAt) / 1_000);
      if (ctx.state.refused !== undefined) tellRefusal(ctx, ctx.state.refused);
    }
  };
}
