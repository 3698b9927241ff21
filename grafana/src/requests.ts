/** The requests that the promises are about, by their route templates; test/grafana checks that each is a route. */

/** "May this user spend?", before a message. */
export const BEFORE_MESSAGE = ['/api/streaming-sessions/initialize', '/api/credits/check', '/api/credits-process/start', '/api/token-process/start'] as const;

/** "This is what it cost", after it. */
export const AFTER_MESSAGE = [
  '/api/streaming-sessions/finalize', '/api/streaming-sessions/abort', '/api/credits/deduct', '/api/usage/record', '/api/credits-process/end',
  '/api/credits-process/end-multimodel', '/api/token-process/end', '/api/token-process/end-multimodel',
] as const;

/** Asked by machines, or by nobody we know: no part of what users get. */
export const PROBES = ['unmatched', '/livez', '/readyz', '/metrics', '/health', '/api/health', '/docs', '/openapi.json'] as const;

/** Status codes for which the gateway is to blame. */
export const FAILED = { regex: '5..' } as const;

/** Seconds within which a message must not notice us. */
export const FAST_SECONDS = 0.05;
