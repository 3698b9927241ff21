import type { Download, Send } from './send.js';
import type { CallOptions } from './transport.js';
import type { BodyOf, PlaceHold, QueryOf } from './types.js';

/** Media types of lists that can be streamed in bounded memory. */
export const MEDIA = { csv: 'text/csv', ndjson: 'application/x-ndjson' } as const;

/** Holds: leases on credits. */
export const holds = (send: Send) => ({
  /** Reserves credits before a request: an amount, or what a model may use. The client makes an `id` when there is none. */
  place: (body: PlaceHold, options: CallOptions = {}) => send('POST /v1/holds', {
    body: body.id !== undefined || options.idempotencyKey !== undefined ? body : { ...body, id: crypto.randomUUID() },
  }, options),
  /** Raises an open hold, renews its lease, or both. */
  extend: (id: string, body: BodyOf<'POST /v1/holds/{holdId}/extend'>, options?: CallOptions) =>
    send('POST /v1/holds/{holdId}/extend', { path: { holdId: id }, body }, options),
  /** Reports the usage so far, renews the lease, and tops the hold up. */
  progress: (id: string, body: BodyOf<'POST /v1/holds/{holdId}/progress'>, options?: CallOptions) =>
    send('POST /v1/holds/{holdId}/progress', { path: { holdId: id }, body }, options),
  /** Charges what was used and gives the rest back. */
  settle: (id: string, body: BodyOf<'POST /v1/holds/{holdId}/settle'>, options?: CallOptions) =>
    send('POST /v1/holds/{holdId}/settle', { path: { holdId: id }, body }, options),
  /** Gives all of a hold back. */
  void: (id: string, body: BodyOf<'POST /v1/holds/{holdId}/void'>, options?: CallOptions) =>
    send('POST /v1/holds/{holdId}/void', { path: { holdId: id }, body }, options),
  /** A hold with everything that happened to it. */
  get: (id: string, query?: QueryOf<'GET /v1/holds/{holdId}'>, options?: CallOptions) =>
    send('GET /v1/holds/{holdId}', { path: { holdId: id }, query }, options),
  /** Holds of an account, the last placed first. */
  list: (query?: QueryOf<'GET /v1/holds'>, options?: CallOptions) => send('GET /v1/holds', { query }, options),
});

export const charges = (send: Send) => ({
  /** Debits in one step: an amount, or what usage costs. */
  create: (body: BodyOf<'POST /v1/charges'>, options?: CallOptions) => send('POST /v1/charges', { body }, options),
});

export const quotes = (send: Send) => ({
  /** What usage would cost. Changes nothing. */
  create: (body: BodyOf<'POST /v1/quotes'>, options?: CallOptions) => send('POST /v1/quotes', { body }, options),
});

export const grants = (send: Send) => ({
  create: (body: BodyOf<'POST /v1/grants'>, options?: CallOptions) => send('POST /v1/grants', { body }, options),
  /** Takes back what is left of a grant. */
  revoke: (id: string, query?: QueryOf<'DELETE /v1/grants/{grantId}'>, options?: CallOptions) =>
    send('DELETE /v1/grants/{grantId}', { path: { grantId: id }, query }, options),
});

export const refunds = (send: Send) => ({
  /** Gives back a settled hold or a charge, whole or in part. */
  create: (body: BodyOf<'POST /v1/refunds'>, options?: CallOptions) => send('POST /v1/refunds', { body }, options),
});

export const transfers = (send: Send) => ({
  create: (body: BodyOf<'POST /v1/transfers'>, options?: CallOptions) => send('POST /v1/transfers', { body }, options),
  get: (id: string, options?: CallOptions) => send('GET /v1/transfers/{id}', { path: { id } }, options),
});

export const usage = (send: Send, download: Download) => ({
  /** Usage by time, grouped. */
  get: (query?: QueryOf<'GET /v1/usage'>, options?: CallOptions) => send('GET /v1/usage', { query }, options),
  /** The same as a stream: the body of the answer. */
  download: (type: keyof typeof MEDIA, query?: QueryOf<'GET /v1/usage'>, options?: CallOptions) =>
    download('GET /v1/usage', { query }, MEDIA[type], options),
});

/** Ledger entries of the caller. Those of another account: `accounts.entries`. */
export const entries = (send: Send, download: Download) => ({
  list: (query?: QueryOf<'GET /v1/entries'>, options?: CallOptions) => send('GET /v1/entries', { query }, options),
  download: (type: keyof typeof MEDIA, query?: QueryOf<'GET /v1/entries'>, options?: CallOptions) =>
    download('GET /v1/entries', { query }, MEDIA[type], options),
});

export const events = (send: Send) => ({
  /** What webhooks tell, by cursor. */
  list: (query?: QueryOf<'GET /v1/events'>, options?: CallOptions) => send('GET /v1/events', { query }, options),
});
