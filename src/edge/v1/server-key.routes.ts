import Type from 'typebox';
import { GatewayError } from '../../kit/errors.js';
import { KEY_NAME_LENGTH_MAX } from '../../kit/limits.js';
import { SERVER_SCOPES } from '../../kit/principal.js';
import { allow } from '../auth/allow.js';
import type { ServerKeyAdmin } from '../auth/manage-server-keys.js';
import type { ServerKeyRow } from '../auth/server-key.table.js';
import { reply } from '../http/json.js';
import type { AddRoute } from '../http/routes.js';
import { bodyOf, storedText } from '../http/schema.js';

export type ServerKeyRouteDeps = { readonly serverKeys: ServerKeyAdmin; readonly clock: () => number };

const INVALID = 'Invalid server key';
const createBody = bodyOf(Type.Object({
  name: storedText(1, KEY_NAME_LENGTH_MAX),
  scopes: Type.Array(Type.Enum([...SERVER_SCOPES, '*']), { minItems: 1, maxItems: SERVER_SCOPES.length + 1 }),
  expiresAt: Type.Optional(Type.Union([Type.String({ maxLength: 40 }), Type.Null()])),
}), INVALID);

const Time = Type.Union([Type.String(), Type.Null()]);
const key = {
  id: Type.String(), name: Type.String(), hint: Type.String({ description: 'how the key begins' }),
  scopes: Type.Array(Type.String()), createdBy: Type.String(),
  createdAt: Time, expiresAt: Time, revokedAt: Time, lastUsedAt: Time,
};
const Key = Type.Object(key);
const Created = Type.Object({ ...key, key: Type.String({ description: 'shown this once, and never again' }) });

/** Keys of servers, for administrators. The same as `credit-gateway keys`. */
export function serverKeyRoutes(add: AddRoute, { serverKeys, clock }: ServerKeyRouteDeps): void {
  add('POST', '/api/admin/server-keys', allow('admin'), {
    summary: 'Make a key for a server', body: createBody, replies: { 201: Created }, errors: ['ledger_unavailable'],
  }, async (ctx, { principal, body: { name, scopes, expiresAt } }) => {
    const { row, key: plain } = await serverKeys.create({
      name, scopes: scopes, expiresAtMs: futureTime(expiresAt ?? null, clock()), createdBy: principal.accountId,
    });
    reply(ctx, 201, { ...presentServerKey(row), key: plain });
  });
  add('GET', '/api/admin/server-keys', allow('admin'), {
    summary: 'All keys of servers, revoked ones too', replies: { 200: Type.Array(Key) }, errors: ['ledger_unavailable'],
  }, async (ctx) => {
    reply(ctx, 200, (await serverKeys.list()).map(presentServerKey));
  });
  add('DELETE', '/api/admin/server-keys/:keyId', allow('admin'), {
    summary: 'Revoke a key of a server', replies: { 200: Key }, errors: ['not_found', 'ledger_unavailable'],
  }, async (ctx) => {
    reply(ctx, 200, presentServerKey(await serverKeys.revoke(ctx.params?.['keyId'] ?? '')));
  });
}

function futureTime(text: string | null, nowMs: number): number | null {
  if (text === null) return null;
  const ms = Date.parse(text);
  if (ms > nowMs) return ms;
  throw new GatewayError('invalid_request', INVALID, {
    sources: [{ path: 'body.expiresAt', message: 'must be a time to come, such as 2030-01-01T00:00:00Z' }],
  });
}

const timeText = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

export const presentServerKey = (row: ServerKeyRow) => ({
  id: row.keyId, name: row.name, hint: row.hint, scopes: row.scopes, createdBy: row.createdBy,
  createdAt: timeText(row.createdAtMs), expiresAt: timeText(row.expiresAtMs), revokedAt: timeText(row.revokedAtMs),
  lastUsedAt: timeText(row.lastUsedAtMs),
});
