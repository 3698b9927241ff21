import type { Db } from '../../../src/stores/postgres/connect.js';

/** What Postgres has, as the audit of the clients' record reads it. Amounts are micros. */

export type EntryRow = {
  readonly account: string; readonly seq: number; readonly epoch: number; readonly kind: string; readonly hold: string;
  readonly key: string;
  readonly held: number; readonly debt: number; readonly granted: number; readonly captured: number; readonly removed: number;
};
export type HoldRow = {
  readonly account: string; readonly hold: string; readonly state: string; readonly amount: number; readonly captured: number;
  readonly policy: string; readonly overage: number; readonly debt: number; readonly uncollected: number;
  /** Settled after its lease had ended. */
  readonly late: boolean;
};
export type IntentRow = {
  readonly intentId: number; readonly account: string; readonly kind: string; readonly amount: number; readonly state: string;
  readonly scope: string | null; readonly key: string | null;
};
export type TransferRow = {
  readonly transferId: number; readonly from: string; readonly to: string; readonly amount: number; readonly state: string;
  readonly key: string;
};
export type LossRow = {
  readonly shard: number; readonly epoch: number; readonly entries: number; readonly accounts: Readonly<Record<string, number>>;
  /** Null: the epoch had no entry before. */
  readonly fromMs: number | null; readonly toMs: number | null; readonly noticedMs: number;
};
export type TotalsRow = { readonly account: string; readonly granted: number; readonly captured: number; readonly removed: number };

export type ToldBooks = {
  readonly entries: readonly EntryRow[]; readonly holds: readonly HoldRow[]; readonly intents: readonly IntentRow[];
  readonly transfers: readonly TransferRow[]; readonly losses: readonly LossRow[]; readonly totals: readonly TotalsRow[];
};

export async function readBooks(db: Db): Promise<ToldBooks> {
  const read = async <Row>(sql: string): Promise<Row[]> => (await db.raw<{ rows: Row[] }>(sql)).rows;
  return {
    // A charge without a key is called by its metadata.
    entries: await read(`select account_id as account, seq, epoch, kind, hold_id as hold,
                                case when key = '' and kind = 'charge' then coalesce((regexp_match(about, 'once-[0-9]+-[0-9]+'))[1], '')
                                     else key end as key, held, debt, granted, captured, removed
                           from entries left join entry_details using (account_id, seq, at) order by account_id, seq`),
    holds: await read(`select account_id as account, hold_id as hold, state, amount, captured, policy, overage, debt, uncollected,
                              late from holds`),
    intents: await read(`select intent_id as "intentId", account_id as account, kind, amount, state, idempotency_scope as scope,
                                idempotency_key as key from money_in`),
    transfers: await read(`select transfer_id as "transferId", from_account as "from", to_account as "to", amount, state,
                                  idempotency_key as key from transfers`),
    losses: await read(`select shard, epoch, entries, accounts, (extract(epoch from from_at) * 1000)::double precision as "fromMs",
                               (extract(epoch from to_at) * 1000)::double precision as "toMs",
                               (extract(epoch from noticed_at) * 1000)::double precision as "noticedMs"
                          from shard_losses order by noticed_at`),
    totals: await read(`select account_id as account, granted, captured, removed from accounts`),
  };
}
