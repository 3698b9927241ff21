import Type from 'typebox';
import { accountIdText, bodyOf } from '../http/schema.js';
import { INVALID, orNull, validationError } from './fields.js';

/** Telemetry is small; this only stops abuse. */
const LOG_BYTES_MAX = 16_384;

/** Telemetry of a feature's use: over HTTP and over the queue the same. All other fields are kept as they are. */
export const usageLogBody = bodyOf(Type.Object({ user: orNull(accountIdText()), user_id: orNull(accountIdText()) }), INVALID);

/** Whose telemetry it is, and its text. Throws GatewayError invalid_request. */
export function toUsageLog(body: ReturnType<typeof usageLogBody.parse>): { readonly user: string; readonly payload: string } {
  const user = body.user ?? body.user_id;
  if (user === undefined || user === null) throw validationError({ path: 'body', message: 'Either user or user_id must be provided' });
  const payload = JSON.stringify(body);
  if (Buffer.byteLength(payload) > LOG_BYTES_MAX) {
    throw validationError({ path: 'body', message: `must not be larger than ${LOG_BYTES_MAX} bytes` });
  }
  return { user, payload };
}
