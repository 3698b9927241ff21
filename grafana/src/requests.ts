/** The requests that the service levels cover, by route template. test/grafana checks that each is a route. */

/** Requests before a message. */
export const BEFORE_MESSAGE = ['/api/streaming-sessions/initialize', '/api/credits/check', '/api/credits-process/start', '/api/token-process/start'] as const;

/** Requests after a message. */
export const AFTER_MESSAGE = [
  '/api/streaming-sessions/finalize', '/api/streaming-sessions/abort', '/api/credits/deduct', '/api/usage/record', '/api/credits-process/end',
  '/api/credits-process/end-multimodel', '/api/token-process/end', '/api/token-process/end-multimodel',
] as const;

/** Probes, and paths that no route matches: not part of the service for users. */
export const PROBES = ['unmatched', '/livez', '/readyz', '/metrics', '/health', '/api/health', '/docs', '/openapi.json'] as const;

/** Status codes that count as failures of the gateway. */
export const FAILED = { regex: '5..' } as const;

/** Seconds within which a request of a message should be answered. */
export const FAST_SECONDS = 0.05;
