import type { EntryKind } from '../ledger/entry.js';
import { KEPT, type AmountName } from '../ledger/figures.js';
import type { OverCapture, Principal } from '../ledger/ledger.js';
import { LIMIT_COLUMNS, type LimitColumns } from './account-limit.table.js';
import { TERMS_COLUMNS, type TermsColumns } from './account-terms.table.js';
import type { Db } from '../stores/postgres/connect.js';
import { rowsOf } from '../stores/postgres/rows-of.js';
import { unnestSource } from '../stores/postgres/unnest.js';

/** The row that Postgres returns. Amounts are JSON numbers, which check constraints keep below 2^53. */
export type ImageRow = {
  readonly account: AccountColumns | null;
  readonly lots: readonly LotColumns[] | null;
  readonly open_holds: readonly HoldColumns[] | null;
  readonly ended_holds: readonly HoldColumns[] | null;
  readonly receipts: readonly ReceiptColumns[] | null;
  readonly deductions: readonly DeductionColumns[] | null;
  readonly limits: { readonly version: number; readonly limits: readonly LimitColumns[] | null } | null;
  readonly limit_counts: readonly LimitCountColumns[] | null;
  readonly terms: TermsColumns | null;
};

export type AccountColumns = Readonly<Record<AmountName, number>> & { readonly seq: number; readonly frozen: boolean };

export type LotColumns = {
  readonly lot_id: string; readonly amount: number; readonly remaining: number; readonly held: number;
  readonly granted_at_ms: number; readonly expires_at_ms: number | null; readonly rule: string;
};

export type HoldColumns = {
  readonly hold_id: string; readonly kind: string; readonly placed_seq: number; readonly state: 'open' | 'settled' | 'voided' | 'expired';
  readonly amount: number; readonly parts: string; readonly policy: string; readonly price: string;
  readonly fingerprint: string; readonly about: string; readonly placed_available: number; readonly placed_at_ms: number;
  readonly expires_at_ms: number; readonly placed_amount: number; readonly placed_expires_at_ms: number;
  readonly captured: number; readonly released: number; readonly expired: number; readonly overage: number;
  readonly debt: number; readonly uncollected: number; readonly late: boolean; readonly available_after: number | null;
  readonly end_fingerprint: string | null; readonly end_about: string | null;
  readonly ended_at_ms: number | null; readonly ended_seq: number | null;
  readonly placed_by: Principal; readonly closed_at_ms: number | null;
  readonly over_capture: OverCapture | null; readonly debt_limit: number | null; readonly input_cost: number | null;
  readonly lease_ms: number | null; readonly reported: number; readonly reported_usage: string; readonly reported_at_ms: number | null;
  readonly spent: string;
  readonly limit_parts: string; readonly spent_on: string; readonly spending: string;
};

export type ReceiptColumns = {
  readonly key: string; readonly kind: EntryKind; readonly fingerprint: string; readonly seq: number;
  readonly at_ms: number; readonly available: number; readonly debt: number; readonly available_after: number; readonly uncollected: number;
};

/** Charges, and uses that deductions have paid for: which of them are what, their texts tell. */
export type DeductionColumns = {
  readonly seq: number; readonly at_ms: number; readonly kind: EntryKind; readonly amount: number; readonly about: string;
};

export type LimitCountColumns = {
  readonly counter: number; readonly spender: string; readonly from_ms: number; readonly ends_at_ms: number | null;
  readonly used: number; readonly open: number; readonly crossed: boolean;
};

/** How far back a repeated request can still arrive, per kind of answer (limits.ts). */
export type ImageWindow = {
  readonly receiptSeconds: number;
  readonly moneyInSeconds: number;
  readonly expiredHoldSeconds: number;
  readonly deductionSeconds: number;
};

const MS = (column: string): string => `(extract(epoch from ${column}) * 1000)::bigint`;

const HOLD = `hold_id, kind, placed_seq, state, amount, parts, policy, price, fingerprint, about, placed_available,
  ${MS('placed_at')} as placed_at_ms, ${MS('expires_at')} as expires_at_ms,
  coalesce(placed_amount, amount) as placed_amount, ${MS('coalesce(placed_expires_at, expires_at)')} as placed_expires_at_ms,
  captured, released, expired, overage, debt, uncollected, late, available_after, end_fingerprint, end_about,
  ${MS('ended_at')} as ended_at_ms, ended_seq, placed_by, limit_parts, spent_on, spending,
  ${MS('coalesce(closed_at, ended_at)')} as closed_at_ms,
  over_capture, debt_limit, input_cost, lease_milliseconds as lease_ms,
  reported, reported_usage, ${MS('reported_at')} as reported_at_ms, spent`;

/**
 * Reads all of some accounts in one statement: one snapshot and one round trip. In the order of the ids, which are all different.
 * `nowMs` is Redis' clock, which stamped the entries.
 */
