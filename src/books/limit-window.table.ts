import type { Db, Trx } from '../stores/postgres/connect.js';
import { prepared } from '../stores/postgres/prepared.js';
import { fromMs, unnestSource } from '../stores/postgres/unnest.js';

/** What a batch adds to one window of a limit. `used` and `open` may be negative. */
export type LimitWindowChange = {
  readonly accountId: string;
  readonly counter: number;
  readonly spender: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number | null;
  readonly used: number;
  readonly open: number;
  readonly crossed: boolean;
};

const source = unnestSource<LimitWindowChange>('w', {
  account_id: ['text', (row) => row.accountId],
  counter: ['bigint', (row) => row.counter],
  spender: ['text', (row) => row.spender],
  starts_at_ms: ['double precision', (row) => row.startsAtMs],
  ends_at_ms: ['double precision', (row) => row.endsAtMs],
  used: ['bigint', (row) => row.used],
  open: ['bigint', (row) => row.open],
  crossed: ['boolean', (row) => row.crossed],
});

/** The caller holds the locks of the shards. One row per window. */
export async function addToWindows(trx: Trx, rows: readonly LimitWindowChange[]): Promise<void> {
  if (rows.length === 0) return;
  await prepared(trx,
    `insert into limit_windows as old (account_id, counter, spender, starts_at, ends_at, used, open, crossed)
     select account_id, counter, spender, ${fromMs('starts_at_ms')}, ${fromMs('ends_at_ms')}, used, open, crossed from ${source.sql}
     on conflict (account_id, counter, spender, starts_at) do update
       set used = old.used + excluded.used, open = old.open + excluded.open, crossed = old.crossed or excluded.crossed`,
    source.bind(rows),
  );
}

/** SQL: windows that ended before `:beforeMs` and have no open hold, oldest first. */
export const OLD_WINDOWS = `from limit_windows where ends_at < ${fromMs(':beforeMs::double precision')} and open <= 0 order by ends_at`;

/**
 * Deletes windows that ended before `beforeMs` and that no open hold can give back to, `limit` at most. Returns how many.
 * A total, which never ends, stays.
 */
export async function deleteWindows(db: Db, beforeMs: number, limit: number): Promise<number> {
  const { rowCount } = await db.raw<{ rowCount: number | null }>(
    `delete from limit_windows where ctid in (
       select ctid ${OLD_WINDOWS} limit :limit::integer)`,
    { beforeMs, limit },
  );
  return rowCount ?? 0;
}
