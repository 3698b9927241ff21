import type { Micros } from '../money/micros.js';
import type { Db } from '../postgres/connect.js';
import { toMs } from '../postgres/unnest.js';
import type { AccountPlan, Period, Plan } from './plan.js';

type PlanColumns = Omit<Plan, 'period'> & { readonly unit: Period['unit']; readonly seconds: number | null };
type DueColumns = PlanColumns & AccountPlan;

const PLAN = `p.plan_id as "planId", p.name, p.amount, p.period as unit, p.period_seconds as seconds, p.mode, p.missed,
  p.expires_after_seconds as "expiresAfterSeconds"`;
const ACCOUNT_PLAN = `a.account_id as "accountId", a.plan_id as "planId", ${toMs('a.anchor_at')} as "anchorMs", a.next_period as "nextPeriod",
  a.last_intent_id as "lastIntentId", ${toMs('a.last_refill_at')} as "lastRefillAtMs", a.problem`;
const at = (name: string): string => `to_timestamp(:${name}::double precision / 1000)`;

const toPlan = ({ planId, name, amount, unit, seconds, mode, missed, expiresAfterSeconds }: PlanColumns): Plan => ({
  planId, name, amount: amount satisfies Micros, mode, missed, expiresAfterSeconds,
  period: unit === 'seconds' ? { unit, seconds: seconds ?? 0 } : { unit },
});

export async function readPlans(db: Db): Promise<Plan[]> {
  const { rows } = await db.raw<{ rows: PlanColumns[] }>(`select ${PLAN} from plans p order by p.plan_id`);
  return rows.map(toPlan);
}

/** With `lock`, nobody assigns or changes it until the transaction ends. */
export async function readPlan(db: Db, planId: string, lock: 'none' | 'share' | 'update' = 'none'): Promise<Plan | null> {
  const { rows } = await db.raw<{ rows: PlanColumns[] }>(`select ${PLAN} from plans p where p.plan_id = ? ${lock === 'none' ? '' : `for ${lock}`}`, [planId]);
  return rows[0] === undefined ? null : toPlan(rows[0]);
}

export async function isPlanInUse(db: Db, planId: string): Promise<boolean> {
  const { rows } = await db.raw<{ rows: object[] }>('select 1 from account_plans where plan_id = ? limit 1', [planId]);
  return rows.length > 0;
}

export async function upsertPlan(db: Db, plan: Plan, actor: string): Promise<void> {
  const { period, ...rest } = plan;
  await db.raw(
    `insert into plans (plan_id, name, amount, period, period_seconds, mode, missed, expires_after_seconds, updated_by)
     values (:planId, :name, :amount, :unit, :seconds, :mode, :missed, :expiresAfterSeconds, :actor)
     on conflict (plan_id) do update set name = excluded.name, amount = excluded.amount, period = excluded.period,
       period_seconds = excluded.period_seconds, mode = excluded.mode, missed = excluded.missed,
       expires_after_seconds = excluded.expires_after_seconds, updated_by = excluded.updated_by, updated_at = now()`,
    { ...rest, actor, unit: period.unit, seconds: period.unit === 'seconds' ? period.seconds : null },
  );
}

export async function deletePlan(db: Db, planId: string): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>('delete from plans where plan_id = ?', [planId]);
  return rowCount === 1;
}

export async function readAccountPlan(db: Db, accountId: string, lock: 'none' | 'update' = 'none'): Promise<AccountPlan | null> {
  const { rows } = await db.raw<{ rows: AccountPlan[] }>(
    `select ${ACCOUNT_PLAN} from account_plans a where a.account_id = ? ${lock === 'none' ? '' : 'for update'}`, [accountId],
  );
  return rows[0] ?? null;
}

/** Puts an account on a plan, from period 0 on, which is due now. `lastIntentId`: a lot that its first reset takes away. */
export async function putAccountPlan(
  db: Db, row: { readonly accountId: string; readonly planId: string; readonly anchorMs: number; readonly lastIntentId: number | null; readonly actor: string },
): Promise<void> {
  await db.raw(
    `insert into account_plans (account_id, plan_id, anchor_at, due_at, last_intent_id, assigned_by)
     values (:accountId, :planId, ${at('anchorMs')}, ${at('anchorMs')}, :lastIntentId, :actor)
     on conflict (account_id) do update set plan_id = excluded.plan_id, anchor_at = excluded.anchor_at, next_period = 0,
       due_at = excluded.due_at, last_intent_id = excluded.last_intent_id, problem = null, assigned_by = excluded.assigned_by`,
    row,
  );
}

export async function deleteAccountPlan(db: Db, accountId: string): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>('delete from account_plans where account_id = ?', [accountId]);
  return rowCount === 1;
}

export type DueRefill = { readonly plan: Plan; readonly account: AccountPlan };

/**
 * Accounts that a refill is due for, those that have waited longest first; or one account, due or not. They are put off
 * in the same statement, so that workers share them out, and what a worker leaves undone comes up again later.
 */
export async function claimDue(
  db: Db, { nowMs, againAtMs, limit, accountId = null }: { readonly nowMs: number; readonly againAtMs: number; readonly limit: number; readonly accountId?: string | null },
): Promise<DueRefill[]> {
  const { rows } = await db.raw<{ rows: DueColumns[] }>(
    `with due as (
       select account_id, due_at from account_plans
        where due_at <= ${at('nowMs')} and (:accountId::text is null or account_id = :accountId)
        order by due_at limit :limit::integer for update skip locked)
     update account_plans a set due_at = ${at('againAtMs')}
       from due, plans p where a.account_id = due.account_id and p.plan_id = a.plan_id
     returning ${ACCOUNT_PLAN}, ${PLAN}`,
    { nowMs, againAtMs, limit, accountId },
  );
  return rows.map((row) => ({
    plan: toPlan(row),
    account: {
      accountId: row.accountId, planId: row.planId, anchorMs: row.anchorMs, nextPeriod: row.nextPeriod,
      lastIntentId: row.lastIntentId, lastRefillAtMs: row.lastRefillAtMs, problem: row.problem,
    },
  }));
}

type Refilled = Pick<AccountPlan, 'accountId' | 'planId' | 'anchorMs' | 'nextPeriod'> & {
  readonly intentId: number;
  readonly refilledAtMs: number;
  readonly following: number;
  readonly dueMs: number;
};

/** Notes that a period was granted, by compare-and-set. False: another worker has noted it, or the plan was changed. */
export async function noteRefill(db: Db, row: Refilled): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `update account_plans set next_period = :following, due_at = ${at('dueMs')}, last_intent_id = :intentId,
            last_refill_at = ${at('refilledAtMs')}, problem = null
      where account_id = :accountId and plan_id = :planId and anchor_at = ${at('anchorMs')} and next_period = :nextPeriod`,
    row,
  );
  return rowCount === 1;
}

export async function noteProblem(db: Db, { accountId, problem, againAtMs }: { readonly accountId: string; readonly problem: string; readonly againAtMs: number }): Promise<void> {
  await db.raw(`update account_plans set problem = :problem, due_at = ${at('againAtMs')} where account_id = :accountId`, { accountId, problem, againAtMs });
}
