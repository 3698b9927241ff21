import type { Db } from '../stores/postgres/connect.js';
import { readLastHolds, HOLD_ROW, type HoldRow, type HoldState } from './hold.table.js';
import { readHoldEntries, type HistoryEntry } from './entry.table.js';

export type HoldQuery = {
  readonly accountId: string;
  readonly state: HoldState | null;
  /** Only holds that were placed before this; null: all. */
  readonly beforeMs: number | null;
  /** The entry that placed the last hold of the page before; null: the first page. */
  readonly beforeSeq: number | null;
  readonly limit: number;
};

/** Holds of an account, the last placed first. */
export async function readHoldPage(db: Db, { accountId, state, beforeMs, beforeSeq, limit }: HoldQuery): Promise<HoldRow[]> {
  const { rows } = await db.raw<{ rows: HoldRow[] }>(
    `select ${HOLD_ROW} from holds as h
      where h.account_id = :accountId and (:state::text is null or h.state = :state)
        and (:beforeSeq::bigint is null or h.placed_seq < :beforeSeq)
        and (:beforeMs::double precision is null or h.placed_at < to_timestamp(:beforeMs::double precision / 1000))
      order by h.placed_seq desc limit :limit::integer`,
    { accountId, state, beforeMs, beforeSeq, limit },
  );
  return rows;
}

/** A hold with its entries, or null when Postgres has none of that id. */
export type HoldLife = { readonly hold: HoldRow; readonly entries: readonly HistoryEntry[] };

export async function readHoldLife(db: Db, accountId: string, holdId: string): Promise<HoldLife | null> {
  const [hold] = await readLastHolds(db, [{ accountId, holdId }]);
  if (hold === undefined) return null;
  const range = { fromSeq: hold.placedSeq, toSeq: hold.endedSeq ?? Number.MAX_SAFE_INTEGER };
  return { hold, entries: await readHoldEntries(db, accountId, holdId, range) };
}
