import type { Clock } from '../clock.js';
import { fingerprint } from '../ids.js';
import type { MoneyIn, MoneyInResult } from '../lots/money-in.js';
import { lotIdOf, readIntent } from '../lots/money-in.table.js';
import type { Db } from '../postgres/connect.js';
import { TransactionReason, TransactionType, writeTransactionAbout } from '../transactions/transaction.js';
import { periodAt, periodStart, type AccountPlan, type Plan } from './plan.js';
import { claimDue, noteProblem, noteRefill, type DueRefill } from './plan.table.js';

export type RefillDeps = { readonly db: Db; readonly moneyIn: Pick<MoneyIn, 'grant' | 'revoke'>; readonly clock: Clock };

export type RefillReport = { readonly refilled: number; readonly postponed: number };

/** Accounts of one run: each takes a few statements, and the next run is seconds away. */
const ACCOUNTS_PER_RUN_MAX = 100;
/** Missed periods that one account catches up with in one run. */
const PERIODS_PER_RUN_MAX = 50;
/** What a worker that died has claimed comes up again after this. */
const CLAIM_MS = 60_000;
/** A refill that was refused, for a frozen account or one with too many lots, is tried again after this. */
const RETRY_MS = 60_000;

/** Who is named as the actor of what a plan does. */
const ACTOR = 'system-plan';

/**
 * Grants what is due: to all accounts, or to one. May run twice and at once, and may die anywhere: a period is granted
 * under a name of its own in Postgres (`plan/<account>/<plan>/<start>`), for ever, and noted by compare-and-set.
 *
 * @throws GatewayError ledger_unavailable, or pg's error: what was not done comes up again.
 */
export async function refillPlans(deps: RefillDeps, accountId: string | null = null): Promise<RefillReport> {
  const nowMs = deps.clock();
  const due = await claimDue(deps.db, { nowMs, againAtMs: nowMs + CLAIM_MS, limit: ACCOUNTS_PER_RUN_MAX, accountId });
  const report = { refilled: 0, postponed: 0 };
  for (const each of due) {
    const outcome = await refillAccount(deps, each, nowMs);
    report.refilled += outcome.periods;
    if (outcome.problem === null) continue;
    report.postponed += 1;
    await noteProblem(deps.db, { accountId: each.account.accountId, problem: outcome.problem, againAtMs: nowMs + RETRY_MS });
  }
  return report;
}

/** Brings one account up to date. Periods that the plan's policy does not grant are passed over. */
async function refillAccount(deps: RefillDeps, { plan, account }: DueRefill, nowMs: number): Promise<{ readonly periods: number; readonly problem: string | null }> {
  const { anchorMs } = account;
  const running = periodAt(anchorMs, plan.period, nowMs);
  let { nextPeriod, lastIntentId } = account;
  let periods = 0;
  while (nextPeriod <= running && periods < PERIODS_PER_RUN_MAX) {
    const granted = plan.missed === 'each' ? nextPeriod : running;
    const problem = await clearForReset(deps, plan, account.accountId, lastIntentId);
    if (problem !== null) return { periods, problem };
    const result = await grantPeriod(deps, plan, account, granted, nowMs);
    if (result.status === 'refused') return { periods, problem: result.reason };
    const { intentId } = result;
    const dueMs = periodStart(anchorMs, plan.period, granted + 1);
    const noted = await noteRefill(deps.db, { ...account, nextPeriod, intentId, refilledAtMs: nowMs, following: granted + 1, dueMs });
    // Granted all the same, once, by whoever was faster.
    if (!noted) return { periods, problem: null };
    periods += 1;
    nextPeriod = granted + 1;
    lastIntentId = intentId;
  }
  return { periods, problem: null };
}

/**
 * Takes away what is left of the refill before, where the plan says so. Purchased credits and bonuses are in lots of
 * their own and stay. Answers what stands in the way, or null.
 */
async function clearForReset({ db, moneyIn }: RefillDeps, plan: Plan, accountId: string, lastIntentId: number | null): Promise<string | null> {
  if (plan.mode !== 'reset' || lastIntentId === null) return null;
  const last = await readIntent(db, lastIntentId);
  if (last === null || last.state === 'refused') return null;
  // Not in Redis yet, so it could not be taken away, and would come on top of the next one.
  if (last.reply === null && last.appliedSeq === null) return 'the refill before is still pending';
  const lotId = lotIdOf(lastIntentId);
  const result = await moneyIn.revoke({
    accountId, lotId, retriesRefused: true,
    idempotency: { scope: 'plan-reset', key: lotId },
    fingerprint: fingerprint('plan-reset', accountId, lotId),
    about: writeTransactionAbout(
      { type: TransactionType.ADJUSTMENT, reason: TransactionReason.SUBSCRIPTION_REFILL, description: `${plan.name}: unused credits of the period before`, metadata: { plan: plan.planId } },
      { source: 'plan', actor: ACTOR, reason: 'reset' },
    ),
  });
  switch (result.status) {
    case 'applied': return null;
    case 'pending': return 'the reset is still pending';
    // Used up, or ended by itself.
    case 'refused': return result.reason === 'lot_not_found' ? null : result.reason;
  }
}

/** The first refill of a plan is the subscription itself, the others are its refills. */
function grantPeriod({ moneyIn }: RefillDeps, plan: Plan, { accountId, anchorMs }: AccountPlan, period: number, nowMs: number): Promise<MoneyInResult> {
  const startsAt = new Date(periodStart(anchorMs, plan.period, period)).toISOString();
  return moneyIn.grant({
    accountId, amount: plan.amount, retriesRefused: true,
    expiresAtMs: plan.expiresAfterSeconds === null ? null : nowMs + plan.expiresAfterSeconds * 1_000,
    idempotency: { scope: 'plan', key: `plan/${accountId}/${plan.planId}/${startsAt}` },
    // Not of the amount: a plan that was changed between two attempts still means the same refill.
    fingerprint: fingerprint('plan', accountId, plan.planId, startsAt),
    about: writeTransactionAbout(
      {
        type: period === 0 ? TransactionType.SUBSCRIPTION : TransactionType.REFILL, reason: TransactionReason.SUBSCRIPTION_REFILL,
        description: plan.name, metadata: { plan: plan.planId, periodStart: startsAt },
      },
      { source: 'plan', actor: ACTOR, reason: 'refill' },
    ),
  });
}
