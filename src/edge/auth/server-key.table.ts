import { micros, type Micros } from '../../kit/money/micros.js';
import type { CalendarPeriod } from '../../ledger/calendar-edges.js';
import type { KeyLimit } from '../../ledger/key-spend.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';

/** What a key may spend in a calendar window, in all accounts. */
export type SpendLimit = { readonly amount: Micros; readonly period: CalendarPeriod; readonly timeZone: string };

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
  /** Requests per second; null: the gateway's default. */
  readonly rateLimit: number | null;
  /** Null: no limit. */
  readonly spendLimit: SpendLimit | null;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  readonly lastUsedAtMs: number | null;
};

export type NewKeyRow = Pick<
  ServerKeyRow, 'keyId' | 'callerId' | 'name' | 'digest' | 'hint' | 'scopes' | 'accountPrefix' | 'payer' | 'rateLimit' | 'createdBy'
  | 'expiresAtMs' | 'spendLimit'
> & { readonly request: KeyRequest | null };

/** The name of the request that made a key, with its caller, and the digest of what it asked for. */
export type KeyRequest = { readonly key: string; readonly fingerprint: string };

const SPEND = `case when spend_amount is not null then
  json_build_object('amount', spend_amount, 'period', spend_period, 'timeZone', spend_zone) end`;
const COLUMNS = `key_id as "keyId", coalesce(caller_id, key_id) as "callerId", account_prefix as "accountPrefix", payer,
  rate_limit as "rateLimit", ${SPEND} as "spendLimit", name, digest, hint, scopes, created_by as "createdBy",
  ${toMs('created_at')} as "createdAtMs",
  ${toMs('expires_at')} as "expiresAtMs", ${toMs('revoked_at')} as "revokedAtMs", ${toMs('last_used_at')} as "lastUsedAtMs"`;

/** A limit begins to count now; a key that is made beside others of its name counts with them. */
export async function insertServerKey(db: Db | Trx, { request, spendLimit, ...key }: NewKeyRow): Promise<ServerKeyRow> {
  const { rows } = await db.raw<{ rows: ServerKeyRow[] }>(
    `insert into server_keys (key_id, caller_id, name, digest, hint, scopes, account_prefix, payer, rate_limit, created_by, expires_at,
                              spend_amount, spend_period, spend_zone, spend_since, request_key, request_fingerprint)
     values (:keyId, :callerId, :name, :digest, :hint, :scopes, :accountPrefix, :payer, :rateLimit, :createdBy,
             to_timestamp(:expiresAtMs::double precision / 1000), :spendAmount, :spendPeriod, :spendZone,
             case when :spendAmount::bigint is not null then coalesce((
               select max(spend_since) from server_keys
                where name = :name and revoked_at is null and spend_period = :spendPeriod and spend_zone = :spendZone), now()) end,
             :requestKey, :requestFingerprint)
     returning ${COLUMNS}`,
    {
      ...key, scopes: [...key.scopes], spendAmount: spendLimit?.amount ?? null, spendPeriod: spendLimit?.period ?? null,
      spendZone: spendLimit?.timeZone ?? null, requestKey: request?.key ?? null, requestFingerprint: request?.fingerprint ?? null,
    },
  );
  if (rows[0] === undefined) throw new Error('an inserted server key was not returned');
  return rows[0];
}

/** Lets one request at a time make keys of a name, or under an idempotency key, until its transaction ends. */
export async function lockKeys(trx: Trx, name: string): Promise<void> {
  await trx.raw(`select pg_advisory_xact_lock(hashtextextended('server_keys ' || ?, 0))`, [name]);
}

/** The keys of a name that can be used at `nowMs`, the oldest first. */
export async function liveKeysOf(trx: Trx, name: string, nowMs: number): Promise<ServerKeyRow[]> {
  const { rows } = await trx.raw<{ rows: ServerKeyRow[] }>(
    `select ${COLUMNS} from server_keys
      where name = ? and revoked_at is null and (expires_at is null or expires_at > to_timestamp(?::double precision / 1000))
      order by created_at, key_id`,
    [name, nowMs],
  );
  return rows;
}

export async function readServerKey(db: Db | Trx, keyId: string): Promise<ServerKeyRow | null> {
  const { rows } = await db.raw<{ rows: ServerKeyRow[] }>(`select ${COLUMNS} from server_keys where key_id = ?`, [keyId]);
  return rows[0] ?? null;
}

type RequestedKey = ServerKeyRow & { readonly fingerprint: string };

/** The key that a request of this name made, with the digest of that request. */
export async function readKeyOfRequest(db: Db | Trx, requestKey: string): Promise<RequestedKey | null> {
  const { rows } = await db.raw<{ rows: RequestedKey[] }>(
    `select ${COLUMNS}, request_fingerprint as fingerprint from server_keys where request_key = ?`, [requestKey],
  );
  return rows[0] ?? null;
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

/** Null: there is no such key. */
export async function updateRateLimit(db: Db | Trx, keyId: string, rateLimit: number | null): Promise<ServerKeyRow | null> {
  const { rows } = await db.raw<{ rows: ServerKeyRow[] }>(
    `update server_keys set rate_limit = ? where key_id = ? returning ${COLUMNS}`, [rateLimit, keyId],
  );
  return rows[0] ?? null;
}

/**
 * Sets what all keys of the name of this one may spend; null: no limit. A changed amount keeps what was counted, another period or
 * zone begins anew. Null: there is no such key.
 */
export async function updateSpendLimit(trx: Trx, keyId: string, limit: SpendLimit | null): Promise<ServerKeyRow | null> {
  const { rows } = await trx.raw<{ rows: ServerKeyRow[] }>(
    `update server_keys
        set spend_since = case
              when :amount::bigint is null then null
              when spend_period = :period and spend_zone = :zone then spend_since
              else now() end,
            spend_amount = :amount, spend_period = :period, spend_zone = :zone
      where name = (select name from server_keys where key_id = :keyId)
     returning ${COLUMNS}`,
    { keyId, amount: limit?.amount ?? null, period: limit?.period ?? null, zone: limit?.timeZone ?? null },
  );
  return rows.find((row) => row.keyId === keyId) ?? null;
}

/** The names of live keys with what each may spend; null: no limit. */
export async function readKeyLimits(db: Db): Promise<Map<string, KeyLimit | null>> {
  const { rows } = await db.raw<{ rows: (Omit<KeyLimit, 'amount'> & { readonly amount: number | null })[] }>(
    `select distinct on (name) name, spend_amount as amount, spend_period as period, spend_zone as "timeZone",
            ${toMs('spend_since')} as "sinceMs"
       from server_keys where revoked_at is null order by name, spend_since desc nulls last`,
  );
  return new Map(rows.map(({ amount, ...row }) => [row.name, amount === null ? null : { ...row, amount: micros(amount) }]));
}

export async function touchServerKeys(db: Db, used: ReadonlyMap<string, number>): Promise<void> {
  if (used.size === 0) return;
  await db.raw(
    `update server_keys set last_used_at = greatest(last_used_at, to_timestamp(u.at_ms / 1000))
       from unnest(?::text[], ?::double precision[]) as u (key_id, at_ms) where server_keys.key_id = u.key_id`,
    [[...used.keys()], [...used.values()]],
  );
}
