import Type from 'typebox';
import { invalid } from '../../kit/errors.js';
import { ACCOUNT_ID_LENGTH_MAX, KEY_NAME_LENGTH_MAX } from '../../kit/limits.js';
import { KEY_SCOPES, type Principal } from '../../kit/principal.js';
import { CALENDAR_PERIODS, isTimeZone, type CalendarPeriod } from '../../ledger/calendar-edges.js';
import { allow } from '../auth/allow.js';
import type { CreatedApiKey, ServerKeyAdmin } from '../auth/manage-server-keys.js';
import type { ServerKeyRow, SpendLimit as SpendLimitOfKey } from '../auth/server-key.table.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { storedText } from '../http/schema.js';
import { nativeBody, Strict } from './body.js';
import { AccountId } from './callers.js';
import { idempotencyKey, IdempotencyKeyHeader, markReplayed } from '../http/idempotency-key.js';
import { ListOf, wholeList } from './lists.js';
import {
  AmountIn, amountIn, AmountOut, creditsText, OptionalTimeOut, timeIn, TimeIn, TimeOut, timeText, timeTextOrNull,
} from './values.js';

export type ApiKeyRouteDeps = {
  readonly serverKeys: Pick<ServerKeyAdmin, 'createApiKey' | 'rotate' | 'limit' | 'list' | 'revoke'>;
  readonly clock: () => number;
};

const RATE_MAX = 1_000_000;
const RateLimit = () => Type.Union([Type.Integer({ minimum: 1, maximum: RATE_MAX }), Type.Null()], {
  description: 'requests per second; null: what the gateway allows a key',
});
const ZONE_LENGTH_MAX = 64;
const SpendLimit = () => Type.Union([Strict({
  amount: AmountIn('credits that one window allows, in all accounts'),
  period: Type.Enum([...CALENDAR_PERIODS], { description: 'of the calendar of the zone' }),
  timeZone: Type.Optional(Type.String({ minLength: 1, maxLength: ZONE_LENGTH_MAX, description: 'IANA name; `UTC` by default' })),
}), Type.Null()], { description: 'what all live keys of its name may spend together; null: no limit' });
const expiresAt = Type.Optional(Type.Union([TimeIn('when the key ends'), Type.Null()]));
const createBody = nativeBody(Strict({
  name: storedText(1, KEY_NAME_LENGTH_MAX, 'the service; limits match keys by it'),
  scopes: Type.Array(Type.Enum([...KEY_SCOPES, '*']), {
    minItems: 1, maxItems: KEY_SCOPES.length + 1, description: 'what the key may do; `*` is all but `admin`',
  }),
  accountPrefix: Type.Optional(storedText(1, ACCOUNT_ID_LENGTH_MAX, 'the only accounts that the key may act on begin with this')),
  payer: Type.Optional(AccountId('the only account that the key may act on')),
  rateLimit: Type.Optional(RateLimit()), spendLimit: Type.Optional(SpendLimit()), expiresAt,
}, { examples: [{ name: 'chat-proxy', scopes: ['holds', 'charges', 'read'] }] }));
const changeBody = nativeBody(Strict({
  rateLimit: Type.Optional(RateLimit()), spendLimit: Type.Optional(SpendLimit()),
}, { examples: [{ rateLimit: 200, spendLimit: { amount: '1000', period: 'day' } }] }));
const rotateBody = nativeBody(Strict({ expiresAt }));

const key = {
  id: Type.String(), name: Type.String(), hint: Type.String({ description: 'how the key begins' }), scopes: Type.Array(Type.String()),
  accountPrefix: Type.Union([Type.String(), Type.Null()]), payer: Type.Union([Type.String(), Type.Null()]),
  rateLimit: Type.Union([Type.Integer(), Type.Null()], { description: 'requests per second; null: what the gateway allows a key' }),
  spendLimit: Type.Union([Type.Object({
    amount: AmountOut(), period: Type.Enum([...CALENDAR_PERIODS]), timeZone: Type.String(),
  }), Type.Null()], { description: 'what all live keys of its name may spend together; null: no limit' }),
  createdBy: Type.String(), createdAt: TimeOut(), expiresAt: OptionalTimeOut(), revokedAt: OptionalTimeOut(), lastUsedAt: OptionalTimeOut(),
};
const Key = Type.Object(key);
const Created = Type.Object({
  ...key, key: Type.Union([Type.String(), Type.Null()], { description: 'told this once; null in the answer to a repeat' }),
});
const params = { keyId: Type.String() };

