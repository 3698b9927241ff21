import { GatewayError } from '../../kit/errors.js';
import { isStorable, newId } from '../../kit/ids.js';
import { SERVER_SCOPES } from '../../kit/principal.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { makeServerKey } from './server-key.js';
import { insertServerKey, listServerKeys, revokeServerKey, type ServerKeyRow } from './server-key.table.js';

export type CreateServerKey = {
  readonly name: string;
  /** Of SERVER_SCOPES, or `*`. */
  readonly scopes: readonly string[];
  readonly expiresAtMs: number | null;
  readonly createdBy: string;
};

/** The plain key. It is returned only here and cannot be read again. */
export type CreatedServerKey = { readonly row: ServerKeyRow; readonly key: string };

/** What operators do to server keys, by command and over HTTP. All throw GatewayError ledger_unavailable. */
export type ServerKeyAdmin = {
  readonly create: (command: CreateServerKey) => Promise<CreatedServerKey>;
  readonly list: () => Promise<ServerKeyRow[]>;
  /** Refused everywhere within a second. Throws GatewayError not_found. */
  readonly revoke: (keyId: string) => Promise<ServerKeyRow>;
};

export const isServerScope = (text: string): boolean => text === '*' || SERVER_SCOPES.some((scope) => scope === text);

export function serverKeyAdmin(db: Db): ServerKeyAdmin {
  const reached = async <T>(work: Promise<T>): Promise<T> => work.catch((error: unknown) => { throw toGatewayError(error); });
  return {
    create: async ({ name, scopes, expiresAtMs, createdBy }) => {
      const { key, digest, hint } = makeServerKey();
      const row = await reached(insertServerKey(db, {
        keyId: newId(), name, digest, hint, scopes: [...new Set(scopes)], createdBy, expiresAtMs,
      }));
      return { row, key };
    },
    list: () => reached(listServerKeys(db)),
    revoke: async (keyId) => {
      // Postgres cannot be asked about text that it cannot store; no key is called so.
      const row = isStorable(keyId) ? await reached(revokeServerKey(db, keyId)) : null;
      if (row === null) throw new GatewayError('not_found', 'there is no such server key');
      return row;
    },
  };
}
