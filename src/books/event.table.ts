import { fingerprint } from '../kit/ids.js';
import type { Micros } from '../kit/money/micros.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { prepared } from '../stores/postgres/prepared.js';
import { fromMs, toMs, unnestSource } from '../stores/postgres/unnest.js';

/** What callers can be told of (docs/contracts/native.md#events). */
export const EVENT_TYPES = [
  'balance.low', 'limit.reached', 'limit.warned', 'lot.expiring', 'hold.expired', 'debt.incurred', 'account.frozen', 'refill.granted',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export type NewEvent = {
  readonly eventId: string;
  readonly accountId: string;
  readonly type: EventType;
  readonly atMs: number;
  /** Of `balance.low`: the threshold that was crossed, and whether it is the account's own. Otherwise null and false. */
  readonly threshold: Micros | null;
  readonly ofAccount: boolean;
  /** What is told beside type, time and account: amounts as decimal text, times as RFC 3339. */
  readonly data: Readonly<Record<string, unknown>>;
};

/** An event in the order of all events. A higher position never becomes visible before a lower one. */
export type StoredEvent = Omit<NewEvent, 'threshold' | 'ofAccount'> & { readonly position: number };

/** The name of an event: of what it follows from, so that a batch that runs twice makes it once. */
export const eventIdOf = (type: EventType, ...source: readonly (string | number)[]): string => `evt_${fingerprint(type, ...source)}`;

const source = unnestSource<NewEvent>('e', {
  event_id: ['text', (row) => row.eventId],
  account_id: ['text', (row) => row.accountId],
  type: ['text', (row) => row.type],
  at_ms: ['double precision', (row) => row.atMs],
  threshold: ['bigint', (row) => row.threshold],
  of_account: ['boolean', (row) => row.ofAccount],
  data: ['text', (row) => JSON.stringify(row.data)],
});

/**
 * Writes events; one that is there already stays as it is. The lock makes positions visible in their order, so a reader that
 * continues from a position misses none. It is held until the commit: call this last in a transaction.
 */
export async function insertEvents(trx: Trx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await trx.raw(`select pg_advisory_xact_lock(hashtextextended('events', 0))`);
  await trx.raw(
    `insert into events (event_id, account_id, type, at, threshold, of_account, data)
     select event_id, account_id, type, ${fromMs('at_ms')}, threshold, of_account, data::json
       from ${source.sql}
     on conflict (event_id) do nothing`,
    source.bind(events),
  );
}

/** A balance below which an account, or with null every account that `accountPrefix` admits, causes `balance.low`. */
export type Threshold = {
  readonly accountId: string | null;
  readonly accountPrefix: string | null;
  readonly amount: Micros;
  readonly ofAccount: boolean;
};

/** The thresholds of these accounts: their own, and those of endpoints that may be theirs. */
export async function readThresholds(trx: Trx, accountIds: readonly string[]): Promise<Threshold[]> {
  const { rows } = await prepared<{ rows: Threshold[] }>(trx,
    `select account_id as "accountId", null as "accountPrefix", amount, true as "ofAccount"
       from balance_thresholds where account_id = any(:accountIds::text[])
     union all
     select distinct account_id, account_prefix, low_balance, false
       from webhook_endpoints
      where low_balance is not null and state = 'enabled' and (event_types = '{}' or 'balance.low' = any(event_types))
        and (account_id is null or account_id = any(:accountIds::text[]))`,
    { accountIds: [...accountIds] },
  );
  return rows;
}

export type EventsQuery = {
  /** Events behind this position. */
  readonly after: number;
  readonly limit: number;
  /** Absent: of every account that begins with `accountPrefix`. */
  readonly accountId?: string | undefined;
  readonly accountPrefix?: string | undefined;
  readonly types?: readonly EventType[] | undefined;
};

const COLUMNS = `e.position, e.event_id as "eventId", e.account_id as "accountId", e.type, ${toMs('e.at')} as "atMs", e.data`;

/** Events, the oldest first. */
export async function listEvents(db: Db, { after, limit, accountId, accountPrefix, types }: EventsQuery): Promise<StoredEvent[]> {
  const conditions = ['e.position > :after::bigint'];
  if (accountId !== undefined) conditions.push('e.account_id = :accountId');
  if (accountPrefix !== undefined) conditions.push('starts_with(e.account_id, :accountPrefix)');
  if (types !== undefined) conditions.push('e.type = any(:types::text[])');
  const { rows } = await db.raw<{ rows: StoredEvent[] }>(
    `select ${COLUMNS} from events e where ${conditions.join(' and ')} order by e.position limit :limit::integer`,
    {
      after, limit, ...(accountId === undefined ? {} : { accountId }), ...(accountPrefix === undefined ? {} : { accountPrefix }),
      ...(types === undefined ? {} : { types: [...types] }),
    },
  );
  return rows;
}

/** Deletes the oldest events from before a moment, at most `limit`, with their deliveries. Returns how many. */
export async function deleteEvents(db: Db, beforeMs: number, limit: number): Promise<number> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `delete from events where position in (
       select position from (select position, written_at from events order by position limit ?::integer) oldest
        where written_at < ${fromMs('?::double precision')})`,
    [limit, beforeMs],
  );
  return rowCount;
}
