import type { Db } from '../../src/stores/postgres/connect.js';
import type { Finding } from './finding.js';
import { modelHoursAgainstEntries } from './model-hours.js';

/** `sql` returns `what` (text) and `ok` (boolean) for each compared row. */
type Check = { readonly check: string; readonly sql: string };

const BALANCES = ['available', 'held', 'debt', 'granted', 'captured', 'expired', 'removed', 'uncollected'];
/** The gateway's time, which a test may move. */
const NOW = 'to_timestamp(:nowMs::double precision / 1000)';
const conserved = (row: string): string =>
  `${row}.granted = ${row}.available + ${row}.held + ${row}.captured + ${row}.expired + ${row}.removed - ${row}.debt`;

const CHECKS: readonly Check[] = [
  {
    check: 'I1: every entry conserves', // the table has a constraint for it, but a table can be altered
    sql: `select e.account_id || ' entry ' || e.seq as what, ${conserved('e')} as ok from entries e`,
  },
  {
    check: 'I1: every account conserves',
    sql: `select a.account_id as what, ${conserved('a')} as ok from accounts a`,
  },
  {
    check: 'accounts are the sum of their entries',
    sql: `select coalesce(a.account_id, e.account_id) as what,
                 (${BALANCES.map((name) => `a.${name}`).join(', ')}) is not distinct from
                   (${BALANCES.map((name) => `e.${name}`).join(', ')}) as ok
            from accounts a
            full join (select account_id, ${BALANCES.map((name) => `sum(${name})::bigint as ${name}`).join(', ')}
                         from entries group by account_id) e using (account_id)`,
  },
  {
    check: 'I7: entries are numbered 1, 2, 3 … without a gap',
    sql: `select a.account_id || ': ' || e.count || ' entries up to ' || e.last || ', account at ' || a.seq as what,
                 e.first = 1 and e.last = e.count and e.distinct_count = e.count and a.seq = e.count as ok
            from accounts a join (select account_id, count(*), count(distinct seq) as distinct_count, min(seq) as first, max(seq) as last
                                    from entries group by account_id) e using (account_id)`,
  },
  {
    check: 'every stated balance is the running sum',
    sql: `select account_id || ' entry ' || seq as what,
                 available_after = sum(available) over w and held_after = sum(held) over w and debt_after = sum(debt) over w as ok
            from entries window w as (partition by account_id order by seq)`,
  },
  {
    check: 'lots add up to their account',
    sql: `select a.account_id as what,
                 a.available = coalesce(l.remaining, 0) and a.held = coalesce(l.held, 0) and a.granted = coalesce(l.amount, 0) as ok
            from accounts a left join (select account_id, sum(remaining) as remaining, sum(held) as held,
                                               -- What comes back in a lot of its own was granted before.
                                               coalesce(sum(amount) filter (where kind not in ('refund', 'give_back')), 0) as amount
                                         from lots group by account_id) l using (account_id)`,
  },
  {
    check: 'every lot is the sum of its changes',
    sql: `select account_id || ' lot ' || lot_id as what,
                 l.remaining is not distinct from c.remaining and l.held is not distinct from c.held
                   and l.remaining + l.held <= l.amount as ok
            from lots l
            full join (select account_id, split_part(change, ':', 1) as lot_id,
                              sum(split_part(change, ':', 2)::bigint)::bigint as remaining, sum(split_part(change, ':',
                                3)::bigint)::bigint as held
                         from entries, unnest(string_to_array(lots, ',')) as change group by 1, 2) c using (account_id, lot_id)`,
  },
  {
    check: 'no lot is past its end with credits in it',
    sql: `select account_id || ' lot ' || lot_id as what, remaining = 0 or expires_at is null or expires_at > ${NOW} as ok from lots`,
  },
  {
    check: 'open holds add up to what is held',
    sql: `select a.account_id as what, a.held = coalesce(h.amount, 0) as ok
            from accounts a left join (select account_id, sum(amount) as amount from holds where state = 'open'
              group by 1) h using (account_id)`,
  },
  {
    check: 'no open hold is past its lease',
    sql: `select account_id || ' hold ' || hold_id as what, expires_at > ${NOW} as ok from holds where state = 'open'`,
  },
  {
    check: 'I3: every hold was placed once and ended once at most',
    sql: `select h.account_id || ' hold ' || h.hold_id || ' ' || h.state as what,
                 e.aimless = 0 and e.places = 1 and e.ends = (case when h.state = 'open' then 0 else 1 end) and e.lates = (case
                   when h.late then 1 else 0 end)
                 and h.placed_seq = e.placed_seq and h.ended_seq is not distinct from e.ended_seq
                 and h.captured = e.captured and h.amount = e.amount
                 and (h.late or h.state = 'open' or h.amount = h.captured - h.overage + h.released + h.expired) as ok
            from holds h
            left join (select account_id, hold_id, count(*) filter (where kind = 'place') as places,
                              count(*) filter (where kind in ('settle', 'void', 'expire_hold')) as ends,
                              count(*) filter (where kind in ('late_settle', 'give_back')) as lates,
                              min(seq) filter (where kind = 'place') as placed_seq,
                              max(seq) filter (where kind not in ('place', 'extend', 'progress')) as ended_seq,
                              count(*) filter (where (kind in ('correct', 'late_settle', 'give_back')) <> (corrects > 0)) as aimless,
                              sum(captured) as captured, sum(held) filter (where kind in ('place', 'extend', 'progress')) as amount
                         from entries where hold_id <> '' and kind <> 'refund' group by 1, 2) e using (account_id, hold_id)`,
  },
  {
    check: 'I6: every intent is applied, by one entry',
    sql: `select 'intent ' || m.intent_id || ' ' || m.state as what,
                 m.state = 'refused' or (m.state = 'applied' and count(e.seq) = 1 and min(e.seq) = m.applied_seq) as ok
            from money_in m left join entries e on e.account_id = m.account_id and e.key = 'intent:' || m.intent_id
           group by m.intent_id`,
  },
  {
    check: 'I4: no key was used by two entries',
    sql: `select account_id || ' key ' || key as what, count(*) = 1 as ok from entries where key <> ''
       and kind <> 'refuse_usage' group by account_id, key`,
  },
  {
    check: 'every usage record has its entry',
    sql: `select u.account_id || ' usage ' || u.seq as what,
                 case e.kind when 'refuse_usage' then u.refused and u.credits = 0 and u.uncollected = e.uncollected
                             when 'attribute' then not u.refused and e.captured = 0
                             else u.uncollected = greatest(e.uncollected, 0) and u.credits = e.captured + coalesce(x.captured, 0) end
                 and (u.collected_seq is null or (u.refused and c.uncollected = -u.uncollected and c.key = e.key and e.key <> '')) as ok
            from usage_records u left join entries e on e.account_id = u.account_id and e.seq = u.seq
            left join entries c on c.account_id = u.account_id and c.seq = u.collected_seq
            -- An expiry reports no use: the settle after it reports what the expiry charged, too.
            left join entries x on x.account_id = e.account_id and x.hold_id = e.hold_id and x.kind = 'expire_hold'
              and e.kind in ('late_settle', 'give_back')`,
  },
  {
    check: 'hours of models add up to the entries that name one',
    sql: modelHoursAgainstEntries,
  },
  {
    check: 'no shard is stopped',
    sql: `select 'shard ' || shard || ': ' || coalesce(stopped_reason, '') as what, stopped_reason is null as ok from shards`,
  },
  {
    check: 'nothing was quarantined',
    sql: `select 'quarantine ' || id || ': ' || reason as what, false as ok from quarantine`,
  },
];

