import type { Micros } from '../kit/money/micros.js';
import type { Db } from '../stores/postgres/connect.js';
import { readListPage, type ListPage, type ListQuery, type ListSource } from '../stores/postgres/list-page.js';
import { toMs } from '../stores/postgres/unnest.js';

/** What a list tells of a lot of any account. */
export type ListedLot = {
  readonly accountId: string;
  readonly lotId: string;
  readonly amount: Micros;
  readonly remaining: Micros;
  readonly held: Micros;
  readonly kind: string;
  readonly source: string | null;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly notes: string | null;
  readonly grantedAtMs: number;
  readonly expiresAtMs: number | null;
  readonly closedAtMs: number | null;
};

const SOURCE: ListSource = {
  columns: `l.account_id as "accountId", l.lot_id as "lotId", l.amount, l.remaining, l.held, l.kind, l.source, l.actor, l.reason, l.notes,
    ${toMs('l.granted_at')} as "grantedAtMs", ${toMs('l.expires_at')} as "expiresAtMs", ${toMs('l.closed_at')} as "closedAtMs"`,
  from: 'lots l',
  key: [['l.account_id', 'text'], ['l.lot_id', 'text']],
  sorts: {
    granted: ['l.granted_at', 'timestamptz'], ends: [`coalesce(l.expires_at, 'infinity')`, 'timestamptz'], amount: ['l.amount', 'bigint'],
    remaining: ['l.remaining', 'bigint'],
  },
  filters: {
    account: 'l.account_id = :account::text',
    state: `case :state::text when 'live' then l.closed_at is null else l.closed_at is not null end`,
    ends: `l.closed_at is null and l.expires_at < now() + make_interval(days => :ends::integer)`,
  },
};

/** Lots of all accounts. Filters: `account`, `state` (live, ended), `ends` (within so many days). */
export const listLots = (db: Db, query: ListQuery): Promise<ListPage<ListedLot>> => readListPage<ListedLot>(db, SOURCE, query);

/** Lots with credits; `ending`: those that end within seven days. Sums in credits, for figures. */
export type LotSums = { readonly live: number; readonly remaining: number; readonly ending: number; readonly endingCredits: number };

export async function sumLots(db: Db): Promise<LotSums> {
  const ending = `expires_at < now() + interval '7 days'`;
  const { rows: [sums] } = await db.raw<{ rows: [LotSums] }>(
    `select count(*)::integer as live, coalesce(sum(remaining) / 1e6, 0)::double precision as remaining,
            (count(*) filter (where ${ending}))::integer as ending,
            coalesce(sum(remaining) filter (where ${ending}) / 1e6, 0)::double precision as "endingCredits"
       from lots where closed_at is null`,
  );
  return sums;
}
