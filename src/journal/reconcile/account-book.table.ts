import { isStorable } from '../../kit/ids.js';
import { BALANCES, KEPT, type BalanceName } from '../../ledger/figures.js';
import type { Db } from '../../stores/postgres/connect.js';
import { unnestSource } from '../../stores/postgres/unnest.js';
import type { Figures } from './comparison.js';

export type BookAsk = {
  readonly accountId: string;
  readonly shard: number;
  /** The number of its last entry in Redis. */
  readonly seq: number;
  /** Open holds that are read wherever they are in the order. */
  readonly holdIds: readonly string[];
  /** How many open holds, soonest lease end first, are read beside them. */
  readonly holdsMax: number;
  /** Whether lots and holds are read only where Postgres is at that entry: elsewhere they cannot be compared. */
  readonly onlyAtSeq: boolean;
};

/** An account in Postgres, in the format in which Redis stores it. */
export type AccountBook = {
  readonly accountId: string;
  /** The shard's epoch and cursor in the same snapshot: these figures include its stream up to there. */
  readonly epoch: number;
  readonly cursor: string;
  readonly stoppedReason: string | null;
  /** Null: Postgres does not know the account. */
  readonly account: (Figures & { readonly seq: number; readonly frozen: boolean }) | null;
  readonly lots: readonly { readonly id: string; readonly facts: string }[];
  /** 0 where it was not read. */
  readonly openHolds: number;
  /** The open holds that were asked for. */
  readonly holds: readonly { readonly id: string; readonly amount: string }[];
  /** Balances after the entry that was asked for, where there is one. */
  readonly entry: Pick<Figures, BalanceName> | null;
};

const source = unnestSource<BookAsk>('ask', {
  account_id: ['text', (ask) => ask.accountId],
  shard: ['integer', (ask) => ask.shard],
  seq: ['bigint', (ask) => ask.seq],
  hold_ids: ['text', (ask) => JSON.stringify(ask.holdIds.filter(isStorable))],
  holds_max: ['integer', (ask) => ask.holdsMax],
  only_at_seq: ['boolean', (ask) => ask.onlyAtSeq],
});

const MS = (column: string): string => `(extract(epoch from ${column}) * 1000)::bigint`;

/**
 * Accounts and the cursors of their shards, in one statement, which is one snapshot. `limit 1` and `offset 0` keep it to the open holds
 * of the account: without them the planner may search the leases of all accounts, where a few accounts have most of the holds.
 */
export async function readBooks(db: Db, asks: readonly BookAsk[]): Promise<Map<string, AccountBook>> {
  if (asks.length === 0) return new Map();
  const { rows } = await db.raw<{ rows: AccountBook[] }>(
    `select ask.account_id as "accountId", s.epoch, s.last_id as cursor, s.stopped_reason as "stoppedReason",
            to_json(a) as account,
            coalesce(case when wanted.yes then (select json_agg(json_build_object('id', l.lot_id, 'facts',
                               concat_ws(':', l.remaining, l.held, l.amount,
                                 coalesce(${MS('l.expires_at')}::text, 'inf'), ${MS('l.granted_at')}, nullif(l.rule, ''))))
                        from lots l where l.account_id = ask.account_id and l.closed_at is null) end, '[]') as lots,
            coalesce(case when wanted.yes then
              (select count(*) from holds h where h.account_id = ask.account_id and h.state = 'open') end, 0) as "openHolds",
            coalesce(case when wanted.yes then (select json_agg(json_build_object('id', h.hold_id, 'amount', h.amount::text)) from (
                        select listed.hold_id, found.amount from json_array_elements_text(ask.hold_ids::json) as listed (hold_id)
                         cross join lateral (select amount from holds h where h.account_id = ask.account_id
                           and h.hold_id = listed.hold_id and h.state = 'open' limit 1) as found
                        union
                        (select hold_id, amount from (
                           select hold_id, amount, expires_at from holds
                            where account_id = ask.account_id and state = 'open' offset 0) as its
                          order by expires_at, hold_id collate "C" limit ask.holds_max)) as h) end, '[]') as holds,
            (select json_build_object(${BALANCES.map((name) => `'${name}', e.${name}_after`).join(', ')})
               from entries e where e.account_id = ask.account_id and e.seq = ask.seq limit 1) as entry
       from ${source.sql}
       join shards s using (shard)
       left join (select account_id, ${KEPT.join(', ')} from accounts) as a
         on a.account_id = ask.account_id
      cross join lateral (select not ask.only_at_seq or coalesce(a.seq, 0) = ask.seq as yes) as wanted`,
    source.bind(asks),
  );
  return new Map(rows.map((row) => [row.accountId, row]));
}
