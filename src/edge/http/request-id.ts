import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Middleware } from './context.js';

/** A caller's own id is kept when it is safe in a header and in a log line; otherwise it gets ours. */
const ACCEPTED = /^[\w.:@/+=-]{1,100}$/;

/** The id of a request. */
export type IdOf = (request: IncomingMessage) => string;

/**
 * Gives each request an id. Ours are a random name of the process and a counter: unique, and a hundred times cheaper than a random
 * id each.
 */
export function requestIds(): IdOf {
  const processName = randomBytes(6).toString('base64url');
  let count = 0;
  return ({ headers: { 'x-request-id': given } }) =>
    (typeof given === 'string' && ACCEPTED.test(given) ? given : `${processName}-${(count += 1).toString(36)}`);
}

/** Says the id of each request in its answer. */
export function requestId(idOf: IdOf): Middleware {
  return (ctx, next) => {
    const id = idOf(ctx.req);
    ctx.state.requestId = id;
    ctx.res.setHeader('X-Request-Id', id);
    return next();
  };
}
