import type { Micros } from '../../kit/money/micros.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';
import { COVERED_UNTIL } from './period.table.js';
import type { AccountPlan, Period, Plan, StoredPlan } from './plan.js';

type PlanColumns = Omit<StoredPlan, 'period'> & { readonly unit: Period['unit']; readonly seconds: number | null };

const PLAN = `p.plan_id as "planId", p.name, p.amount, p.period as unit, p.period_seconds as seconds, p.mode, p.missed,
  p.expires_after_seconds as "expiresAfterSeconds", p.version`;
const ACCOUNT_PLAN = `a.account_id as "accountId", a.plan_id as "planId", ${toMs(
  'a.anchor_at',
)} as "anchorMs", a.next_period as "nextPeriod",
  a.last_intent_id as "lastIntentId", ${toMs('a.last_refill_at')} as "lastRefillAtMs", a.problem`;
const at = (name: string): string => `to_timestamp(:${name}::double precision / 1000)`;

const toPlan = ({ planId, name, amount, unit, seconds, mode, missed, expiresAfterSeconds, version }: PlanColumns): StoredPlan => ({
  planId, name, amount: amount satisfies Micros, mode, missed, expiresAfterSeconds, version,
  period: unit === 'seconds' ? { unit, seconds: seconds ?? 0 } : { unit },
});

export async function readPlans(db: Db): Promise<StoredPlan[]> {
  const { rows } = await db.raw<{ rows: PlanColumns[] }>(`select ${PLAN} from plans p order by p.plan_id`);
  return rows.map(toPlan);
}

/** With `lock`, no other transaction can assign or change the plan until this one ends. */
export async function readPlan(db: Db, planId: string, lock: 'none' | 'share' | 'update' = 'none'): Promise<StoredPlan | null> {
  const { rows } = await db.raw<{
    rows: PlanColumns[];
  }>(`select ${PLAN} from plans p where p.plan_id = ? ${lock === 'none' ? '' : `for ${lock}`}`, [planId]);
  return rows[0] === undefined ? null : toPlan(rows[0]);
}

export async function isPlanInUse(db: Db, planId: string): Promise<boolean> {
  const { rows } = await db.raw<{ rows: object[] }>('select 1 from account_plans where plan_id = ? limit 1', [planId]);
  return rows.length > 0;
}

/** Lets one request at a time define a plan, which may not be there yet, until its transaction ends. */
export async function lockPlanId(trx: Trx, planId: string): Promise<void> {
  await trx.raw(`select pg_advisory_xact_lock(hashtextextended('plans ' || ?, 0))`, [planId]);
}

/** How many accounts have each plan that any account has. */
export async function countAccountsOfPlans(db: Db): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.raw<{ rows: { planId: string; count: number }[] }>(
    'select plan_id as "planId", count(*)::integer as count from account_plans group by plan_id',
  );
  return new Map(rows.map(({ planId, count }) => [planId, count]));
}

export async function upsertPlan(db: Db, plan: Plan, actor: string): Promise<StoredPlan> {
  const { period, ...rest } = plan;
  const { rows } = await db.raw<{ rows: { version: number }[] }>(
    `insert into plans (plan_id, name, amount, period, period_seconds, mode, missed, expires_after_seconds, updated_by)
     values (:planId, :name, :amount, :unit, :seconds, :mode, :missed, :expiresAfterSeconds, :actor)
     on conflict (plan_id) do update set name = excluded.name, amount = excluded.amount, period = excluded.period,
       period_seconds = excluded.period_seconds, mode = excluded.mode, missed = excluded.missed,
       expires_after_seconds = excluded.expires_after_seconds, updated_by = excluded.updated_by, updated_at = now()
     returning version`,
    { ...rest, actor, unit: period.unit, seconds: period.unit === 'seconds' ? period.seconds : null },
  );
  if (rows[0] === undefined) throw new Error('a written plan was not returned');
  return { ...plan, version: rows[0].version };
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

/**
 * Assigns a plan to an account, starting with period 0. It starts now or, while a granted period of the account runs, at
 * its end. `lastIntentId`: the refill whose rest the first refill removes.
 */
export async function putAccountPlan(
  db: Db, row: {
    readonly accountId: string;
    readonly planId: string;
    readonly nowMs: number;
    readonly lastIntentId: number | null;
    readonly actor: string;
  },
): Promise<void> {
  await db.raw(
    `insert into account_plans (account_id, plan_id, anchor_at, due_at, last_intent_id, assigned_by)
     select :accountId, :planId, begins.at, begins.at, :lastIntentId::bigint, :actor
       from (select greatest(${at('nowMs')}, ${COVERED_UNTIL}) as at) as begins
     on conflict (account_id) do update set plan_id = excluded.plan_id, anchor_at = excluded.anchor_at, next_period = 0,
       due_at = excluded.due_at, last_intent_id = excluded.last_intent_id, problem = null, assigned_by = excluded.assigned_by`,
    row,
  );
}

/** Moves the start of an account's plan to the end of the last granted period. */
export async function moveAccountPlan(db: Db, accountId: string): Promise<void> {
  await db.raw(
    `update account_plans set anchor_at = covered.until, due_at = covered.until, next_period = 0
       from (select ${COVERED_UNTIL} as until) as covered where account_id = :accountId and covered.until is not null`,
    { accountId },
  );
}

export async function deleteAccountPlan(db: Db, accountId: string): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>('delete from account_plans where account_id = ?', [accountId]);
  return rowCount === 1;
}

/** SQL: accounts with a period of their plan that has started by `:nowMs` and is not opened. */
export const DUE_ACCOUNTS = `from account_plans where due_at <= ${at('nowMs')}`;

/** Accounts for which a period has started, longest waiting first; or one account, if it is due. */
export async function readDueAccounts(
  db: Db, { nowMs, limit, accountId }: { readonly nowMs: number; readonly limit: number; readonly accountId: string | null },
): Promise<string[]> {
  const { rows } = await db.raw<{ rows: { accountId: string }[] }>(
    `select account_id as "accountId" ${DUE_ACCOUNTS} and (:accountId::text is null or account_id = :accountId)
      order by due_at limit :limit::integer`,
    { nowMs, limit, accountId },
  );
  return rows.map((row) => row.accountId);
}

/** A due account and its plan, locked until the transaction ends. Null: no longer due, or locked by another worker. */
export async function lockDueAccount(
  trx: Trx, accountId: string, nowMs: number,
): Promise<{ readonly plan: Plan; readonly account: AccountPlan } | null> {
  const { rows } = await trx.raw<{ rows: (PlanColumns & AccountPlan)[] }>(
    `select ${ACCOUNT_PLAN}, ${PLAN} from account_plans a join plans p using (plan_id)
      where a.account_id = :accountId and a.due_at <= ${at('nowMs')} for update of a skip locked`,
    { accountId, nowMs },
  );
  if (rows[0] === undefined) return null;
  const { anchorMs, nextPeriod, lastIntentId, lastRefillAtMs, problem, ...plan } = rows[0];
  return { plan: toPlan(plan), account: { accountId, planId: plan.planId, anchorMs, nextPeriod, lastIntentId, lastRefillAtMs, problem } };
}

/** Records the number and the start of the next period of an account. */
export async function setNextPeriod(
  trx: Trx, row: { readonly accountId: string; readonly nextPeriod: number; readonly dueMs: number },
): Promise<void> {
  await trx.raw(`update account_plans set next_period = :nextPeriod, due_at = ${at('dueMs')} where account_id = :accountId`, row);
}
