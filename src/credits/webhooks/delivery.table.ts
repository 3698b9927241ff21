import type { StoredEvent } from '../../books/event.table.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { fromMs, toMs } from '../../stores/postgres/unnest.js';

export const DELIVERY_STATES = ['pending', 'delivered', 'failed'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** What one attempt was answered: a status with the beginning of the body, or the problem that kept it from being answered. */
export type Answer = {
  readonly atMs: number;
  readonly durationMs: number;
  readonly status: number | null;
  readonly body: string | null;
  readonly problem: string | null;
};

export type DeliveryRow = {
  readonly deliveryId: number;
  readonly endpointId: string;
  readonly state: DeliveryState;
  /** Since it was made or last resent. */
  readonly attempts: number;
  readonly nextAtMs: number;
  readonly giveUpAtMs: number;
  readonly answers: readonly Answer[];
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
  readonly event: Omit<StoredEvent, 'position'>;
};

/** Attempts that a delivery keeps: all of three days. */
const ANSWERS_KEPT = 25;

const COLUMNS = `d.delivery_id as "deliveryId", d.endpoint_id as "endpointId", d.state, d.attempts, ${toMs('d.next_at')} as "nextAtMs",
  ${toMs('d.give_up_at')} as "giveUpAtMs", d.answers, ${toMs('d.created_at')} as "createdAtMs", ${toMs('d.ended_at')} as "endedAtMs",
  json_build_object('eventId', e.event_id, 'accountId', e.account_id, 'type', e.type, 'atMs', ${toMs('e.at')}, 'data', e.data) as event`;
const ms = (name: string): string => fromMs(`:${name}::double precision`);

/**
 * Makes the deliveries of the next events, for every enabled endpoint that wants them. One process at a time: another one's
 * turn makes none. Returns the number of events that were looked at; `limit` of them means that more may follow.
 */
export async function fanOut(trx: Trx, { nowMs, lifeMs, limit }: {
  readonly nowMs: number; readonly lifeMs: number; readonly limit: number;
}): Promise<number> {
  const { rows: [cursor] } = await trx.raw<{ rows: { position: number }[] }>('select position from webhook_cursor for update skip locked');
  if (cursor === undefined) return 0;
  const { rows: [next] } = await trx.raw<{ rows: [{ count: number; upTo: number | null }] }>(
    `select count(*)::integer as count, max(position) as "upTo"
       from (select position from events where position > ?::bigint order by position limit ?::integer) page`,
    [cursor.position, limit],
  );
  if (next.upTo === null) return 0;
  await trx.raw(
    `insert into webhook_deliveries (endpoint_id, position, next_at, give_up_at, created_at)
     select w.endpoint_id, e.position, ${ms('nowMs')}, ${ms('giveUpAtMs')}, ${ms('nowMs')}
       from events e join webhook_endpoints w on w.state = 'enabled' and e.position > w.after_position
        and (w.event_types = '{}' or e.type = any(w.event_types))
        and (w.account_id is null or w.account_id = e.account_id)
        and (w.account_prefix is null or starts_with(e.account_id, w.account_prefix))
        and (e.type <> 'balance.low' or case when w.low_balance is null then e.of_account else w.low_balance = e.threshold end)
      where e.position > :after::bigint and e.position <= :upTo::bigint
     on conflict do nothing`,
    { nowMs, giveUpAtMs: nowMs + lifeMs, after: cursor.position, upTo: next.upTo },
  );
  await trx.raw('update webhook_cursor set position = ?', [next.upTo]);
  return next.count;
}

/** SQL: events without deliveries yet. */
export const NEW_EVENTS = 'from events where position > (select position from webhook_cursor) order by position';

const pending = (that: string): string => `(select true from webhook_deliveries d
  where d.endpoint_id = w.endpoint_id and d.state = 'pending' and ${that} order by d.next_at limit 1)`;

/** SQL: endpoints with deliveries that are due by `:nowMs`, and disabled ones with some that are given up by then. */
export const DUE_DELIVERIES = `from webhook_endpoints w
  where (w.state = 'enabled' and ${pending(`d.next_at <= ${ms('nowMs')}`)})
     or (w.state = 'disabled' and ${pending(`d.give_up_at < ${ms('nowMs')}`)})`;

/** Enabled endpoints with deliveries that are due: how many, counted up to `countMax`. */
export async function dueEndpoints(db: Db, nowMs: number, countMax: number): Promise<
  { readonly endpointId: string; readonly isFailing: boolean; readonly due: number }[]
> {
  const { rows } = await db.raw<{ rows: { endpointId: string; isFailing: boolean; due: number }[] }>(
    `select w.endpoint_id as "endpointId", w.failing_since is not null as "isFailing", d.due
       from webhook_endpoints w cross join lateral (
         select count(*)::integer as due from (
           select from webhook_deliveries d
            where d.endpoint_id = w.endpoint_id and d.state = 'pending' and d.next_at <= ${ms('nowMs')} limit :countMax::integer) found) d
      where w.state = 'enabled' and d.due > 0 order by w.endpoint_id`,
    { nowMs, countMax },
  );
  return rows;
}

/**
 * Takes the delivery of an endpoint that has been due for longest, and counts the attempt. It is due again after `leaseMs`,
 * should this process end before it has an answer. Null: none is due.
 */
export async function claimDelivery(db: Db, endpointId: string, nowMs: number, leaseMs: number): Promise<DeliveryRow | null> {
  const { rows } = await db.raw<{ rows: DeliveryRow[] }>(
    `update webhook_deliveries d set attempts = d.attempts + 1, next_at = ${ms('leasedUntilMs')}
       from events e
      where d.delivery_id = (
        select p.delivery_id from webhook_deliveries p join webhook_endpoints w using (endpoint_id)
         where p.endpoint_id = :endpointId and w.state = 'enabled' and p.state = 'pending' and p.next_at <= ${ms('nowMs')}
         order by p.next_at limit 1 for update of p skip locked)
        and e.position = d.position
     returning ${COLUMNS}`,
    { endpointId, nowMs, leasedUntilMs: nowMs + leaseMs },
  );
  return rows[0] ?? null;
}

/**
 * Records what an attempt was answered. A success ends the delivery. A failure ends it with `nextAtMs` null, and changes nothing
 * when another attempt has begun since.
 */
export async function recordAnswer(
  db: Db, { deliveryId, attempts }: Pick<DeliveryRow, 'deliveryId' | 'attempts'>, answer: Answer,
  { state, nextAtMs, nowMs }: { readonly state: DeliveryState; readonly nextAtMs: number | null; readonly nowMs: number },
): Promise<void> {
  await db.raw(
    `update webhook_deliveries set state = :state,
            answers = case when jsonb_array_length(answers) >= ${ANSWERS_KEPT} then answers - 0 else answers end || :answer::jsonb,
            next_at = coalesce(${ms('nextAtMs')}, next_at), ended_at = case when :state <> 'pending' then ${ms('nowMs')} end
      where delivery_id = :deliveryId and state = 'pending' and (:state = 'delivered' or attempts = :attempts::integer)`,
    { deliveryId, attempts, state, nextAtMs, nowMs, answer: JSON.stringify([answer]) },
  );
}

/** Gives up what is past its time and waits for an endpoint that is disabled. */
export async function failOverdue(db: Db, nowMs: number): Promise<number> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `update webhook_deliveries d set state = 'failed', ended_at = ${ms('nowMs')}
       from webhook_endpoints w
      where w.endpoint_id = d.endpoint_id and w.state = 'disabled' and d.state = 'pending' and d.give_up_at < ${ms('nowMs')}`,
    { nowMs },
  );
  return rowCount;
}

