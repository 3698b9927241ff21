import { MEDIA } from './money.js';
import type { Download, Send } from './send.js';
import type { CallOptions } from './transport.js';
import type { BodyOf, QueryOf } from './types.js';

/** Balances and histories of accounts. */
export const accounts = (send: Send, download: Download) => ({
  get: (accountId: string, options?: CallOptions) => send('GET /v1/accounts/{accountId}', { path: { accountId } }, options),
  /** The balance now, or as it was. */
  balance: (accountId: string, query?: QueryOf<'GET /v1/accounts/{accountId}/balance'>, options?: CallOptions) =>
    send('GET /v1/accounts/{accountId}/balance', { path: { accountId }, query }, options),
  lots: (accountId: string, query?: QueryOf<'GET /v1/accounts/{accountId}/lots'>, options?: CallOptions) =>
    send('GET /v1/accounts/{accountId}/lots', { path: { accountId }, query }, options),
  entries: (accountId: string, query?: QueryOf<'GET /v1/accounts/{accountId}/entries'>, options?: CallOptions) =>
    send('GET /v1/accounts/{accountId}/entries', { path: { accountId }, query }, options),
  /** The entries as a stream: the body of the answer. */
  downloadEntries: (
    type: keyof typeof MEDIA, accountId: string, query?: QueryOf<'GET /v1/accounts/{accountId}/entries'>, options?: CallOptions,
  ) => download('GET /v1/accounts/{accountId}/entries', { path: { accountId }, query }, MEDIA[type], options),
  /** The receipt of an entry. */
  entry: (accountId: string, seq: number, options?: CallOptions) =>
    send('GET /v1/accounts/{accountId}/entries/{seq}', { path: { accountId, seq } }, options),
  /** Whether a request would pass now, and if not, why. */
  explain: (accountId: string, query?: QueryOf<'GET /v1/accounts/{accountId}/explain'>, options?: CallOptions) =>
    send('GET /v1/accounts/{accountId}/explain', { path: { accountId }, query }, options),
  freeze: (accountId: string, body: BodyOf<'POST /v1/accounts/{accountId}/freeze'>, options?: CallOptions) =>
    send('POST /v1/accounts/{accountId}/freeze', { path: { accountId }, body }, options),
  thaw: (accountId: string, body: BodyOf<'POST /v1/accounts/{accountId}/thaw'>, options?: CallOptions) =>
    send('POST /v1/accounts/{accountId}/thaw', { path: { accountId }, body }, options),
});

/** What an account may spend in a window of time. */
export const limits = (send: Send) => ({
  list: (accountId: string, options?: CallOptions) => send('GET /v1/accounts/{accountId}/limits', { path: { accountId } }, options),
  get: (accountId: string, limitId: string, options?: CallOptions) =>
    send('GET /v1/accounts/{accountId}/limits/{limitId}', { path: { accountId, limitId } }, options),
  set: (accountId: string, limitId: string, body: BodyOf<'PUT /v1/accounts/{accountId}/limits/{limitId}'>, options?: CallOptions) =>
    send('PUT /v1/accounts/{accountId}/limits/{limitId}', { path: { accountId, limitId }, body }, options),
  remove: (
    accountId: string, limitId: string, query?: QueryOf<'DELETE /v1/accounts/{accountId}/limits/{limitId}'>, options?: CallOptions,
  ) =>
    send('DELETE /v1/accounts/{accountId}/limits/{limitId}', { path: { accountId, limitId }, query }, options),
});

/** What an account allows its holds. */
export const terms = (send: Send) => ({
  get: (accountId: string, options?: CallOptions) => send('GET /v1/accounts/{accountId}/terms', { path: { accountId } }, options),
  set: (accountId: string, body: BodyOf<'PUT /v1/accounts/{accountId}/terms'>, options?: CallOptions) =>
    send('PUT /v1/accounts/{accountId}/terms', { path: { accountId }, body }, options),
  remove: (accountId: string, query?: QueryOf<'DELETE /v1/accounts/{accountId}/terms'>, options?: CallOptions) =>
    send('DELETE /v1/accounts/{accountId}/terms', { path: { accountId }, query }, options),
});

/** Who spends from a pool. */
export const members = (send: Send) => ({
  list: (accountId: string, query?: QueryOf<'GET /v1/accounts/{accountId}/members'>, options?: CallOptions) =>
    send('GET /v1/accounts/{accountId}/members', { path: { accountId }, query }, options),
  get: (accountId: string, spender: string, options?: CallOptions) =>
    send('GET /v1/accounts/{accountId}/members/{spender}', { path: { accountId, spender } }, options),
  set: (accountId: string, spender: string, body: BodyOf<'PUT /v1/accounts/{accountId}/members/{spender}'>, options?: CallOptions) =>
    send('PUT /v1/accounts/{accountId}/members/{spender}', { path: { accountId, spender }, body }, options),
  remove: (
    accountId: string, spender: string, query?: QueryOf<'DELETE /v1/accounts/{accountId}/members/{spender}'>, options?: CallOptions,
  ) =>
    send('DELETE /v1/accounts/{accountId}/members/{spender}', { path: { accountId, spender }, query }, options),
});

/** Below which balance an account is announced by `balance.low`. */
export const lowBalance = (send: Send) => ({
  get: (accountId: string, options?: CallOptions) =>
    send('GET /v1/accounts/{accountId}/low-balance', { path: { accountId } }, options),
  set: (accountId: string, body: BodyOf<'PUT /v1/accounts/{accountId}/low-balance'>, options?: CallOptions) =>
    send('PUT /v1/accounts/{accountId}/low-balance', { path: { accountId }, body }, options),
  remove: (accountId: string, query?: QueryOf<'DELETE /v1/accounts/{accountId}/low-balance'>, options?: CallOptions) =>
    send('DELETE /v1/accounts/{accountId}/low-balance', { path: { accountId }, query }, options),
});

/** The plan of an account. For operators. */
export const accountPlans = (send: Send) => ({
  get: (accountId: string, options?: CallOptions) => send('GET /v1/account-plans/{accountId}', { path: { accountId } }, options),
  set: (accountId: string, body: BodyOf<'PUT /v1/account-plans/{accountId}'>, options?: CallOptions) =>
    send('PUT /v1/account-plans/{accountId}', { path: { accountId }, body }, options),
  remove: (accountId: string, query?: QueryOf<'DELETE /v1/account-plans/{accountId}'>, options?: CallOptions) =>
    send('DELETE /v1/account-plans/{accountId}', { path: { accountId }, query }, options),
});
