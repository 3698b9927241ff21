import type { Micros } from '../kit/money/micros.js';
import { AMOUNTS, type AmountName } from '../ledger/figures.js';
import type { Db } from '../stores/postgres/connect.js';
import { fromMs, toMs } from '../stores/postgres/unnest.js';

/** An account as it was after the last entry that was written by some time. */
export type BalanceAt = Readonly<Record<AmountName, Micros>> & {
  /** The number of that entry; 0 before the first. */
  readonly seq: number;
  /** The time of the account's newest entry in Postgres; null: it has none. */
  readonly newestAtMs: number | null;
};

/**
 * The balances and totals of an account at a time: those of now without the entries since. One statement, so one snapshot. It reads
 * the entries since then, so a recent time costs least.
 */
export async function readBalanceAt(db: Db, accountId: string, atMs: number): Promise<BalanceAt> {
  const before = AMOUNTS.map((name) => `(coalesce(a.${name}, 0) - coalesce(sum(e.${name}), 0))::bigint as ${name}`).join(', ');
  const { rows: [row] } = await db.raw<{ rows: [BalanceAt] }>(
    `select ${before}, (coalesce(a.seq, 0) - count(e.seq))::bigint as seq, ${toMs('a.updated_at')} as "newestAtMs"
       from (select :accountId::text as account_id) as ask
       left join accounts a using (account_id)
       left join entries e on e.account_id = ask.account_id and e.at > ${fromMs(':atMs::double precision')}
      group by a.account_id`,
    { accountId, atMs },
  );
  return row;
}

/** What an account had after an entry. */
export type BalancePoint = { readonly atMs: number; readonly available: Micros };

/** The balance after each of the last entries of an account, oldest first. At most `limit`, so that it costs little for any account. */
export async function readLastBalances(db: Db, accountId: string, limit: number): Promise<BalancePoint[]> {
  const { rows } = await db.raw<{ rows: BalancePoint[] }>(
    `select ${toMs('at')} as "atMs", available_after as available from entries where account_id = ? order by seq desc limit ?::integer`,
    [accountId, limit],
  );
  return rows.reverse();
}
