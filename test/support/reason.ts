import type { CallOptions } from './fake-gateway.js';

/** Writes of configuration, which operators must give a reason for. */
const CONFIGURATION =
  /^\/v1\/(prices|plans|account-plans|referrals|webhooks|api-keys|accounts\/[^/]+\/(limits|members|low-balance))(\/|$|\?)/;

/** A write of an operator with a reason, for tests that are about something else. What names one stays as it is. */
export function withReason(method: string, path: string, body?: object): { readonly path: string; readonly body?: object } {
  if (method === 'GET' || !CONFIGURATION.test(path)) return { path, ...(body === undefined ? {} : { body }) };
  if (method !== 'DELETE' && !path.endsWith('/resend')) return { path, body: { reason: 'test', ...body } };
  const query = path.includes('reason=') ? '' : `${path.includes('?') ? '&' : '?'}reason=test`;
  return { path: `${path}${query}`, ...(body === undefined ? {} : { body }) };
}

/** The same for the options of a call. */
export function toldWhy(method: string, path: string, options: CallOptions): [string, CallOptions] {
  const told = withReason(method, path, options.body as object | undefined);
  return [told.path, { ...options, ...(told.body === undefined ? {} : { body: told.body }) }];
}
