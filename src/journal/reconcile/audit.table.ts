import type { Db } from '../../stores/postgres/connect.js';
import { AMOUNTS, type AmountName } from '../../ledger/figures.js';
import type { Figures } from './comparison.js';

/** The audit of an account within Postgres. All sums are of one snapshot. */
export type AuditRow = Figures & {
  readonly accountId: string;
  readonly seq: number;
  /** Of the entries read: the newest, the oldest, and their number. */
  readonly lastSeq: number | null;
  readonly firstSeq: number | null;
  readonly entries: number;
  /** Number of entries whose number does not follow the previous one; the first of them. */
  readonly gaps: number;
  readonly firstGap: number | null;
  /** Number of entries whose stated balances do not follow from the previous entry; the first of them, and the largest difference. */
  readonly jumps: number;
  readonly firstJump: number | null;
  readonly jumpMicros: number;
  readonly lastAvailable: number;
  readonly lastHeld: number;
  readonly lastDebt: number;
  readonly lotsRemaining: number;
  readonly lotsHeld: number;
  readonly holdsAmount: number;
  /** Sums of all entries, and of all lots that were granted: not those that came back. Only when all entries were read. */
  readonly sums: Figures | null;
  readonly lotsAmount: number | null;
};

const off = (name: string): string => `abs(${name}_after - (before_${name} + ${name}))`;

/**
 * Audits accounts within Postgres. `newest` limits how many entries are read back, so that an account of a million
 * entries costs no more than one of a hundred; null: all entries.
 */
export async function auditAccounts(db: Db, accountIds: readonly string[], newest: number | null): Promise<AuditRow[]> {
  if (accountIds.length === 0) return [];
  const { rows } = await db.raw<{ rows: AuditRow[] }>(
    `with asked as materialized (select * from accounts where account_id = any(:accountIds::text[])),
     newest as (
       select e.* from asked cross join lateral (
         select account_id, seq, ${AMOUNTS.join(', ')}, available_after, held_after, debt_after
           from entries where account_id = asked.account_id order by seq desc limit :newest::integer) as e),
     -- The first entry of all begins at nothing; what was before the oldest that is looked at is not known.
     steps as (
       select *, coalesce(lag(seq) over w, case when seq = 1 then 0 end) as before_seq,
              coalesce(lag(available_after) over w, case when seq = 1 then 0 end) as before_available,
              coalesce(lag(held_after) over w, case when seq = 1 then 0 end) as before_held,
              coalesce(lag(debt_after) over w, case when seq = 1 then 0 end) as before_debt
         from newest window w as (partition by account_id order by seq)),
     judged as (
       select *, seq <> before_seq + 1 as is_gap, greatest(${off('available')}, ${off('held')}, ${off('debt')}) as off_by from steps),
     told as (
       select account_id, max(seq) as last_seq, min(seq) as first_seq, count(*) as entries,
              count(*) filter (where is_gap) as gaps, min(seq) filter (where is_gap) as first_gap,
              count(*) filter (where off_by > 0 and not is_gap) as jumps, min(seq) filter (where off_by > 0 and not is_gap) as first_jump,
              coalesce(max(off_by) filter (where not is_gap), 0) as jump_micros,
              (array_agg(available_after order by seq desc))[1] as last_available, (array_agg(held_after
                order by seq desc))[1] as last_held,
              (array_agg(debt_after order by seq desc))[1] as last_debt,
              json_build_object(${AMOUNTS.map((name) => `'${name}', sum(${name})`).join(', ')}) as sums
         from judged group by account_id)
     select a.account_id as "accountId", a.seq, ${AMOUNTS.map((name) => `a.${name}`).join(', ')},
            t.last_seq as "lastSeq", t.first_seq as "firstSeq", coalesce(t.entries, 0) as entries,
            coalesce(t.gaps, 0) as gaps, t.first_gap as "firstGap", coalesce(t.jumps, 0) as jumps, t.first_jump as "firstJump",
            coalesce(t.jump_micros, 0) as "jumpMicros", coalesce(t.last_available, 0) as "lastAvailable",
            coalesce(t.last_held, 0) as "lastHeld", coalesce(t.last_debt, 0) as "lastDebt",
            coalesce(l.remaining, 0)::bigint as "lotsRemaining", coalesce(l.held, 0)::bigint as "lotsHeld", coalesce(h.amount,
              0)::bigint as "holdsAmount",
            case when :newest::integer is null then t.sums end as sums,
            case when :newest::integer is null then (select coalesce(sum(amount), 0)::bigint from lots
              where account_id = a.account_id and kind not in ('refund', 'give_back')) end as "lotsAmount"
       from asked a
       left join told t using (account_id)
       left join lateral (select sum(remaining) as remaining, sum(held) as held from lots
                           where account_id = a.account_id and closed_at is null) as l on true
       left join lateral (select sum(amount) as amount from holds where account_id = a.account_id and state = 'open') as h on true`,
    { accountIds: [...accountIds], newest },
  );
  return rows;
}

/** Sums over all accounts, as decimal text: they need not fit a double. `entries` only when asked for: it reads all of them. */
export type GlobalSums = Readonly<Record<AmountName, string>> & { readonly accounts: number };

export async function sumAccounts(db: Db): Promise<GlobalSums> {
  const { rows } = await db.raw<{ rows: GlobalSums[] }>(
    `select count(*) as accounts, ${AMOUNTS.map((name) => `coalesce(sum(${name}), 0)::text as ${name}`).join(', ')} from accounts`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('a sum is always one row');
  return row;
}

/** Sums of accounts and of entries in one snapshot. */
export async function sumAccountsAndEntries(db: Db): Promise<{ readonly accounts: GlobalSums; readonly entries: GlobalSums }> {
  const { rows } = await db.raw<{ rows: (GlobalSums & { what: 'accounts' | 'entries' })[] }>(
    ['accounts', 'entries'].map((table) =>
      `select '${table}' as what, count(*) as accounts, ${AMOUNTS.map((name) => `coalesce(sum(${name}), 0)::text as ${name}`)
        .join(', ')} from ${table}`).join(' union all '),
  );
  const [accounts, entries] = [rows.find(({ what }) => what === 'accounts'), rows.find(({ what }) => what === 'entries')];
  if (accounts === undefined || entries === undefined) throw new Error('a sum is always one row');
  return { accounts, entries };
}
