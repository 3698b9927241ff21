import type { Middleware } from './context.js';

const METHODS = 'GET,HEAD,PUT,PATCH,POST,DELETE';
const HEADERS = 'Authorization,Content-Type,Idempotency-Key,If-Match,If-None-Match,Prefer,X-Request-Id,X-User-ID';
const EXPOSED = 'X-Request-Id,ETag,Idempotency-Replayed,Preference-Applied,Retry-After,RateLimit,RateLimit-Policy';
/** What a preflight may ask for: a plain list of header names. */
const HEADER_NAMES = /^[\w, -]{1,512}$/;
const PREFLIGHT_MAX_AGE_SECONDS = '600';

/**
 * Headers of every answer, and CORS as the original had it: any origin, because a bearer token, not a cookie, says who
 * is calling. Answers are JSON about money: never sniffed, never stored. Each header costs about two microseconds, so
 * those that only matter to browsers and to caches are sent to browsers and for what can be cached.
 */
export function standardHeaders(): Middleware {
  return (ctx, next) => {
    const { req, res } = ctx;
    res.setHeader('X-Content-Type-Options', 'nosniff');
    if (req.method !== 'POST') res.setHeader('Cache-Control', 'no-store');
    if (req.headers.origin !== undefined) {
      res.setHeader('Access-Control-Allow-Origin', '*');
      res.setHeader('Access-Control-Expose-Headers', EXPOSED);
    }
    if (req.method !== 'OPTIONS') return next();
    res.setHeader('Access-Control-Allow-Origin', '*');
    const wanted = req.headers['access-control-request-headers'];
    res.setHeader('Access-Control-Allow-Methods', METHODS);
    res.setHeader('Access-Control-Allow-Headers', wanted !== undefined && HEADER_NAMES.test(wanted) ? wanted : HEADERS);
    res.setHeader('Access-Control-Max-Age', PREFLIGHT_MAX_AGE_SECONDS);
    res.setHeader('Vary', 'Access-Control-Request-Headers');
    ctx.status = 204;
    return Promise.resolve();
  };
}
