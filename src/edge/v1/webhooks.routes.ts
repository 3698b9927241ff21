import Type from 'typebox';
import type { Webhooks, ToldEndpoint } from '../../credits/webhooks/manage-endpoints.js';
import { actorOf } from '../../kit/principal.js';
import { services } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { nativeBody, Strict } from './body.js';
import { ConditionHeaders, preconditionOf, setEtag } from './etag.js';
import { IdempotencyKeyHeader, keyOf, markReplayed } from './idempotency.js';
import { ListOf, wholeList } from './lists.js';
import { endpointBody, endpointFields, maySee, presentEndpoint, settingsIn } from './webhook-fields.js';

/** The use cases of manage-endpoints.ts, with their deps. */
export type WebhookRouteDeps = { readonly endpoints: Webhooks };

const KEEP_SECONDS = 86_400;
const KEEP_SECONDS_MAX = 604_800;
const MS_PER_SECOND = 1_000;

const Endpoint = Type.Object(endpointFields);
const Told = Type.Object({
  ...endpointFields,
  secret: Type.Union([Type.String(), Type.Null()], { description: 'signs what is sent (Standard Webhooks); told here and never again' }),
});
const rotateBody = nativeBody(Strict({
  keepPreviousSeconds: Type.Optional(Type.Integer({
    minimum: 0, maximum: KEEP_SECONDS_MAX, default: KEEP_SECONDS,
    description: 'for how many seconds the secret in use signs, too; 0: it has leaked',
  })),
}));
export const webhookParams = { webhookId: Type.String({ description: 'the id of the webhook' }) };
export const webhookIn = (ctx: GatewayContext): string => {
  const text = ctx.params?.['webhookId'] ?? '';
  // Postgres cannot be asked about some texts; no webhook is called so.
  return /^whe_[0-9a-f]{32}$/.test(text) ? text : '';
};

/** Endpoints that get events (docs/contracts/native.md#webhooks). */
export function webhookRoutes(add: AddRoute, { endpoints }: WebhookRouteDeps): void {
  add('POST', '/v1/webhooks', services('admin'), {
    summary: 'Have events sent to a URL; the answer tells the secret that signs them, once', headers: IdempotencyKeyHeader,
    body: endpointBody, replies: { 201: Told }, replays: true, errors: ['limit_exceeded', 'idempotency_mismatch', 'ledger_unavailable'],
  }, async (ctx, { principal, body }) => {
    tell(ctx, 201, await endpoints.create({
      settings: settingsIn(principal, body), createdBy: actorOf(principal), key: keyOf(ctx, principal),
    }));
  });

  add('GET', '/v1/webhooks', services('admin'), {
    summary: 'The webhooks of the caller\'s accounts, the newest first', replies: { 200: ListOf(Endpoint) }, errors: ['ledger_unavailable'],
  }, async (ctx, { principal }) => {
    reply(ctx, 200, wholeList((await endpoints.list(maySee(principal))).map(presentEndpoint)));
  });

  add('GET', '/v1/webhooks/:webhookId', services('admin'), {
    summary: 'A webhook, with its ETag', params: webhookParams, replies: { 200: Endpoint }, errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const endpoint = await endpoints.read(webhookIn(ctx), maySee(principal));
    setEtag(ctx, endpoint.version);
    reply(ctx, 200, presentEndpoint(endpoint));
  });

  add('PUT', '/v1/webhooks/:webhookId', services('admin'), {
    summary: 'Replace the settings of a webhook; one that becomes enabled gets events from then on', params: webhookParams,
    headers: ConditionHeaders, body: endpointBody, replies: { 200: Endpoint },
    errors: ['not_found', 'limit_exceeded', 'precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal, body }) => {
    const endpoint = await endpoints.update(webhookIn(ctx), settingsIn(principal, body), preconditionOf(ctx), maySee(principal));
    setEtag(ctx, endpoint.version);
    reply(ctx, 200, presentEndpoint(endpoint));
  });

  add('DELETE', '/v1/webhooks/:webhookId', services('admin'), {
    summary: 'Remove a webhook and the record of its deliveries', params: webhookParams, headers: ConditionHeaders,
    replies: { 204: Type.Null() }, errors: ['not_found', 'precondition_failed', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    await endpoints.remove(webhookIn(ctx), preconditionOf(ctx), maySee(principal));
    ctx.status = 204;
  });

  add('POST', '/v1/webhooks/:webhookId/rotate', services('admin'), {
    summary: 'Make a new secret; the one in use signs beside it for a while', params: webhookParams,
    headers: { ...ConditionHeaders, ...IdempotencyKeyHeader }, body: rotateBody, replies: { 200: Told }, replays: true,
    errors: ['not_found', 'precondition_failed', 'idempotency_mismatch', 'ledger_unavailable'],
  }, async (ctx, { principal, body: { keepPreviousSeconds = KEEP_SECONDS } }) => {
    tell(ctx, 200, await endpoints.rotate({
      endpointId: webhookIn(ctx), keepMs: keepPreviousSeconds * MS_PER_SECOND, check: preconditionOf(ctx), key: keyOf(ctx, principal),
    }, maySee(principal)));
  });
}

function tell(ctx: GatewayContext, status: number, { endpoint, secret, replayed }: ToldEndpoint): void {
  markReplayed(ctx, replayed);
  setEtag(ctx, endpoint.version);
  reply(ctx, status, { ...presentEndpoint(endpoint), secret });
}
