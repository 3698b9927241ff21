import type { Freshen } from '../../journal/freshen.js';
import type { Clock } from '../../kit/clock.js';
import { GatewayError, invalid } from '../../kit/errors.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import type { MoneyIn } from '../grants/money-in.js';
import { freshenIfPossible } from '../statement/list-transactions.js';
import { readRunningReset } from './period.table.js';
import { isSamePeriod, type AccountPlan, type Plan } from './plan.js';
import {
  deleteAccountPlan, deletePlan, isPlanInUse, putAccountPlan, readAccountPlan, readPlan, readPlans, upsertPlan,
} from './plan.table.js';
import { refillPlans } from './refill-plans.js';

export type PlanDeps = {
  readonly db: Db;
  readonly moneyIn: Pick<MoneyIn, 'grant' | 'revoke'>;
  readonly clock: Clock;
  readonly freshen: Pick<Freshen, 'account'>;
};

export const listPlans = ({ db }: Pick<PlanDeps, 'db'>): Promise<Plan[]> => readPlans(db).catch(rethrow);

/**
 * Makes a plan, or changes one. A new amount, name, mode or expiry holds from each account's next refill on.
 *
 * @throws GatewayError invalid_request, conflict (the period of a plan that somebody has), ledger_unavailable.
 */
export async function definePlan({ db }: Pick<PlanDeps, 'db'>, plan: Plan, actor: string): Promise<Plan> {
  if (plan.mode === 'reset' && plan.missed !== 'latest') {
    throw invalid('body.missed', 'a reset plan grants only the latest of missed periods');
  }
  return db.transaction(async (trx) => {
    const before = await readPlan(trx, plan.planId, 'update');
    if (before !== null && !isSamePeriod(before.period, plan.period) && await isPlanInUse(trx, plan.planId)) {
      throw new GatewayError('conflict', 'accounts have this plan, so its period cannot change; make another plan and assign that');
    }
    await upsertPlan(trx, plan, actor);
    return plan;
  }).catch(rethrow);
}

/** @throws GatewayError not_found, conflict (somebody has it), ledger_unavailable. */
export async function removePlan({ db }: Pick<PlanDeps, 'db'>, planId: string): Promise<void> {
  await db.transaction(async (trx) => {
    if (await readPlan(trx, planId, 'update') === null) throw unknownPlan(planId);
    if (await isPlanInUse(trx, planId)) throw new GatewayError('conflict', 'accounts have this plan; give them another one first');
    await deletePlan(trx, planId);
  }).catch(rethrow);
}

/**
 * Puts an account on a plan and grants the first period at once; where that cannot be done now, the schedule does it.
 * On the same plan already: nothing changes. An account is given one period at a time: while one runs that it was given,
 * of another plan or of this one before it was ended, the plan waits for its end. If that period and the plan are both
 * of the kind that resets, what is left of its refill goes when the first of the new plan comes.
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
  // The plan is assigned whatever becomes of this.
  await refillPlans(deps, accountId).catch((error: unknown) => {
    if (!(toGatewayError(error) instanceof GatewayError)) throw error;
  });
  // So that her balance tells of the plan and of its refill at once.
  await freshenIfPossible(deps.freshen, accountId);
  return planOf(deps, accountId);
}

/** The refill whose rest a plan that resets takes away when it begins. */
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
 * Ends an account's plan. What was granted stays, and a period that has begun is granted.
 *
 * @throws GatewayError not_found, ledger_unavailable.
 */
export async function endPlan({ db }: Pick<PlanDeps, 'db'>, accountId: string): Promise<void> {
  if (!await deleteAccountPlan(db, accountId).catch(rethrow)) throw withoutPlan();
}

const unknownPlan = (planId: string): GatewayError => new GatewayError('not_found', `there is no plan ${planId}`);
const withoutPlan = (): GatewayError => new GatewayError('not_found', 'the account has no plan');
const rethrow = (error: unknown): never => { throw toGatewayError(error); };
