import { GatewayError, httpStatus, type RateRefusal } from '../../kit/errors.js';
import type { Log } from '../../kit/log.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { redisOutage } from '../../stores/redis/redis-away.js';
import type { GatewayContext, Middleware, RequestState } from './context.js';
import type { Envelope, Failure } from './failure.js';
import { reply } from './json.js';
import { tellRates } from './rate-headers.js';
import { refuse } from './refusals.js';

/** Seconds a caller should wait after a 503 or a 429 that does not say more itself. */
export const RETRY_AFTER_SECONDS = '1';

/** What a caller is told of something that was thrown. Says that the request was refused, and logs what is a bug. */
export type Fail = (ctx: GatewayContext, thrown: unknown) => Failure;

export const failing = (log: Log): Fail => (ctx, thrown) => {
  // A use case may leave this to the boundary: a store that is away is never a bug.
  const error = redisOutage(toGatewayError(thrown));
  const failure = toFailure(error, ctx.state);
  if (failure.code === 'internal') {
    log.error(
      { err: error, requestId: failure.requestId, trace_id: ctx.state.traceId, method: ctx.method, route: ctx.state.route?.path },
      'request failed',
    );
  }
  refuse(ctx, failure.code, inFull(failure));
  return failure;
};

/**
 * The only catch of the HTTP side, but for the operations of a batch, which fail one by one. Expected failures become the
 * envelope of the route's dialect; anything else is a
 * bug: logged with the request id, answered with a fixed body that tells nothing of the inside.
 */
export function errorBoundary(
  { log, envelope }: { readonly log: Log; readonly envelope: (ctx: GatewayContext) => Envelope },
): Middleware {
  const fail = failing(log);
  return async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      const failure = fail(ctx, thrown);
      setHeaders(ctx, failure);
      if (thrown instanceof GatewayError && thrown.rate !== undefined) tellRefused(ctx, thrown.rate);
      const page = ctx.state.route?.page;
      if (page === undefined) {
        const { mediaType, write } = ctx.state.route?.envelope ?? envelope(ctx);
        reply(ctx, failure.status, write(failure), mediaType);
      }
      else page.fail(ctx, failure);
    }
  };
}

/** How a route words what was thrown. */
export function toFailure(error: unknown, { requestId, route }: Pick<RequestState, 'requestId' | 'route'>): Failure {
  if (!(error instanceof GatewayError)) {
    return {
      status: 500, code: 'internal', message: 'Internal server error', sources: [], outcome: undefined, first: undefined,
      shortage: undefined, requestId,
    };
  }
  const { code, outcome, first, shortage } = error;
  const worded = route?.wording[code];
  // The legacy sentence comes first; what really happened is kept as its source.
  const message = worded?.message ?? error.message;
  const sources = error.sources.length === 0 && worded !== undefined ? [{ path: worded.path, message: error.message }] : error.sources;
  return { status: worded?.status ?? httpStatus[code], code, message, sources, outcome, first, shortage, requestId };
}

/** The message with what is behind it, for those who run the gateway: a legacy sentence alone tells them little. */
const inFull = ({ message, sources, first }: Failure): string => [
  message, ...sources.map(({ path, message: problem }) => (path === '' ? problem : `${path}: ${problem}`)),
  ...(first === undefined ? [] : [`first: ${Object.entries(first).map(([name, value]) => `${name} ${String(value)}`).join(', ')}`]),
].join('; ');

function tellRefused(ctx: GatewayContext, rate: RateRefusal): void {
  tellRates(ctx, [rate]);
  ctx.res.setHeader('Retry-After', rate.retryAfterSeconds);
}

function setHeaders({ res }: GatewayContext, { code, status }: Failure): void {
  if ((status === 503 || status === 429) && !res.hasHeader('Retry-After')) res.setHeader('Retry-After', RETRY_AFTER_SECONDS);
  if (code === 'unauthenticated') res.setHeader('WWW-Authenticate', 'Bearer');
  // The rest of an oversized body is not worth reading: answer and hang up.
  if (code === 'body_too_large') res.setHeader('Connection', 'close');
}