/** Makes a delivery due now, whatever became of it. Null: there is none. */
export async function resendDelivery(
  db: Db, endpointId: string, deliveryId: number, { nowMs, lifeMs }: { readonly nowMs: number; readonly lifeMs: number },
): Promise<DeliveryRow | null> {
  const { rows } = await db.raw<{ rows: DeliveryRow[] }>(
    `update webhook_deliveries d set state = 'pending', attempts = 0, next_at = ${ms('nowMs')}, give_up_at = ${ms('giveUpAtMs')},
            ended_at = null
       from events e where d.endpoint_id = :endpointId and d.delivery_id = :deliveryId::bigint and e.position = d.position
     returning ${COLUMNS}`,
    { endpointId, deliveryId, nowMs, giveUpAtMs: nowMs + lifeMs },
  );
  return rows[0] ?? null;
}

export async function readDelivery(db: Db, endpointId: string, deliveryId: number): Promise<DeliveryRow | null> {
  const { rows } = await db.raw<{ rows: DeliveryRow[] }>(
    `select ${COLUMNS} from webhook_deliveries d join events e using (position) where d.endpoint_id = ? and d.delivery_id = ?::bigint`,
    [endpointId, deliveryId],
  );
  return rows[0] ?? null;
}

/** Deliveries of an endpoint, the newest first. */
export async function listDeliveries(
  db: Db, { endpointId, state, before, limit }: {
    readonly endpointId: string; readonly state: DeliveryState | undefined; readonly before: number | undefined; readonly limit: number;
  },
): Promise<DeliveryRow[]> {
  const { rows } = await db.raw<{ rows: DeliveryRow[] }>(
    `select ${COLUMNS} from webhook_deliveries d join events e using (position)
      where d.endpoint_id = :endpointId ${state === undefined ? '' : 'and d.state = :state'}
        ${before === undefined ? '' : 'and d.delivery_id < :before::bigint'}
      order by d.delivery_id desc limit :limit::integer`,
    { endpointId, limit, ...(state === undefined ? {} : { state }), ...(before === undefined ? {} : { before }) },
  );
  return rows;
}

export type WebhookState = { readonly oldestDueSeconds: number; readonly pending: number; readonly disabled: number };

/**
 * How long the oldest delivery has been due to an endpoint that answers, what waits, and endpoints that were disabled by failures.
 * One that fails is tried one delivery at a time, so that the rest of its deliveries wait longer.
 */
export async function webhookState(db: Db, nowMs: number): Promise<WebhookState> {
  const { rows } = await db.raw<{ rows: [WebhookState] }>(
    `select coalesce(greatest(0, extract(epoch from ${ms('nowMs')} - min(d.next_at) filter (where w.failing_since is null))),
              0)::double precision as "oldestDueSeconds",
            count(d.*)::integer as pending,
            (select count(*) from webhook_endpoints where state = 'disabled' and disabled_reason <> 'request')::integer as disabled
       from webhook_deliveries d join webhook_endpoints w using (endpoint_id) where d.state = 'pending' and w.state = 'enabled'`,
    { nowMs },
  );
  return rows[0];
}
