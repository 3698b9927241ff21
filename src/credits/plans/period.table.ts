import type { Db, Trx } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';
import type { Plan } from './plan.js';

/** A period of an account's plan, with the terms that the plan had when the period was opened. */
export type PlanPeriod = Pick<Plan, 'planId' | 'name' | 'amount' | 'mode' | 'expiresAfterSeconds'> & {
  readonly accountId: string;
  /** The assignment under which the period was opened, and the number of the period in it. */
  readonly anchorMs: number;
  readonly nth: number;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
};

/** A period that is not granted yet. `lastIntentId`: the previous refill under the same assignment. */
export type OpenPeriod = PlanPeriod & { readonly lastIntentId: number | null };

const at = (name: string): string => `to_timestamp(:${name}::double precision / 1000)`;

/** SQL: the end of the last period of account `:accountId`; null when it had none. */
export const COVERED_UNTIL = `(select ends_at from plan_periods where account_id = :accountId order by after_at desc limit 1)`;

/**
 * Opens a period, unless the account has a period that ends later than this one starts. The primary key allows only one
 * successor of a period. `before`: this period of this plan was opened earlier. `covered`: another period overlaps it.
 */
export async function openPeriod(trx: Trx, period: PlanPeriod): Promise<'opened' | 'before' | 'covered'> {
  const { rowCount } = await trx.raw<{ rowCount: number }>(
    `insert into plan_periods (account_id, after_at, starts_at, ends_at, plan_id, anchor_at, nth, name, amount, mode,
                               expires_after_seconds, due_at)
     select :accountId, chain.until, ${at('startsAtMs')}, ${at('endsAtMs')}, :planId, ${at('anchorMs')}, :nth::bigint, :name,
            :amount::bigint, :mode, :expiresAfterSeconds::bigint, ${at('startsAtMs')}
       from (select coalesce(${COVERED_UNTIL}, '-infinity') as until) as chain
      where chain.until <= ${at('startsAtMs')}
     on conflict (account_id, after_at) do nothing`,
    { ...period },
  );
  if (rowCount === 1) return 'opened';
  const { rows } = await trx.raw<{ rows: object[] }>(
    `select from plan_periods where account_id = :accountId and plan_id = :planId and starts_at = ${at('startsAtMs')}`, { ...period },
  );
  return rows.length === 1 ? 'before' : 'covered';
}

/** Drops older periods of the same assignment that were not granted. */
export async function passOverOlder(trx: Trx, period: PlanPeriod): Promise<void> {
  await trx.raw(
    `update plan_periods set state = 'passed'
      where account_id = :accountId and plan_id = :planId and anchor_at = ${at('anchorMs')} and state = 'open'
        and starts_at < ${at('startsAtMs')}`,
    { ...period },
  );
}

/** SQL: periods that are opened, not granted, and due by `:nowMs`. */
export const DUE_PERIODS = `from plan_periods where state = 'open' and due_at <= ${at('nowMs')}`;

/**
 * Open periods that are due, longest waiting first, of all accounts or of one. The same statement postpones them, so that
 * two workers do not take the same one, and periods that a worker did not finish become due again later.
 */
export async function claimOpenPeriods(
  db: Db,
  { nowMs, againAtMs, limit, accountId }: {
    readonly nowMs: number;
    readonly againAtMs: number;
    readonly limit: number;
    readonly accountId: string | null;
  },
): Promise<OpenPeriod[]> {
  const { rows } = await db.raw<{ rows: OpenPeriod[] }>(
    `with due as (
       select account_id, after_at ${DUE_PERIODS} and (:accountId::text is null or account_id = :accountId)
        order by due_at limit :limit::integer for update skip locked)
     update plan_periods p set due_at = ${at('againAtMs')}
       from due left join account_plans a on a.account_id = due.account_id
      where p.account_id = due.account_id and p.after_at = due.after_at
     returning p.account_id as "accountId", p.plan_id as "planId", p.name, p.amount, p.mode,
       p.expires_after_seconds as "expiresAfterSeconds", p.nth,
       ${toMs('p.anchor_at')} as "anchorMs", ${toMs('p.starts_at')} as "startsAtMs", ${toMs('p.ends_at')} as "endsAtMs",
       case when a.plan_id = p.plan_id and a.anchor_at = p.anchor_at then a.last_intent_id end as "lastIntentId"`,
    { nowMs, againAtMs, limit, accountId },
  );
  return rows.toSorted((a, b) => a.startsAtMs - b.startsAtMs);
}

const OF_ASSIGNMENT = `account_id = :accountId and plan_id = :planId and anchor_at = ${at('anchorMs')}`;

/** Records that a period was granted, also in the assignment if it still exists. False: another worker recorded it before. */
export async function noteGranted(db: Db, row: PlanPeriod & { readonly intentId: number; readonly grantedAtMs: number }): Promise<boolean> {
  const { rows } = await db.raw<{ rows: object[] }>(
    `with granted as (
       update plan_periods set state = 'granted', intent_id = :intentId
        where account_id = :accountId and starts_at = ${at('startsAtMs')} and state <> 'granted' returning account_id),
     noted as (
       update account_plans set last_intent_id = :intentId, last_refill_at = ${at('grantedAtMs')}, problem = null
        where ${OF_ASSIGNMENT} and exists (select from granted))
     select from granted`,
    { ...row },
  );
  return rows.length === 1;
}

/** Records why a period could not be granted, and when to try again. */
export async function noteProblem(db: Db, row: PlanPeriod & { readonly problem: string; readonly againAtMs: number }): Promise<void> {
  await db.raw(
    `with postponed as (
       update plan_periods set due_at = ${at('againAtMs')}
        where account_id = :accountId and starts_at = ${at('startsAtMs')} and state = 'open')
     update account_plans set problem = :problem where ${OF_ASSIGNMENT}`,
    { ...row },
  );
}

/** The refill of a resetting plan whose period still runs. The first refill of the next resetting plan removes its rest. */
export async function readRunningReset(db: Db, accountId: string, nowMs: number): Promise<number | null> {
  const { rows } = await db.raw<{ rows: { intentId: number | null }[] }>(
    `select intent_id as "intentId" from plan_periods
      where account_id = :accountId and mode = 'reset' and state = 'granted' and ends_at > ${at('nowMs')} order by after_at desc limit 1`,
    { accountId, nowMs },
  );
  return rows[0]?.intentId ?? null;
}
