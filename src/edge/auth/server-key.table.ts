import type { Db } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';

/** A server key as it is kept: never the key itself. */
export type ServerKeyRow = {
  readonly keyId: string;
  /** The name under which its idempotency keys are remembered. */
  readonly callerId: string;
  readonly name: string;
  readonly digest: string;
  readonly hint: string;
  readonly scopes: readonly string[];
  readonly accountPrefix: string | null;
  readonly payer: string | null;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  readonly lastUsedAtMs: number | null;
};

export type NewKeyRow = Pick<ServerKeyRow, 'keyId' | 'name' | 'digest' | 'hint' | 'scopes' | 'createdBy' | 'expiresAtMs'>;

const COLUMNS = `key_id as "keyId", coalesce(caller_id, key_id) as "callerId", account_prefix as "accountPrefix", payer,
  name, digest, hint, scopes, created_by as "createdBy", ${toMs('created_at')} as "createdAtMs",
  ${toMs('expires_at')} as "expiresAtMs", ${toMs('revoked_at')} as "revokedAtMs", ${toMs('last_used_at')} as "lastUsedAtMs"`;

export async function insertServerKey(db: Db, key: NewKeyRow): Promise<ServerKeyRow> {
  const { rows } = await db.raw<{ rows: ServerKeyRow[] }>(
    `insert into server_keys (key_id, name, digest, hint, scopes, created_by, expires_at)
     values (:keyId, :name, :digest, :hint, :scopes, :createdBy, to_timestamp(:expiresAtMs::double precision / 1000))
     returning ${COLUMNS}`,
    { ...key, scopes: [...key.scopes] },
  );
  if (rows[0] === undefined) throw new Error('an inserted server key was not returned');
  return rows[0];
}

/** Every key, revoked ones too, the newest first. */
export async function listServerKeys(db: Db): Promise<ServerKeyRow[]> {
  const { rows } = await db.raw<{ rows: ServerKeyRow[] }>(`select ${COLUMNS} from server_keys order by created_at desc, key_id`);
  return rows;
}

/** Keys that may still be accepted. Whether one has expired is asked at each use. */
export async function readLiveServerKeys(db: Db): Promise<ServerKeyRow[]> {
  const { rows } = await db.raw<{
    rows: ServerKeyRow[];
  }>(`select ${COLUMNS} from server_keys where revoked_at is null order by created_at`);
  return rows;
}

/** Null: there is no such key. Revoking twice changes nothing. */
export async function revokeServerKey(db: Db, keyId: string): Promise<ServerKeyRow | null> {
  const { rows } = await db.raw<{ rows: ServerKeyRow[] }>(
    `update server_keys set revoked_at = coalesce(revoked_at, now()) where key_id = ? returning ${COLUMNS}`,
    [keyId],
  );
  return rows[0] ?? null;
}

export async function touchServerKeys(db: Db, used: ReadonlyMap<string, number>): Promise<void> {
  if (used.size === 0) return;
  await db.raw(
    `update server_keys set last_used_at = greatest(last_used_at, to_timestamp(u.at_ms / 1000))
       from unnest(?::text[], ?::double precision[]) as u (key_id, at_ms) where server_keys.key_id = u.key_id`,
    [[...used.keys()], [...used.values()]],
  );
}
