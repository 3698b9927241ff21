import type { Micros } from '../kit/money/micros.js';
import type { Db } from '../stores/postgres/connect.js';
import { readListPage, type ListPage, type ListQuery, type ListSource } from '../stores/postgres/list-page.js';
import { fromMs, toMs } from '../stores/postgres/unnest.js';
import type { HoldState } from './hold.table.js';

/** What a list tells of a hold of any account. */
export type ListedHold = {
  readonly accountId: string;
  readonly holdId: string;
  readonly kind: string;
  readonly state: HoldState;
  readonly amount: Micros;
  readonly captured: Micros;
  readonly placedAtMs: number;
  readonly expiresAtMs: number;
  readonly endedAtMs: number | null;
  readonly about: string;
};

const SOURCE: ListSource = {
  columns: `h.account_id as "accountId", h.hold_id as "holdId", h.kind, h.state, h.amount, h.captured, h.about,
    ${toMs('h.placed_at')} as "placedAtMs", ${toMs('h.expires_at')} as "expiresAtMs", ${toMs('h.ended_at')} as "endedAtMs"`,
  from: 'holds h',
  key: [['h.account_id', 'text'], ['h.placed_seq', 'bigint']],
  sorts: {
    placed: ['h.placed_at', 'timestamptz'], lease: ['h.expires_at', 'timestamptz'], amount: ['h.amount', 'bigint'],
    captured: ['h.captured', 'bigint'],
  },
  filters: {
    account: 'h.account_id = :account::text', hold: 'h.hold_id = :hold::text',
    state: `case :state::text when 'ended' then h.state <> 'open' when 'overdue' then h.state = 'open' and h.expires_at < now()
      else h.state = :state::text end`,
    from: `h.placed_at >= ${fromMs(':from::double precision')}`, to: `h.placed_at < ${fromMs(':to::double precision')}`,
  },
};

/** An open hold is in a small index of its own, which a condition that depends on a value does not use. */
const OPEN: ListSource = { ...SOURCE, filters: { ...SOURCE.filters, state: `h.state = 'open'` } };
const OVERDUE: ListSource = { ...SOURCE, filters: { ...SOURCE.filters, state: `h.state = 'open' and h.expires_at < now()` } };

/** Holds of all accounts. Filters: `account`, `hold`, `state` (a state, ended or overdue), `from` and `to` in ms. */
export function listHolds(db: Db, query: ListQuery): Promise<ListPage<ListedHold>> {
  const { state } = query.filters;
  return readListPage<ListedHold>(db, state === 'open' ? OPEN : state === 'overdue' ? OVERDUE : SOURCE, query);
}

/** `reserved`: in credits, for a figure. */
export type HoldSums = { readonly open: number; readonly overdue: number; readonly reserved: number };

export async function sumHolds(db: Db): Promise<HoldSums> {
  const { rows: [sums] } = await db.raw<{ rows: [HoldSums] }>(
    `select count(*)::integer as open, (count(*) filter (where expires_at < now()))::integer as overdue,
            coalesce(sum(amount) / 1e6, 0)::double precision as reserved
       from holds where state = 'open'`,
  );
  return sums;
}
