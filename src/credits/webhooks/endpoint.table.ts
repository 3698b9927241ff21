import type { EventType } from '../../books/event.table.js';
import type { Micros } from '../../kit/money/micros.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { fromMs, toMs } from '../../stores/postgres/unnest.js';

/** Whose events an endpoint gets: of one account, of accounts with a prefix, or with both null of all. */
export type EndpointFilter = { readonly accountId: string | null; readonly accountPrefix: string | null };

export type DisabledReason = 'request' | 'failures' | 'gone';

/** What its owner decides. */
export type EndpointSettings = EndpointFilter & {
  readonly url: string;
  readonly description: string | null;
  /** Empty: all. */
  readonly eventTypes: readonly EventType[];
  /** The threshold of `balance.low`; null: each account's own. */
  readonly lowBalance: Micros | null;
  readonly enabled: boolean;
};

export type EndpointRow = Omit<EndpointSettings, 'enabled'> & {
  readonly endpointId: string;
  readonly state: 'enabled' | 'disabled';
  readonly disabledReason: DisabledReason | null;
  readonly disabledAtMs: number | null;
  /** The first failed attempt since the last success. */
  readonly failingSinceMs: number | null;
  readonly secret: string;
  readonly previousSecret: string | null;
  readonly previousEndsAtMs: number | null;
  readonly rotationKey: string | null;
  readonly version: number;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly requestFingerprint: string | null;
};

/** The name of the request that made an endpoint, with its caller, and the digest of what it asked for. */
export type EndpointRequest = { readonly key: string; readonly fingerprint: string };

const COLUMNS = `endpoint_id as "endpointId", url, description, event_types as "eventTypes", account_id as "accountId",
  account_prefix as "accountPrefix", low_balance as "lowBalance", state, disabled_reason as "disabledReason",
  ${toMs('disabled_at')} as "disabledAtMs", ${toMs('failing_since')} as "failingSinceMs", secret, previous_secret as "previousSecret",
  ${toMs('previous_ends_at')} as "previousEndsAtMs", rotation_key as "rotationKey", version, created_by as "createdBy",
  ${toMs('created_at')} as "createdAtMs", request_fingerprint as "requestFingerprint"`;
const NEWEST = `(select coalesce(max(position), 0) from events)`;

export type NewEndpoint = EndpointSettings & {
  readonly endpointId: string; readonly secret: string; readonly createdBy: string; readonly nowMs: number;
  readonly request: EndpointRequest | null;
};

/** The endpoint gets events from now on. */
export async function insertEndpoint(trx: Trx, { request, enabled, ...endpoint }: NewEndpoint): Promise<EndpointRow> {
  const { rows } = await trx.raw<{ rows: EndpointRow[] }>(
    `insert into webhook_endpoints (endpoint_id, url, description, event_types, account_id, account_prefix, low_balance, state,
       disabled_reason, disabled_at, after_position, secret, created_by, created_at, request_key, request_fingerprint)
     values (:endpointId, :url, :description, :eventTypes::text[], :accountId, :accountPrefix, :lowBalance, :state, :disabledReason,
       ${fromMs(':disabledAtMs::double precision')}, ${NEWEST}, :secret, :createdBy, ${fromMs(':nowMs::double precision')}, :requestKey,
       :requestFingerprint)
     returning ${COLUMNS}`,
    {
      ...endpoint, eventTypes: [...endpoint.eventTypes], state: enabled ? 'enabled' : 'disabled',
      disabledReason: enabled ? null : 'request', disabledAtMs: enabled ? null : endpoint.nowMs,
      requestKey: request?.key ?? null, requestFingerprint: request?.fingerprint ?? null,
    },
  );
  if (rows[0] === undefined) throw new Error('an inserted webhook endpoint was not returned');
  return rows[0];
}

/** Makes other changes of endpoints wait until the transaction ends. */
export async function lockEndpoints(trx: Trx): Promise<void> {
  await trx.raw(`select pg_advisory_xact_lock(hashtextextended('webhook_endpoints', 0))`);
}

export async function countEndpoints(trx: Trx, { accountId, accountPrefix }: EndpointFilter): Promise<{ all: number; same: number }> {
  const { rows } = await trx.raw<{ rows: [{ all: number; same: number }] }>(
    `select count(*)::integer as "all", (count(*) filter (where account_id is not distinct from ?::text
       and account_prefix is not distinct from ?::text))::integer as "same" from webhook_endpoints`,
    [accountId, accountPrefix],
  );
  return rows[0];
}

export async function readEndpoint(db: Db | Trx, endpointId: string, lock = false): Promise<EndpointRow | null> {
  const { rows } = await db.raw<{ rows: EndpointRow[] }>(
    `select ${COLUMNS} from webhook_endpoints where endpoint_id = ? ${lock ? 'for update' : ''}`, [endpointId],
  );
  return rows[0] ?? null;
}