export async function readImages(db: Db, accountIds: readonly string[], nowMs: number, window: ImageWindow): Promise<ImageRow[]> {
  const { rows } = await db.raw<{ rows: ImageRow[] }>(
    `select
       (select to_json(a) from (
          select ${KEPT.join(', ')}
            from accounts where account_id = ask.account_id) as a) as account,
       (select json_agg(l) from (
          select lot_id, amount, remaining, held, rule, ${MS('granted_at')} as granted_at_ms, ${MS('expires_at')} as expires_at_ms
            from lots where account_id = ask.account_id and closed_at is null
           order by expires_at nulls last, granted_at, lot_id) as l) as lots,
       (select json_agg(h) from (
          select ${HOLD} from holds where account_id = ask.account_id and state = 'open'
           order by expires_at, placed_seq) as h) as open_holds,
       (select json_agg(h) from (
          select distinct on (hold_id) ${HOLD} from holds as h
           where account_id = ask.account_id and state <> 'open'
             and ended_at > ask.now - make_interval(secs => :expiredHoldSeconds)
             and (state = 'expired' or ended_at > ask.now - make_interval(secs => :receiptSeconds))
             -- The id was used again while Redis and Postgres did not know of its first use.
             and not exists (select from holds as o where o.account_id = h.account_id and o.hold_id = h.hold_id and o.state = 'open')
           order by hold_id, placed_seq desc) as h) as ended_holds,
       (select json_agg(r) from (
          select key, kind, fingerprint, seq, ${MS('at')} as at_ms, available, debt, available_after, uncollected
            from entries
           where account_id = ask.account_id and key <> ''
             and at > ask.now - make_interval(secs => :moneyInSeconds)
             and (key like 'intent:%' or kind = 'extend' or at > ask.now - make_interval(secs => :receiptSeconds))
           order by seq) as r) as receipts,
       (select json_agg(u) from (
          select e.seq, ${MS('e.at')} as at_ms, e.kind, e.captured as amount, d.about
            from entries e join entry_details d on d.account_id = e.account_id and d.seq = e.seq and d.at = e.at
           where e.account_id = ask.account_id and e.kind in ('charge', 'attribute')
             and e.at > ask.now - make_interval(secs => :deductionSeconds)
           order by e.seq) as u) as deductions,
       (select to_json(s) from (
          select version, (select json_agg(l) from (
                   select ${LIMIT_COLUMNS} from account_limits as a
                    where a.account_id = limit_sets.account_id order by limit_id) as l) as limits
            from limit_sets where account_id = ask.account_id) as s) as limits,
       (select to_json(t) from (
          select ${TERMS_COLUMNS} from account_terms
           where account_id = ask.account_id order by version desc limit 1) as t) as terms,
       (select json_agg(c) from (
          select counter, spender, ${MS('starts_at')} as from_ms, ${MS('ends_at')} as ends_at_ms, used, open, crossed
            from limit_windows as w
           where account_id = ask.account_id and (ends_at is null or ends_at > ask.now or open > 0)
             and exists (
               select from account_limits as a where a.account_id = w.account_id and a.counter = w.counter)) as c) as limit_counts
       from (select account_id, position, to_timestamp(:nowMs::double precision / 1000) as now
               from unnest(:accountIds::text[]) with ordinality as u (account_id, position)) as ask
      order by ask.position`,
    { accountIds: [...accountIds], nowMs, ...window },
  );
  return rows;
}

type HoldName = { readonly accountId: string; readonly holdId: string };

const nameSource = unnestSource<HoldName>('n', {
  account_id: ['text', (name) => name.accountId],
  hold_id: ['text', (name) => name.holdId],
});

/** Arrays whose length Postgres does not look at: it would plan anew for each length, which takes longer than to read a few rows. */
const ofAnyLength = (source: string): string => source.replaceAll('?::text[]', '(select ?::text[])');

const ENDED_HOLDS = `select n.account_id as "accountId", n.hold_id as "holdId", to_json(h) as hold
   from ${ofAnyLength(nameSource.sql)}
  cross join lateral (
    select ${HOLD} from holds where account_id = n.account_id and hold_id = n.hold_id order by placed_seq desc limit 1) as h
  where h.state <> 'open'`;

/** The last hold of each name if it has ended, otherwise null; in the order of the names. */
export async function readEndedHolds(db: Db, names: readonly HoldName[]): Promise<(HoldColumns | null)[]> {
  const rows = await rowsOf<HoldName & { readonly hold: HoldColumns }>(db, ENDED_HOLDS, nameSource.bind(names));
  if (rows.length === 0) return names.map(() => null);
  // Neither id contains a line break.
  const nameOf = ({ accountId, holdId }: HoldName): string => `${accountId}\n${holdId}`;
  const found = new Map(rows.map((row) => [nameOf(row), row.hold]));
  return names.map((name) => found.get(nameOf(name)) ?? null);
}
