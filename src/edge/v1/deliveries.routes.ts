import Type from 'typebox';
import { DELIVERY_STATES } from '../../credits/webhooks/delivery.table.js';
import type { Deliveries } from '../../credits/webhooks/manage-deliveries.js';
import { GatewayError } from '../../kit/errors.js';
import { services } from '../auth/allow.js';
import type { GatewayContext } from '../http/context.js';
import { reply } from '../http/json.js';
import { queryWord, WordField } from '../http/query-fields.js';
import type { AddRoute } from '../http/routes.js';
import { cursorIn, limitIn, ListOf, listPage, ListQuery } from './lists.js';
import { Delivery, maySee, presentDelivery } from './webhook-fields.js';
import { webhookIn, webhookParams } from './webhooks.routes.js';

/** The use cases of manage-deliveries.ts, with their deps. */
export type DeliveryRouteDeps = { readonly deliveries: Deliveries };

const STATES = new Map(DELIVERY_STATES.map((state) => [state as string, state]));
const params = { ...webhookParams, deliveryId: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) };

/** What was sent to a webhook, and what it answered. */
export function deliveryRoutes(add: AddRoute, { deliveries }: DeliveryRouteDeps): void {
  add('GET', '/v1/webhooks/:webhookId/deliveries', services('admin'), {
    summary: 'Deliveries to a webhook with their answers, the newest first', params: webhookParams,
    query: { ...ListQuery, state: WordField(STATES, 'only those') }, replies: { 200: ListOf(Delivery) },
    errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    const limit = limitIn(ctx);
    const before = cursorIn(ctx, ([id]) => (Number.isSafeInteger(id) && (id as number) > 0 ? id as number : null));
    const query = { state: queryWord(ctx, 'state', STATES), before, limit: limit + 1 };
    const rows = await deliveries.list(webhookIn(ctx), maySee(principal), query);
    reply(ctx, 200, listPage(rows, limit, presentDelivery, ({ deliveryId }) => [deliveryId]));
  });

  add('GET', '/v1/webhooks/:webhookId/deliveries/:deliveryId', services('admin'), {
    summary: 'A delivery with its answers', params, replies: { 200: Delivery }, errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    reply(ctx, 200, presentDelivery(await deliveries.read(webhookIn(ctx), maySee(principal), deliveryIn(ctx))));
  });

  add('POST', '/v1/webhooks/:webhookId/deliveries/:deliveryId/resend', services('admin'), {
    summary: 'Send a delivery again, under the same id, with another three days of attempts', params, replies: { 202: Delivery },
    errors: ['not_found', 'conflict', 'ledger_unavailable'],
  }, async (ctx, { principal }) => {
    reply(ctx, 202, presentDelivery(await deliveries.resend(webhookIn(ctx), maySee(principal), deliveryIn(ctx))));
  });
}

function deliveryIn(ctx: GatewayContext): number {
  const text = ctx.params?.['deliveryId'] ?? '';
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new GatewayError('not_found', 'the webhook has no such delivery');
}
