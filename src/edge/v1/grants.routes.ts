import Type from 'typebox';
import type { GrantedLot, GrantLotCommand, RevokedGrant, RevokeGrantCommand } from '../../credits/grants/native-grants.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { EXPIRY_DAYS_MAX, NOTES_LENGTH_MAX } from '../../kit/limits.js';
import { creditsText } from '../../kit/money/credits.js';
import { actorOf } from '../../kit/principal.js';
import { services } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { givenText } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { MetadataMember, metadataOf, nativeBody, Strict } from './body.js';
import { AccountMember, accountOf, mayActOn, reasonOf, ReasonMember } from './callers.js';
import { IdempotencyKeyHeader, keyOf, markReplayed } from './idempotency.js';
import { RuleMembers, ruleIn } from './lot-fields.js';
import { PreferHeader } from './prefer.js';
import { AmountIn, AmountOut, OptionalTimeOut, positiveAmountIn, storable, timeIn, TimeIn, timeTextOrNull } from './values.js';

/** The use cases of native-grants.ts with their deps. */
export type GrantRouteDeps = {
  readonly grantLot: (command: GrantLotCommand) => Promise<GrantedLot>;
  readonly revokeGrant: (command: RevokeGrantCommand) => Promise<RevokedGrant>;
};

const SOURCE = '^[a-z][a-z0-9_-]{0,31}$';
const DAY_MS = 86_400_000;
const grantBody = nativeBody(Strict({
  account: AccountMember(), amount: AmountIn(),
  expiresAt: Type.Optional(Type.Union([TimeIn('when what is left of it ends; null: never'), Type.Null()])),
  source: Type.Optional(Type.String({ pattern: SOURCE, description: 'where the credits come from, such as `purchase` or `bonus`' })),
  ...RuleMembers, reason: ReasonMember(), metadata: MetadataMember(),
}));

const granted = { id: Type.String(), account: Type.String(), amount: AmountOut(), expiresAt: OptionalTimeOut() };
const Granted = Type.Object({
  ...granted, remaining: AmountOut('after debt was paid from it'), debtPaid: AmountOut(), available: AmountOut(),
});
const Pending = Type.Object({ id: Type.String(), account: Type.String(), status: Type.Literal('pending') });
const Revoked = Type.Object({
  id: Type.String(), account: Type.String(), revoked: AmountOut('what was left and available'), available: AmountOut(),
});
const headers = { ...IdempotencyKeyHeader, ...PreferHeader };
const errors = ['idempotency_mismatch', 'account_frozen', 'ledger_unavailable'] as const;

/** Lots of credits. A grant is in Postgres before it is acknowledged; 202 when Redis has yet to apply it. */
export function grantRoutes(add: AddRoute, { grantLot, revokeGrant }: GrantRouteDeps, clock: () => number): void {
  add('POST', '/v1/grants', services('grants'), {
    summary: 'Grant a lot of credits', body: grantBody, headers, replays: true, replies: { 201: Granted, 202: Pending },
    errors: [...errors, 'limit_exceeded'],
  }, async (ctx, { principal, body }) => {
    const accountId = accountOf(ctx, principal, body.account);
    const amount = positiveAmountIn(body.amount, 'body.amount');
    const result = await grantLot({
      accountId, amount, expiresAtMs: expiryIn(body.expiresAt ?? null, clock()), source: body.source ?? 'grant',
      rule: ruleIn(body), reason: reasonOf(principal, null, body.reason), actor: actorOf(principal), metadata: metadataOf(body.metadata),
      key: keyOf(ctx, principal),
    });
    const id = String(result.id);
    if (result.status === 'pending') {
      reply(ctx, 202, { id, account: accountId, status: 'pending' });
      return;
    }
    markReplayed(ctx, result.replayed);
    reply(ctx, 201, {
      id, account: accountId, amount: creditsText(amount), expiresAt: timeTextOrNull(result.expiresAtMs),
      remaining: creditsText(result.remaining), debtPaid: creditsText(result.debtPaid), available: creditsText(result.available),
    });
  });

  add('DELETE', '/v1/grants/:grantId', services('grants'), {
    summary: 'Revoke what is left of a grant; what is held of it ends with its hold',
    params: { grantId: Type.String() }, query: { reason: Type.Optional(Type.String({ minLength: 1, maxLength: NOTES_LENGTH_MAX })) },
    headers, replays: true, replies: { 200: Revoked, 202: Pending }, errors: [...errors, 'not_found'],
  }, async (ctx, { principal }) => {
    const reason = givenText(ctx, 'reason', NOTES_LENGTH_MAX);
    const grantId = grantIdIn(ctx);
    const result = await revokeGrant({
      grantId, mayActOn: (accountId) => mayActOn(principal, accountId), actor: actorOf(principal), key: keyOf(ctx, principal),
      reason: reasonOf(principal, null, reason === undefined ? undefined : storable(reason, 'query.reason'), 'query.reason'),
    });
    const { accountId: account } = result;
    ctx.state.accountId = account;
    const id = String(grantId);
    if (result.status === 'pending') {
      reply(ctx, 202, { id, account, status: 'pending' });
      return;
    }
    markReplayed(ctx, result.replayed);
    reply(ctx, 200, { id, account, revoked: creditsText(result.revoked), available: creditsText(result.available) });
  });
}

function grantIdIn(ctx: GatewayContext): number {
  const text = ctx.params?.['grantId'] ?? '';
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new GatewayError('not_found', 'there is no such grant');
}

/** A time that has passed is refused by the use case, unless the request is a repeat. */
function expiryIn(text: string | null, nowMs: number): number | null {
  if (text === null) return null;
  const ms = timeIn(text, 'body.expiresAt');
  if (ms > nowMs + EXPIRY_DAYS_MAX * DAY_MS) throw invalid('body.expiresAt', `must be at most ${EXPIRY_DAYS_MAX} days from now`);
  return ms;
}
