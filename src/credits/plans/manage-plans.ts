import type { Freshen } from '../../journal/freshen.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import { unconditional, type Precondition } from '../../kit/precondition.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { rethrow, toGatewayError } from '../../stores/postgres/errors.js';
import type { MoneyIn } from '../grants/money-in.js';
import { freshenIfPossible } from '../statement/list-transactions.js';
import { readRunningReset } from './period.table.js';
import { isSamePeriod, isSamePlan, type AccountPlan, type Plan, type StoredPlan } from './plan.js';
import {
  deleteAccountPlan, deletePlan, isPlanInUse, lockPlanId, putAccountPlan, readAccountPlan, readPlan, readPlans, upsertPlan,
} from './plan.table.js';
import { refillPlans } from './refill-plans.js';

export type PlanDeps = {
  readonly db: Db;
  readonly moneyIn: Pick<MoneyIn, 'grant' | 'revoke'>;
  readonly clock: Clock;
  readonly freshen: Pick<Freshen, 'account'>;
};

export const listPlans = ({ db }: Pick<PlanDeps, 'db'>): Promise<StoredPlan[]> => readPlans(db).catch(rethrow);

/** @throws GatewayError not_found, ledger_unavailable. */
export async function showPlan({ db }: Pick<PlanDeps, 'db'>, planId: string): Promise<StoredPlan> {
  const plan = await readPlan(db, planId).catch(rethrow);
  if (plan === null) throw unknownPlan(planId);
  return plan;
}

/**
 * Creates or changes a plan. A new amount, name, mode or expiry applies from the next refill of each account on. The same plan
 * again changes nothing.
 *
 * @throws GatewayError invalid_request, conflict (a new period for a plan that accounts have), what `check` throws,
 *   ledger_unavailable.
 */
export async function definePlan(
  { db }: Pick<PlanDeps, 'db'>, plan: Plan, actor: string, check: Precondition = unconditional,
): Promise<StoredPlan> {
  if (plan.mode === 'reset' && plan.missed !== 'latest') {
    throw invalid('body.missed', 'a reset plan grants only the latest of missed periods');
  }
  return db.transaction(async (trx) => {
    await lockPlanId(trx, plan.planId);
    const before = await readPlan(trx, plan.planId, 'update');
    check(before?.version ?? null);
    if (before !== null && isSamePlan(before, plan)) return before;
    if (before !== null && !isSamePeriod(before.period, plan.period) && await isPlanInUse(trx, plan.planId)) {
      throw new GatewayError('conflict', 'accounts have this plan, so its period cannot change; create another plan and assign it');
    }
    return upsertPlan(trx, plan, actor);
  }).catch(rethrow);
}

/** Removes a plan. @throws GatewayError not_found, conflict (accounts have it), what `check` throws, ledger_unavailable. */
export async function removePlan({ db }: Pick<PlanDeps, 'db'>, planId: string, check: Precondition = unconditional): Promise<void> {
  await db.transaction(async (trx) => {
    const before = await readPlan(trx, planId, 'update');
    check(before?.version ?? null);
    if (before === null) throw unknownPlan(planId);
    if (await isPlanInUse(trx, planId)) throw new GatewayError('conflict', 'accounts have this plan; assign another plan to them first');
    await deletePlan(trx, planId);
  }).catch(rethrow);
}

/**
 * Assigns a plan to an account and grants the first period at once. If that grant fails, the scheduled job does it. An
 * account that already has this plan is unchanged. An account gets one period at a time: while a granted period runs, of
 * another plan or of an earlier assignment of this plan, the new assignment starts at its end. If the plans of both periods
 * reset, the first refill of the new plan removes the rest of the last refill of the old one.
 *
 * @throws GatewayError not_found (there is no such plan), ledger_unavailable.
 */
export async function assignPlan(
  deps: PlanDeps, command: { readonly accountId: string; readonly planId: string; readonly actor: string },
): Promise<AccountPlan> {
  const { db, clock } = deps;
  const { accountId, planId, actor } = command;
  await db.transaction(async (trx) => {
    const plan = await readPlan(trx, planId, 'share');
    if (plan === null) throw unknownPlan(planId);
    const before = await readAccountPlan(trx, accountId, 'update');
    if (before?.planId === planId) return;
    const nowMs = clock();
    const lastIntentId = plan.mode === 'reset' ? await leftToReset(trx, accountId, before, nowMs) : null;
    await putAccountPlan(trx, { accountId, planId, nowMs, lastIntentId, actor });
  }).catch(rethrow);
  // The assignment is committed, even if this grant fails.
  await refillPlans(deps, accountId).catch((error: unknown) => {
    if (!(toGatewayError(error) instanceof GatewayError)) throw error;
  });
  // The balance shows the plan and its refill at once.
  await freshenIfPossible(deps.freshen, accountId);
  return planOf(deps, accountId);
}

/** The refill whose rest a resetting plan removes when it starts. */
async function leftToReset(trx: Trx, accountId: string, before: AccountPlan | null, nowMs: number): Promise<number | null> {
  const running = await readRunningReset(trx, accountId, nowMs);
  if (running !== null || before === null) return running;
  return (await readPlan(trx, before.planId))?.mode === 'reset' ? before.lastIntentId : null;
}

/** @throws GatewayError not_found (the account has no plan), ledger_unavailable. */
export async function planOf({ db }: Pick<PlanDeps, 'db'>, accountId: string): Promise<AccountPlan> {
  const found = await readAccountPlan(db, accountId).catch(rethrow);
  if (found === null) throw withoutPlan();
  return found;
}

/**
 * Ends the plan of an account. Granted credits stay, and a period that has started is still granted.
 *
 * @throws GatewayError not_found, ledger_unavailable.
 */
export async function endPlan({ db }: Pick<PlanDeps, 'db'>, accountId: string): Promise<void> {
  if (!await deleteAccountPlan(db, accountId).catch(rethrow)) throw withoutPlan();
}

const unknownPlan = (planId: string): GatewayError => new GatewayError('not_found', `there is no plan ${planId}`);
const withoutPlan = (): GatewayError => new GatewayError('not_found', 'the account has no plan');
