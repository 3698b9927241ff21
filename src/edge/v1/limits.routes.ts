import Type, { type Static } from 'typebox';
import type { StoredLimit } from '../../books/account-limit.table.js';
import type { ChangedLimit, LimitSpec } from '../../credits/limits/manage-limits.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { ACCOUNT_ID_LENGTH_MAX, LIMIT_TEXT_LENGTH_MAX } from '../../kit/limits.js';
import type { Precondition } from '../../kit/precondition.js';
import { actorOf } from '../../kit/principal.js';
import { isTimeZone } from '../../ledger/calendar-edges.js';
import { LIMIT_MODES, LIMIT_PERIODS, LIMIT_WINDOWS } from '../../ledger/limits.js';
import { callers, services } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { nativeBody, Strict } from './body.js';
import { AccountId, accountInPath, spenderOf } from './callers.js';
import { ConditionHeaders, preconditionOf, setEtag } from './etag.js';
import { isLimitId, LIMIT_ID, LIMIT_ID_LENGTH_MAX } from './limit-fields.js';
import { ListOf, wholeList } from './lists.js';
import { AmountIn, amountIn, AmountOut, creditsText, storable } from './values.js';

/** The use cases of manage-limits.ts, with their deps. */
export type LimitRouteDeps = {
  readonly listLimits: (accountId: string) => Promise<readonly StoredLimit[]>;
  readonly setLimit: (
    accountId: string, spec: LimitSpec, by: { readonly check: Precondition; readonly actor: string },
  ) => Promise<ChangedLimit>;
  readonly removeLimit: (accountId: string, limitId: string, check: Precondition) => Promise<{ readonly applied: boolean } | null>;
};

const ZONE_LENGTH_MAX = 64;
/** Without control characters: the scripts read definitions by lines. */
const Matched = (description: string) =>
  Type.String({ minLength: 1, maxLength: LIMIT_TEXT_LENGTH_MAX, pattern: '^[^\\u0000-\\u001f\\u007f]*$', description });

const Match = Strict({
  spender: Type.Optional(Type.String({
    minLength: 1, maxLength: ACCOUNT_ID_LENGTH_MAX, description: 'only what this spender uses; `*`: each spender has the amount',
  })),
  model: Type.Optional(Matched('only uses of this model, as the caller names it')),
  feature: Type.Optional(Matched('only uses of this feature')),
  key: Type.Optional(Matched('only what comes with the API key of this name')),
}, { description: 'what is counted; absent members match everything' });
const limitBody = nativeBody(Strict({
  amount: AmountIn('credits that one window allows'),
  period: Type.Enum([...LIMIT_PERIODS], { description: 'how long a window is; `total`: one that never ends' }),
  window: Type.Optional(Type.Enum([...LIMIT_WINDOWS], { description: '`calendar` by default; a rolling month is 30 days' })),
  timeZone: Type.Optional(Type.String({
    minLength: 1, maxLength: ZONE_LENGTH_MAX, description: 'IANA name of the zone of a calendar window; `UTC` by default',
  })),
  match: Type.Optional(Match),
  mode: Type.Optional(Type.Enum([...LIMIT_MODES], { description: '`refuse` by default; `warn` refuses nothing and is told by entries' })),
}, { examples: [{ amount: '50', period: 'day', timeZone: 'Europe/Berlin', match: { feature: 'chat' } }] }));
type LimitBody = ReturnType<typeof limitBody.parse>;

const Limit = Type.Object({
  id: Type.String(), account: Type.String(), amount: AmountOut('of one window'), period: Type.Enum([...LIMIT_PERIODS]),
  window: Type.Enum([...LIMIT_WINDOWS]), timeZone: Type.Union([Type.String(), Type.Null()], { description: 'of a calendar window' }),
  match: Type.Object({
    spender: Type.Optional(Type.String()), model: Type.Optional(Type.String()), feature: Type.Optional(Type.String()),
    key: Type.Optional(Type.String()),
  }),
  mode: Type.Enum([...LIMIT_MODES]),
});
const Pending = Type.Intersect([Limit, Type.Object({ applied: Type.Literal(false) })]);
const accountParams = { accountId: AccountId('the account that pays') };
const params = {
  ...accountParams, limitId: Type.String({ minLength: 1, maxLength: LIMIT_ID_LENGTH_MAX, pattern: LIMIT_ID }),
};

