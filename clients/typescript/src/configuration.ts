import type { Send } from './send.js';
import type { CallOptions } from './transport.js';
import type { BodyOf, QueryOf } from './types.js';

/** API keys of services. For operators. */
export const apiKeys = (send: Send) => ({
  list: (options?: CallOptions) => send('GET /v1/api-keys', {}, options),
  /** The answer shows the key, once. */
  create: (body: BodyOf<'POST /v1/api-keys'>, options?: CallOptions) => send('POST /v1/api-keys', { body }, options),
  change: (keyId: string, body: BodyOf<'PATCH /v1/api-keys/{keyId}'>, options?: CallOptions) =>
    send('PATCH /v1/api-keys/{keyId}', { path: { keyId }, body }, options),
  rotate: (keyId: string, body: BodyOf<'POST /v1/api-keys/{keyId}/rotate'>, options?: CallOptions) =>
    send('POST /v1/api-keys/{keyId}/rotate', { path: { keyId }, body }, options),
  revoke: (keyId: string, query?: QueryOf<'DELETE /v1/api-keys/{keyId}'>, options?: CallOptions) =>
    send('DELETE /v1/api-keys/{keyId}', { path: { keyId }, query }, options),
});

export const webhooks = (send: Send) => ({
  list: (options?: CallOptions) => send('GET /v1/webhooks', {}, options),
  create: (body: BodyOf<'POST /v1/webhooks'>, options?: CallOptions) => send('POST /v1/webhooks', { body }, options),
  get: (webhookId: string, options?: CallOptions) => send('GET /v1/webhooks/{webhookId}', { path: { webhookId } }, options),
  set: (webhookId: string, body: BodyOf<'PUT /v1/webhooks/{webhookId}'>, options?: CallOptions) =>
    send('PUT /v1/webhooks/{webhookId}', { path: { webhookId }, body }, options),
  remove: (webhookId: string, query?: QueryOf<'DELETE /v1/webhooks/{webhookId}'>, options?: CallOptions) =>
    send('DELETE /v1/webhooks/{webhookId}', { path: { webhookId }, query }, options),
  /** A new secret; the old one signs beside it for a while. */
  rotate: (webhookId: string, body: BodyOf<'POST /v1/webhooks/{webhookId}/rotate'>, options?: CallOptions) =>
    send('POST /v1/webhooks/{webhookId}/rotate', { path: { webhookId }, body }, options),
  deliveries: (webhookId: string, query?: QueryOf<'GET /v1/webhooks/{webhookId}/deliveries'>, options?: CallOptions) =>
    send('GET /v1/webhooks/{webhookId}/deliveries', { path: { webhookId }, query }, options),
  delivery: (webhookId: string, deliveryId: number, options?: CallOptions) =>
    send('GET /v1/webhooks/{webhookId}/deliveries/{deliveryId}', { path: { webhookId, deliveryId } }, options),
  resend: (
    webhookId: string, deliveryId: number, query?: QueryOf<'POST /v1/webhooks/{webhookId}/deliveries/{deliveryId}/resend'>,
    options?: CallOptions,
  ) =>
    send('POST /v1/webhooks/{webhookId}/deliveries/{deliveryId}/resend', { path: { webhookId, deliveryId }, query }, options),
});

/** Price books. For operators. */
export const prices = (send: Send) => ({
  list: (book: string, query?: QueryOf<'GET /v1/prices/{book}'>, options?: CallOptions) =>
    send('GET /v1/prices/{book}', { path: { book }, query }, options),
  set: (book: string, body: BodyOf<'PUT /v1/prices/{book}'>, options?: CallOptions) =>
    send('PUT /v1/prices/{book}', { path: { book }, body }, options),
  setTerms: (book: string, body: BodyOf<'PUT /v1/prices/{book}/terms'>, options?: CallOptions) =>
    send('PUT /v1/prices/{book}/terms', { path: { book }, body }, options),
  aliases: (book: string, query?: QueryOf<'GET /v1/prices/{book}/aliases'>, options?: CallOptions) =>
    send('GET /v1/prices/{book}/aliases', { path: { book }, query }, options),
  history: (book: string, query?: QueryOf<'GET /v1/prices/{book}/history'>, options?: CallOptions) =>
    send('GET /v1/prices/{book}/history', { path: { book }, query }, options),
});

/** Credits that come again each period. For operators. */
export const plans = (send: Send) => ({
  list: (options?: CallOptions) => send('GET /v1/plans', {}, options),
  get: (planId: string, options?: CallOptions) => send('GET /v1/plans/{planId}', { path: { planId } }, options),
  set: (planId: string, body: BodyOf<'PUT /v1/plans/{planId}'>, options?: CallOptions) =>
    send('PUT /v1/plans/{planId}', { path: { planId }, body }, options),
  remove: (planId: string, query?: QueryOf<'DELETE /v1/plans/{planId}'>, options?: CallOptions) =>
    send('DELETE /v1/plans/{planId}', { path: { planId }, query }, options),
});

export const referrals = (send: Send) => ({
  create: (body: BodyOf<'POST /v1/referrals'>, options?: CallOptions) => send('POST /v1/referrals', { body }, options),
});

/** The state of the ledger. For operators. */
export const operations = (send: Send) => ({
  changes: (query?: QueryOf<'GET /v1/changes'>, options?: CallOptions) => send('GET /v1/changes', { query }, options),
  refusals: (query?: QueryOf<'GET /v1/refusals'>, options?: CallOptions) => send('GET /v1/refusals', { query }, options),
  modelCosts: (query?: QueryOf<'GET /v1/models/costs'>, options?: CallOptions) => send('GET /v1/models/costs', { query }, options),
  shards: (options?: CallOptions) => send('GET /v1/shards', {}, options),
  reconciliation: (options?: CallOptions) => send('GET /v1/reconciliation', {}, options),
  reconcile: (body: BodyOf<'POST /v1/reconciliation'>, options?: CallOptions) => send('POST /v1/reconciliation', { body }, options),
});
