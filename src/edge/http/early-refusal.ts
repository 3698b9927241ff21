import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Metrics } from '../../kit/metrics/metrics.js';
import { busyError } from './admission.js';
import type { MatchedRoute } from './context.js';
import { RETRY_AFTER_SECONDS, toFailure } from './error-boundary.js';
import type { Envelope } from './failure.js';
import { typeOf } from './json.js';
import type { IdOf } from './request-id.js';

/** Answers a request that is refused because the process is behind. False: it is not, and the middleware decides. */
export type EarlyRefusal = (request: IncomingMessage, response: ServerResponse) => boolean;

export type EarlyRefusalDeps = {
  /** The route that refuses its requests now (routes.ts). */
  readonly refusing: (method: string, path: string) => MatchedRoute | undefined;
  readonly idOf: IdOf;
  readonly metrics: Pick<Metrics, 'count'>;
  /** For routes without a dialect of their own. */
  readonly envelopeAt: (path: string) => Envelope;
};

/** The answer of a route, but for the request's id, which stands between two parts of the body. */
type Prepared = { readonly status: number; readonly type: string; readonly parts: readonly [string, string]; readonly bytes: number };

/** Stands for the id where the answer is prepared. JSON writes it as it is, as it does every id that is accepted. */
const ID = 'the-id-of-the-request';
/** A path that is spelled plainly: no query, nothing percent-encoded. */
const PLAIN = /^[^?%#]*$/;

/**
 * Refuses before Koa has a context, the caller is known and the body is read: in an overload these would take the processor from
 * what was taken on. The answer is the one that the middleware gives; it is prepared once per route. Only for what comes in numbers,
 * POST from programs: everything else reaches the same refusal through the middleware.
 */
export function earlyRefusal({ refusing, idOf, metrics, envelopeAt }: EarlyRefusalDeps): EarlyRefusal {
  const answers = new Map<MatchedRoute, Prepared>();
  const answerOf = (route: MatchedRoute): Prepared => {
    let answer = answers.get(route);
    if (answer === undefined) {
      answer = prepare(route, envelopeAt);
      answers.set(route, answer);
    }
    return answer;
  };
  return (request, response) => {
    const { method, url = '', headers } = request;
    if (method !== 'POST' || headers.origin !== undefined || !PLAIN.test(url)) return false;
    const route = refusing(method, url);
    if (route === undefined) return false;
    const startedAt = performance.now();
    const { status, type, parts: [before, after], bytes } = answerOf(route);
    const id = idOf(request);
    response.writeHead(status, [
      'X-Request-Id', id, 'X-Content-Type-Options', 'nosniff', 'Retry-After', RETRY_AFTER_SECONDS, 'Content-Type', type,
      'Content-Length', String(bytes + id.length),
    ]);
    response.end(before + id + after);
    route.observe(String(status), (performance.now() - startedAt) / MS_PER_SECOND);
    metrics.count('refusals', { reason: 'ledger_unavailable' });
    return true;
  };
}

const MS_PER_SECOND = 1_000;

function prepare(route: MatchedRoute, envelopeAt: EarlyRefusalDeps['envelopeAt']): Prepared {
  const failure = toFailure(busyError(), { requestId: ID, route });
  const { mediaType, write } = route.envelope ?? envelopeAt(route.path);
  const [before = '', after = ''] = JSON.stringify(write(failure)).split(ID);
  return { status: failure.status, type: typeOf(mediaType), parts: [before, after], bytes: Buffer.byteLength(before + after) };
}
