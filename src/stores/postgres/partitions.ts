import type { Db, Trx } from './connect.js';

/** Two months ahead of the current one: the partition job may fail for weeks without blocking the journal. */
export const PARTITION_MONTHS_AHEAD = 2;

/**
 * Creates missing partitions of the journal from the month of `fromMs` to `monthsAhead` later. Returns how many were
 * created. Safe to call from many processes at once.
 */
export async function makePartitions(db: Db, fromMs: number, monthsAhead = PARTITION_MONTHS_AHEAD): Promise<number> {
  const { rows } = await db.raw<{ rows: { made: number }[] }>(
    `select count(*) filter (where ensure_entries_partition(month))::integer as made
       from (select (date_trunc('month', to_timestamp(?::double precision / 1000) at time zone 'UTC')
                     + make_interval(months => ahead))::date as month
               from generate_series(0, ?::integer) as ahead) as months`,
    [fromMs, monthsAhead],
  );
  return rows[0]?.made ?? 0;
}

/** The month of an entry, as a key: `2026-11`. */
export const monthOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 7);

/** Creates the partitions of these months (`monthOf`) in the caller's transaction. */
export async function ensureMonths(trx: Trx, months: readonly string[]): Promise<void> {
  if (months.length === 0) return;
  await trx.raw(`select ensure_entries_partition((month || '-01')::date) from unnest(?::text[]) as month`, [months.toSorted()]);
}
