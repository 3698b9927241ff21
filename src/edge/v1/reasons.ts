import Type, { type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { AskedChange } from '../../credits/changes/change.table.js';
import type { Done } from '../../credits/changes/keep-change.js';
import { isAccountId } from '../../kit/ids.js';
import { NOTES_LENGTH_MAX } from '../../kit/limits.js';
import { actorOf, type NativeCaller, type Principal } from '../../kit/principal.js';
import { invalid, type ErrorCode } from '../../kit/errors.js';
import type { GatewayContext } from '../http/context.js';
import { givenText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { storedText, type Parser } from '../http/schema.js';
import { reasonOf } from './callers.js';
import { storable } from './values.js';

/** `keepChange` with Postgres. */
export type KeepChange = (asked: AskedChange, work: () => Promise<Done>) => Promise<void>;

const Reason = storedText(1, NOTES_LENGTH_MAX, 'why; kept with the change. Operators must say it');
const reasonCheck = Compile(Reason);
const REASON_EXAMPLE = 'agreed with the customer';

/**
 * Makes every write among these routes take a reason and keep it, with the actor and the time, where `GET /v1/changes` lists it: as
 * `reason` of the body, or of the query where the route has no body. Operators must give one, services may.
 * For writes that have no entry in a ledger: an entry keeps its reason itself. `mustSay: false`: operators may give none, for routes
 * that are older than this rule.
 */
export const keepingReasons = (
  add: AddRoute, keepChange: KeepChange, { mustSay = true }: { readonly mustSay?: boolean } = {},
): AddRoute => (method, path, gate, spec, handler) => {
  if (method === 'GET') {
    add(method, path, gate, spec, handler);
    return;
  }
  const { body, ...rest } = spec;
  const errors = [...new Set<ErrorCode>([...spec.errors ?? [], 'ledger_unavailable'])];
  const taken = body === undefined
    ? { ...rest, errors, query: { ...spec.query, reason: Type.Optional(Reason) } }
    : { ...rest, errors, body: withReason(body) };
  add(method, path, gate, taken, async (ctx, { principal, body: sent }) => {
    const { asked, reason } = body === undefined ? { asked: undefined, reason: reasonInQuery(ctx) } : sent;
    const caller = nativeCaller(principal as unknown as NativeCaller | Principal);
    await keepChange({
      actor: actorOf(caller), actorKind: caller.kind === 'service' ? 'service' : 'operator',
      reason: mustSay ? reasonOf(caller, null, reason, body === undefined ? 'query.reason' : 'body.reason') : reason ?? null,
      method, path: ctx.path, accountId: accountIn(ctx, asked), body: asked === undefined ? null : JSON.stringify(asked),
      requestId: ctx.state.requestId,
    }, async () => {
      await handler(ctx, { principal, body: asked } as Parameters<typeof handler>[1]);
      return { status: ctx.status, replayed: ctx.response.get('Idempotency-Replayed') === 'true' };
    });
  });
};

type WithReason<Body> = { readonly asked: Body; readonly reason: string | undefined };

/** The parser of a body that may have a `reason` besides what `body` takes. */
function withReason<Body>(body: Parser<Body>): Parser<WithReason<Body>> {
  const { properties = {}, examples } = body.schema as { readonly properties?: Record<string, TSchema>; readonly examples?: object[] };
  const schema = {
    ...body.schema, properties: { ...properties, reason: Type.Optional(Reason) },
    ...(examples === undefined ? {} : { examples: examples.map((each) => ({ ...each, reason: REASON_EXAMPLE })) }),
  };
  return {
    schema,
    parse: (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return { asked: body.parse(value), reason: undefined };
      const { reason, ...rest } = value as Readonly<Record<string, unknown>>;
      const asked = body.parse(rest);
      if (reason === undefined || reasonCheck.Check(reason)) return { asked, reason };
      throw invalid('body.reason', `must be text of 1 to ${NOTES_LENGTH_MAX} characters, without NUL or lone surrogates`);
    },
  };
}

function reasonInQuery(ctx: GatewayContext): string | undefined {
  const reason = givenText(ctx, 'reason', NOTES_LENGTH_MAX);
  return reason === undefined ? undefined : storable(reason, 'query.reason');
}

/** A gate of roles passes a token, that of services a caller; users pass neither. */
const nativeCaller = (principal: NativeCaller | Principal): NativeCaller =>
  ('kind' in principal ? principal : { kind: 'operator', token: principal });

/** The account that the path names, or the body. */
function accountIn(ctx: GatewayContext, asked: unknown): string | null {
  const named = ctx.params?.['accountId'] ?? (asked as { readonly account?: unknown } | null | undefined)?.account;
  return typeof named === 'string' && isAccountId(named) ? named : null;
}
