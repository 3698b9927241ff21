import type { Db } from '../../stores/postgres/connect.js';
import { fromMs, toMs, unnestSource } from '../../stores/postgres/unnest.js';
import { minuteOf, type Refusal } from './refusal.js';

const source = unnestSource<Refusal>('r', {
  account_id: ['text', (row) => row.accountId],
  minute_ms: ['double precision', (row) => row.minuteMs],
  reason: ['text', (row) => row.reason],
  method: ['text', (row) => row.method],
  route: ['text', (row) => row.route],
  count: ['bigint', (row) => row.count],
  first_at_ms: ['double precision', (row) => row.firstAtMs],
  last_at_ms: ['double precision', (row) => row.lastAtMs],
  status: ['integer', (row) => row.status],
  message: ['text', (row) => row.message],
  request_id: ['text', (row) => row.requestId],
});

/** Adds refusals to those of the same minute. No two of `rows` may have the same account, minute, reason and route. */
export async function addRefusals(db: Db, rows: readonly Refusal[]): Promise<void> {
  if (rows.length === 0) return;
  // In one order for all writers, so that two batches cannot deadlock.
  await db.raw(
    `insert into refusals as old (account_id, minute, reason, method, route, count, first_at, last_at, status, message, request_id)
     select account_id, ${fromMs('minute_ms')}, reason, method, route, count,
       ${fromMs('first_at_ms')}, ${fromMs('last_at_ms')}, status, message, request_id
       from ${source.sql}
      order by account_id, minute_ms, reason, method, route
     on conflict (account_id, minute, reason, method, route) do update set
       count = old.count + excluded.count,
       first_at = least(old.first_at, excluded.first_at),
       last_at = greatest(old.last_at, excluded.last_at),
       status = excluded.status, message = excluded.message, request_id = excluded.request_id`,
    source.bind(rows),
  );
}

/** The place of a row in a list: the next page begins behind it. */
export type RefusalPosition = Pick<Refusal, 'minuteMs' | 'accountId' | 'reason' | 'method' | 'route'>;

export type RefusalsQuery = {
  /** Absent: all accounts. */
  readonly accountId?: string | undefined;
  /** The minutes that this span touches, half-open. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly limit: number;
  readonly after?: RefusalPosition | undefined;
};

/** Refusals by the minute, newest minute first. They lag by about a second. */
export async function readRefusals(
  db: Db, { accountId, fromMs: from, toMs: to, limit, after }: RefusalsQuery,
): Promise<readonly Refusal[]> {
  const conditions: string[] = [];
  const bindings: Record<string, string | number> = { limit };
  const only = (condition: string, values: Readonly<Record<string, string | number>>): void => {
    conditions.push(condition);
    Object.assign(bindings, values);
  };
  if (accountId !== undefined) only('account_id = :accountId', { accountId });
  if (from !== undefined) only(`minute >= ${fromMs(':from::double precision')}`, { from: minuteOf(from) });
  if (to !== undefined) only(`minute < ${fromMs(':to::double precision')}`, { to });
  if (after !== undefined) {
    const { minuteMs: minute, accountId: account, reason, method, route } = after;
    only(`minute <= ${fromMs(':minute::double precision')}`, { minute });
    only(
      `(minute < ${fromMs(':minute::double precision')} or (account_id, reason, method, route) > (:account::text, `
        + `:reason::text, :method::text, :route::text))`,
      { account, reason, method, route },
    );
  }
  const { rows } = await db.raw<{ rows: Refusal[] }>(
    `select account_id as "accountId", ${toMs('minute')} as "minuteMs", reason, method, route, count,
            ${toMs('first_at')} as "firstAtMs", ${toMs('last_at')} as "lastAtMs", status, message, request_id as "requestId"
       from refusals ${conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`}
      order by minute desc, account_id, reason, method, route limit :limit`,
    bindings,
  );
  return rows;
}

/** Removes the oldest of before a moment, at most `limit` rows, so that no statement takes long. Answers how many. */
export async function deleteRefusals(db: Db, beforeMs: number, limit: number): Promise<number> {
  const { rows } = await db.raw<{ rows: { removed: number }[] }>(
    `with removed as (
       delete from refusals where ctid = any (array(
         select ctid from refusals where minute < ${fromMs('?::double precision')} order by minute limit ?)) returning 1)
     select count(*)::integer as removed from removed`,
    [beforeMs, limit],
  );
  return rows[0]?.removed ?? 0;
}
