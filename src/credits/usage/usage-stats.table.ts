import { cover, modelOf, rollupName, type Grain, type Period, type Piece } from '../../books/usage-rollup.js';
import type { Micros } from '../../kit/money/micros.js';
import type { Db } from '../../stores/postgres/connect.js';
import { fromMs, toMs } from '../../stores/postgres/unnest.js';

/** One line of a statistic. `credits` is micros as integer text: a sum may be more than any balance can be. */
export type StatsLine = {
  readonly part: 'total' | 'day' | 'service' | 'model';
  readonly name: string;
  readonly records: string;
  readonly credits: string;
};

/** The account; null: all accounts. */
export type Whose = string | null;

/** A source of rows as SQL, with its bindings. */
type Query = { readonly sql: string; readonly bindings: readonly (string | number)[] };

const DAYS_AND_HOURS: readonly Grain[] = ['day', 'hour'];
const ALL_GRAINS: readonly Grain[] = ['month', 'day', 'hour'];

/**
 * What was used in a period: in all, by day, service and model. Of services and models, the `namesMax` with the most
 * credits. Reads roll-ups, and single records only of the hours that the period cuts.
 */
export async function readStatsLines(db: Db, whose: Whose, { fromMs: from, toMs: to }: Period, namesMax: number): Promise<StatsLine[]> {
  const pieces = cover(from, to, DAYS_AND_HOURS);
  if (pieces.length === 0) return [];
  const used = unionOf(pieces.map((piece) => usedIn(piece, whose)));
  const { rows } = await db.raw<{ rows: StatsLine[] }>(
    `with used as materialized (${used.sql}),
     sums as (
       select case grouping(day, service, model) when 7 then 'total' when 3 then 'day' when 5 then 'service' else 'model' end as part,
              coalesce(to_char(day at time zone 'UTC', 'YYYY-MM-DD'), service, model, '') as name,
              coalesce(sum(records), 0) as records, coalesce(sum(credits), 0) as credits
         from used
        group by grouping sets ((), (day), (service), (model))
       having grouping(model) = 1 or model is not null),
     ranked as (select *, row_number() over (partition by part order by credits desc, name) as rank from sums)
     select part, name, records::text, credits::text from ranked
      where part in ('total', 'day') or rank <= ?::integer
      order by part, case part when 'day' then name end, rank`,
    [...used.bindings, namesMax],
  );
  return rows;
}

/** The accounts that used the most in a period, with what they used. */
export async function readTopUsers(
  db: Db, { fromMs: from, toMs: to }: Period, usersMax: number,
): Promise<{ accountId: string; credits: string }[]> {
  const pieces = cover(from, to, ALL_GRAINS);
  if (pieces.length === 0) return [];
  const spent = unionOf(pieces.map(spentIn));
  const { rows } = await db.raw<{ rows: { accountId: string; credits: string }[] }>(
    `select account_id as "accountId", sum(credits)::text as credits from (${spent.sql}) as spent
      group by account_id order by sum(credits) desc, account_id limit ?::integer`,
    [...spent.bindings, usersMax],
  );
  return rows;
}

/** A record as it is shown. */
export type RecordedUsage = {
  readonly seq: number; readonly atMs: number; readonly service: string; readonly operation: string;
  readonly credits: Micros; readonly uncollected: Micros; readonly metadata: string;
};

/** The last records of an account in a period, the newest first; without refusals that were made up for. */
export async function readLatestUsage(
  db: Db, accountId: string, { fromMs: from, toMs: to }: Period, limit: number,
): Promise<RecordedUsage[]> {
  const { rows } = await db.raw<{ rows: RecordedUsage[] }>(
    `select seq, ${toMs('at')} as "atMs", service, operation, credits, uncollected, metadata from usage_records
      where account_id = ? and ${within('at')} and collected_seq is null
      order by at desc, seq desc limit ?::integer`,
    [accountId, from, to, limit],
  );
  return rows;
}

/** Unpaid usage of a period: refused usage, and the part of other usage that could not be charged. */
export async function readUncollected(
  db: Db, whose: Whose, { fromMs: from, toMs: to }: Period,
): Promise<{ readonly records: number; readonly credits: string }> {
  const { rows: [sums] } = await db.raw<{ rows: [{ records: number; credits: string }] }>(
    `select count(*)::integer as records, coalesce(sum(uncollected), 0)::text as credits from usage_records
      where ${within('at')} and uncollected > 0 and collected_seq is null ${whose === null ? '' : 'and account_id = ?'}`,
    [from, to, ...(whose === null ? [] : [whose])],
  );
  return sums;
}

const within = (column: string): string => `${column} >= ${fromMs('?::double precision')} and ${column} < ${fromMs('?::double precision')}`;

const unionOf = (queries: readonly Query[]): Query =>
  ({ sql: queries.map(({ sql }) => sql).join(' union all '), bindings: queries.flatMap(({ bindings }) => bindings) });

/** Rows of day, service, model (null: none), records and credits. */
function usedIn({ grain, fromMs: from, toMs: to }: Piece, whose: Whose): Query {
  const owner = whose === null ? { sql: '', bindings: [] } : { sql: 'account_id = ? and', bindings: [whose] };
  if (grain === 'record') {
    return {
      sql: `select date_trunc('day', at, 'UTC') as day, ${rollupName('service')} as service,
        ${modelOf('service', 'operation')} as model, case when corrects is null then 1 else 0 end as records, credits
              from usage_records where ${owner.sql} ${within('at')} and not refused`,
      bindings: [...owner.bindings, from, to],
    };
  }
  return {
    sql: `select date_trunc('day', starts_at, 'UTC') as day, service, ${modelOf('service', 'operation')} as model, records, credits
            from ${whose === null ? 'usage_by_shard' : 'usage_by_account'} where ${owner.sql} grain =
              '${grain}' and ${within('starts_at')}`,
    bindings: [...owner.bindings, from, to],
  };
}

/** Rows of account_id and credits. */
const spentIn = ({ grain, fromMs: from, toMs: to }: Piece): Query => ({
  sql: grain === 'record'
    ? `select account_id, credits from usage_records where ${within('at')} and not refused`
    : `select account_id, credits from usage_by_account where grain = '${grain}' and ${within('starts_at')}`,
  bindings: [from, to],
});