/** API keys of services (docs/contracts/native.md#api-keys). The same as `credit-gateway keys`. */
export function apiKeyRoutes(add: AddRoute, { serverKeys, clock }: ApiKeyRouteDeps): void {
  const errors = ['conflict', 'idempotency_mismatch', 'ledger_unavailable'] as const;

  add('POST', '/v1/api-keys', allow('admin'), {
    summary: 'Make the first API key of a service', headers: IdempotencyKeyHeader, body: createBody, replays: true,
    replies: { 201: Created }, errors,
  }, async (ctx, { principal, body }) => {
    const { name, scopes, accountPrefix = null, payer = null, rateLimit = null, spendLimit, expiresAt: until } = body;
    answer(ctx, await serverKeys.createApiKey({
      name, scopes, accountPrefix, payer, rateLimit, spendLimit: spendIn(spendLimit) ?? null, createdBy: principal.accountId,
      expiresAtMs: futureIn(until, clock()) ?? null,
      key: keyIn(ctx, principal),
    }));
  });

  add('GET', '/v1/api-keys', allow('admin'), {
    summary: 'All API keys, revoked ones too, the newest first', replies: { 200: ListOf(Key) }, errors: ['ledger_unavailable'],
  }, async (ctx) => {
    reply(ctx, 200, wholeList((await serverKeys.list()).map(present)));
  });

  add('POST', '/v1/api-keys/:keyId/rotate', allow('admin'), {
    summary: 'Make a second key beside this one, for the same service; revoke this one when the service uses the new one',
    params, headers: IdempotencyKeyHeader, body: rotateBody, replays: true, replies: { 201: Created }, errors: [...errors, 'not_found'],
  }, async (ctx, { principal, body: { expiresAt: until } }) => {
    answer(ctx, await serverKeys.rotate({
      keyId: ctx.params?.['keyId'] ?? '', expiresAtMs: futureIn(until, clock()), createdBy: principal.accountId, key: keyIn(ctx, principal),
    }));
  });

  add('PATCH', '/v1/api-keys/:keyId', allow('admin'), {
    summary: 'Change how many requests per second an API key may make, and what it may spend; in force within a second', params,
    body: changeBody,
    replies: { 200: Key }, errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { body: { rateLimit, spendLimit } }) => {
    if (rateLimit === undefined && spendLimit === undefined) throw invalid('body', 'needs `rateLimit` or `spendLimit`');
    reply(ctx, 200, present(await serverKeys.limit(ctx.params?.['keyId'] ?? '', { rateLimit, spendLimit: spendIn(spendLimit) })));
  });

  add('DELETE', '/v1/api-keys/:keyId', allow('admin'), {
    summary: 'Revoke an API key; it is refused within a second', params, replies: { 200: Key }, errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx) => {
    reply(ctx, 200, present(await serverKeys.revoke(ctx.params?.['keyId'] ?? '')));
  });
}

const keyIn = (ctx: GatewayContext, principal: Principal) => idempotencyKey(ctx, principal);

function answer(ctx: GatewayContext, { row, key: plain, replayed }: CreatedApiKey): void {
  markReplayed(ctx, replayed);
  reply(ctx, 201, { ...present(row), key: plain });
}

type SpendLimitIn = { readonly amount: number | string; readonly period: CalendarPeriod; readonly timeZone?: string } | null | undefined;

function spendIn(limit: SpendLimitIn): SpendLimitOfKey | null | undefined {
  if (limit === null || limit === undefined) return limit;
  const { amount, period, timeZone = 'UTC' } = limit;
  if (!isTimeZone(timeZone)) throw invalid('body.spendLimit.timeZone', 'must be a zone of the IANA list, such as Europe/Berlin');
  return { amount: amountIn(amount, 'body.spendLimit.amount'), period, timeZone };
}

function futureIn(text: string | null | undefined, nowMs: number): number | null | undefined {
  if (text === null || text === undefined) return text;
  const ms = timeIn(text, 'body.expiresAt');
  if (ms > nowMs) return ms;
  throw invalid('body.expiresAt', 'must be a time to come');
}

const present = (row: ServerKeyRow) => ({
  id: row.keyId, name: row.name, hint: row.hint, scopes: row.scopes, accountPrefix: row.accountPrefix, payer: row.payer,
  rateLimit: row.rateLimit, spendLimit: row.spendLimit === null ? null : { ...row.spendLimit, amount: creditsText(row.spendLimit.amount) },
  createdBy: row.createdBy, createdAt: timeText(row.createdAtMs), expiresAt: timeTextOrNull(row.expiresAtMs),
  revokedAt: timeTextOrNull(row.revokedAtMs), lastUsedAt: timeTextOrNull(row.lastUsedAtMs),
});