/** What an account may spend in a window of time, decided with every hold and charge (docs/contracts/native.md#limits). */
export function limitRoutes(add: AddRoute, deps: LimitRouteDeps): void {
  add('GET', '/v1/accounts/:accountId/limits', callers('read'), {
    summary: 'The limits of an account', params: accountParams, replies: { 200: ListOf(Limit) }, errors: ['ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const accountId = accountInPath(ctx, principal);
    reply(ctx, 200, wholeList((await deps.listLimits(accountId)).map((limit) => presentLimit(accountId, limit))));
  });

  add('GET', '/v1/accounts/:accountId/limits/:limitId', callers('read'), {
    summary: 'A limit, with its ETag', params, replies: { 200: Limit }, hasEtag: true, errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const accountId = accountInPath(ctx, principal);
    const limitId = limitIn(ctx);
    const limit = (await deps.listLimits(accountId)).find((each) => each.limitId === limitId);
    if (limit === undefined) throw noLimit();
    setEtag(ctx, limit.version);
    reply(ctx, 200, presentLimit(accountId, limit));
  });

  add('PUT', '/v1/accounts/:accountId/limits/:limitId', services('admin'), {
    summary: 'Define or replace a limit; it counts from now on. 202: Redis is away, and it applies when Redis is back',
    params, headers: ConditionHeaders, body: limitBody, replies: { 200: Limit, 201: Limit, 202: Pending }, hasEtag: true,
    errors: ['limit_exceeded', 'precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal, body }) => {
    const accountId = accountInPath(ctx, principal);
    const spec = toSpec(limitIn(ctx), body);
    const { limit, before, applied } = await deps.setLimit(accountId, spec, { check: preconditionOf(ctx), actor: actorOf(principal) });
    setEtag(ctx, limit.version);
    if (applied) reply(ctx, before === null ? 201 : 200, presentLimit(accountId, limit));
    else reply(ctx, 202, { ...presentLimit(accountId, limit), applied });
  });

  add('DELETE', '/v1/accounts/:accountId/limits/:limitId', services('admin'), {
    summary: 'Remove a limit and forget what it has counted. 202: Redis is away, and the limit holds until Redis is back',
    params, headers: ConditionHeaders, replies: { 202: Type.Object({ applied: Type.Literal(false) }), 204: Type.Null() },
    errors: ['not_found', 'precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const removed = await deps.removeLimit(accountInPath(ctx, principal), limitIn(ctx), preconditionOf(ctx));
    if (removed === null) throw noLimit();
    if (removed.applied) ctx.status = 204;
    else reply(ctx, 202, removed);
  });
}

const noLimit = (): GatewayError => new GatewayError('not_found', 'The account has no limit of this id');

function limitIn(ctx: GatewayContext): string {
  const limitId = ctx.params?.['limitId'] ?? '';
  if (isLimitId(limitId)) return limitId;
  throw invalid('path.limitId', `must be 1 to ${LIMIT_ID_LENGTH_MAX} letters, digits or any of ._-`);
}

function toSpec(limitId: string, { amount, period, window = 'calendar', timeZone, match = {}, mode = 'refuse' }: LimitBody): LimitSpec {
  if (window === 'rolling' && period === 'total') throw invalid('body.window', 'a total has no rolling window');
  if (timeZone !== undefined && (window === 'rolling' || period === 'total')) {
    throw invalid('body.timeZone', 'belongs to a calendar window of a period, and to no other');
  }
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    throw invalid('body.timeZone', 'must be a zone of the IANA list, such as Europe/Berlin');
  }
  if (match.spender !== undefined) spenderOf(match.spender, 'body.match.spender');
  for (const name of ['model', 'feature', 'key'] as const) storable(match[name] ?? '', `body.match.${name}`);
  return { limitId, amount: amountIn(amount, 'body.amount'), period, window, timeZone: timeZone ?? 'UTC', match, mode };
}

const presentLimit = (accountId: string, limit: StoredLimit): Static<typeof Limit> => {
  const { limitId, amount, period, window, timeZone, match: { spender, model, feature, key }, mode } = limit;
  return {
    id: limitId, account: accountId, amount: creditsText(amount), period, window,
    timeZone: window === 'rolling' || period === 'total' ? null : timeZone,
    match: {
      ...(spender === undefined ? {} : { spender }), ...(model === undefined ? {} : { model }),
      ...(feature === undefined ? {} : { feature }), ...(key === undefined ? {} : { key }),
    },
    mode,
  };
};