export async function readEndpointOfRequest(trx: Trx, requestKey: string): Promise<EndpointRow | null> {
  const { rows } = await trx.raw<{ rows: EndpointRow[] }>(
    `select ${COLUMNS} from webhook_endpoints where request_key = ?`, [requestKey],
  );
  return rows[0] ?? null;
}

/** All endpoints, the newest first. Their number is bounded (limits.ts). */
export async function listEndpoints(db: Db): Promise<EndpointRow[]> {
  const { rows } = await db.raw<{ rows: EndpointRow[] }>(`select ${COLUMNS} from webhook_endpoints order by created_at desc, endpoint_id`);
  return rows;
}

/** Replaces the settings. One that becomes enabled gets events from now on, and has not failed yet. */
export async function updateEndpoint(trx: Trx, endpointId: string, settings: EndpointSettings, nowMs: number): Promise<EndpointRow> {
  const { rows } = await trx.raw<{ rows: EndpointRow[] }>(
    `update webhook_endpoints set url = :url, description = :description, event_types = :eventTypes::text[], account_id = :accountId,
            account_prefix = :accountPrefix, low_balance = :lowBalance, version = version + 1,
            after_position = case when :enabled::boolean and state = 'disabled' then ${NEWEST} else after_position end,
            failing_since = case when :enabled::boolean and state = 'disabled' then null else failing_since end,
            disabled_reason = case when :enabled::boolean then null else coalesce(disabled_reason, 'request') end,
            disabled_at = case when :enabled::boolean then null
                               else coalesce(disabled_at, ${fromMs(':nowMs::double precision')}) end,
            state = case when :enabled::boolean then 'enabled' else 'disabled' end
      where endpoint_id = :endpointId returning ${COLUMNS}`,
    { ...settings, eventTypes: [...settings.eventTypes], endpointId, nowMs },
  );
  if (rows[0] === undefined) throw new Error('a locked webhook endpoint is gone');
  return rows[0];
}

/** The secret in use signs on beside the new one until `previousEndsAtMs`; one from before it ends now. */
export async function rotateSecret(
  trx: Trx, endpointId: string,
  { secret, previousEndsAtMs, rotationKey }: {
    readonly secret: string; readonly previousEndsAtMs: number | null; readonly rotationKey: string | null;
  },
): Promise<EndpointRow> {
  const { rows } = await trx.raw<{ rows: EndpointRow[] }>(
    `update webhook_endpoints set previous_secret = case when :endsAtMs::double precision is not null then secret end,
            previous_ends_at = ${fromMs(':endsAtMs::double precision')}, secret = :secret, rotation_key = :rotationKey,
            version = version + 1
      where endpoint_id = :endpointId returning ${COLUMNS}`,
    { endpointId, secret, endsAtMs: previousEndsAtMs, rotationKey },
  );
  if (rows[0] === undefined) throw new Error('a locked webhook endpoint is gone');
  return rows[0];
}

export async function deleteEndpoint(trx: Trx, endpointId: string): Promise<void> {
  await trx.raw('delete from webhook_endpoints where endpoint_id = ?', [endpointId]);
}

/** Notes a success. */
export async function noteSuccess(db: Db, endpointId: string): Promise<void> {
  await db.raw(`update webhook_endpoints set failing_since = null where endpoint_id = ? and failing_since is not null`, [endpointId]);
}

/** Notes a failed attempt, and disables the endpoint if it is gone or has only failed since `disableBeforeMs`. True: it was disabled. */
export async function noteFailure(
  db: Db, endpointId: string,
  { nowMs, disableBeforeMs, isGone }: { readonly nowMs: number; readonly disableBeforeMs: number; readonly isGone: boolean },
): Promise<boolean> {
  const { rows } = await db.raw<{ rows: { state: string }[] }>(
    `with noted as (select :gone::boolean or failing_since <= ${fromMs(':before::double precision')} as ends
                      from webhook_endpoints where endpoint_id = :endpointId and state = 'enabled' for update)
     update webhook_endpoints set failing_since = coalesce(failing_since, ${fromMs(':nowMs::double precision')}),
            state = case when noted.ends then 'disabled' else state end,
            disabled_reason = case when noted.ends then case when :gone::boolean then 'gone' else 'failures' end end,
            disabled_at = case when noted.ends then ${fromMs(':nowMs::double precision')} end,
            version = version + case when noted.ends then 1 else 0 end
       from noted where endpoint_id = :endpointId returning state`,
    { endpointId, nowMs, before: disableBeforeMs, gone: isGone },
  );
  return rows[0]?.state === 'disabled';
}