/** Audits the books in Postgres; everything must have been drained. */
export async function checkPostgres(db: Db, nowMs: number): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { check, sql } of CHECKS) {
    const { rows } = await db.raw<{ rows: Finding[] }>(
      `select :check as check, count(*)::integer as compared, (count(*) filter (where not ok))::integer as "wrongCount",
              coalesce((array_agg(what) filter (where not ok))[1:5], '{}') as wrong
         from (select what, coalesce(ok, false) as ok from (${sql}) as found) as compared`,
      { check, nowMs },
    );
    findings.push(...rows);
  }
  return findings;
}

/** One account's totals, in micros. */
export type AccountTotals = {
  readonly accountId: string; readonly entries: number; readonly granted: number; readonly available: number; readonly held: number;
  readonly captured: number; readonly expired: number; readonly removed: number; readonly debt: number; readonly uncollected: number;
};

export async function readTotals(db: Db): Promise<AccountTotals[]> {
  const { rows } = await db.raw<{ rows: AccountTotals[] }>(
    `select account_id as "accountId", seq as entries, granted, available, held, captured, expired, removed, debt, uncollected
       from accounts order by account_id`,
  );
  return rows;
}

export async function readKinds(db: Db): Promise<{ readonly kind: string; readonly count: number }[]> {
  const { rows } = await db.raw<{
    rows: { kind: string; count: number }[];
  }>(`select kind, count(*) from entries group by kind order by count(*) desc, kind`);
  return rows;
}
