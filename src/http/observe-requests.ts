import type { Metrics } from '../metrics/metrics.js';
import type { Middleware } from './context.js';

/** Times every request under its route's template. What matched no route is `unmatched`, so scanners add no series. */
export function observeRequests({ http }: Pick<Metrics, 'http'>): Middleware {
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
    }
  };
}
