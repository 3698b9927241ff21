import type { Answered } from '../../credits/repeats/answer-once.js';
import type { KeptAnswer, RequestName } from '../../credits/repeats/kept-answer.table.js';
import { fingerprint } from '../../kit/ids.js';
import { sortedJson } from '../../kit/sorted-json.js';
import type { GatewayContext } from '../http/context.js';
import { idempotencyKey, IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';
import type { AddRoute } from '../http/routes.js';

/** `answerOnce` with Postgres. */
export type AnswerOnce = (name: RequestName, fingerprint: string, work: () => Promise<KeptAnswer>) => Promise<Answered>;

const OWN_HEADER = 'Idempotency-Key';

/**
 * Gives every write of `/v1` an `Idempotency-Key`. What moves money remembers its keys itself, in its own tables, and declares
 * the header. Of every other write, the first answer is kept in Postgres when it comes with a key: a retried DELETE is not 404,
 * and a late repeat does not undo what others have changed since. A route with `isRepeatable` takes the header and needs no memory.
 */
export const remembering = (add: AddRoute, answerOnce: AnswerOnce): AddRoute => (method, path, gate, spec, handler) => {
  if (method === 'GET' || spec.headers?.[OWN_HEADER] !== undefined) {
    add(method, path, gate, spec, handler);
    return;
  }
  const headers = { ...spec.headers, ...IdempotencyKeyHeader };
  if (spec.isRepeatable === true) {
    add(method, path, gate, { ...spec, headers }, async (ctx, call) => {
      if (call.principal !== null) idempotencyKey(ctx, call.principal);
      await handler(ctx, call);
    });
    return;
  }
  const errors = [...new Set([...spec.errors ?? [], 'idempotency_mismatch', 'ledger_unavailable'] as const)];
  add(method, path, gate, { ...spec, headers, errors, replays: true }, async (ctx, call) => {
    const name = call.principal === null ? null : idempotencyKey(ctx, call.principal);
    if (name === null) {
      await handler(ctx, call);
      return;
    }
    const asked = fingerprint(method, ctx.path, ctx.querystring, conditionsOf(ctx), sortedJson(call.body ?? null));
    const { answer, replayed } = await answerOnce(name, asked, async () => {
      await handler(ctx, call);
      return answerOf(ctx);
    });
    if (!replayed) return;
    markReplayed(ctx, true);
    replay(ctx, answer);
  });
};

/** What else the request asks for, beside its body. */
const conditionsOf = (ctx: GatewayContext): string => JSON.stringify([ctx.get('If-Match'), ctx.get('If-None-Match')]);

const answerOf = (ctx: GatewayContext): KeptAnswer => ({
  status: ctx.status, etag: ctx.response.get('ETag') || null, body: typeof ctx.body === 'string' ? ctx.body : null,
});

function replay(ctx: GatewayContext, { status, etag, body }: KeptAnswer): void {
  if (etag !== null) ctx.set('ETag', etag);
  if (body !== null) {
    ctx.res.setHeader('Content-Type', 'application/json; charset=utf-8');
    ctx.body = body;
  }
  ctx.status = status;
}
