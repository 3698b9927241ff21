import { lotIdOf, readIntent } from '../../books/money-in.table.js';
import { TransactionReason, TransactionType, writeTransactionAbout } from '../../books/transaction.js';
import type { Clock } from '../../kit/clock.js';
import { fingerprint } from '../../kit/ids.js';
import type { Db } from '../../stores/postgres/connect.js';
import type { MoneyIn, MoneyInResult } from '../grants/money-in.js';
import { claimOpenPeriods, noteGranted, noteProblem, openPeriod, passOverOlder, type OpenPeriod, type PlanPeriod } from './period.table.js';
import { periodAt, periodStart, type AccountPlan, type Plan } from './plan.js';
import { lockDueAccount, moveAccountPlan, readDueAccounts, setNextPeriod } from './plan.table.js';

export type RefillDeps = { readonly db: Db; readonly moneyIn: Pick<MoneyIn, 'grant' | 'revoke'>; readonly clock: Clock };

export type RefillReport = { readonly refilled: number; readonly postponed: number };

/** Accounts whose periods one run opens, and periods that it grants: each takes a few statements, and the next run is seconds away. */
const ACCOUNTS_PER_RUN_MAX = 100;
const GRANTS_PER_RUN_MAX = 200;
/** Missed periods that one account catches up with in one run. */
const PERIODS_PER_RUN_MAX = 50;
/** What a worker that died has claimed comes up again after this. */
const CLAIM_MS = 60_000;
/** A refill that was refused, for a frozen account or one with too many lots, is tried again after this. */
const RETRY_MS = 60_000;

/** Who is named as the actor of what a plan does. */
const ACTOR = 'system-plan';

/**
 * Grants what is due: to all accounts, or to one. A period that has begun is first opened in Postgres, where the primary
 * key lets an account have one period at a time whatever happens to its plan; then its credits are granted under a name
 * of its own (`plan/<account>/<plan>/<start>`), for ever. So this may run twice and at once, and may die anywhere.
 * A period that was opened is granted even if the account's plan is changed or ended meanwhile.
 *
 * @throws GatewayError ledger_unavailable, or pg's error: what was not done comes up again.
 */
export async function refillPlans(deps: RefillDeps, accountId: string | null = null): Promise<RefillReport> {
  const { db } = deps;
  const nowMs = deps.clock();
  for (const due of await readDueAccounts(db, { nowMs, limit: ACCOUNTS_PER_RUN_MAX, accountId })) await openDuePeriods(db, due, nowMs);
  const report = { refilled: 0, postponed: 0 };
  for (const period of await claimOpenPeriods(db, { nowMs, againAtMs: nowMs + CLAIM_MS, limit: GRANTS_PER_RUN_MAX, accountId })) {
    const outcome = await refill(deps, period, nowMs);
    if (outcome === 'granted') report.refilled += 1;
    if (typeof outcome === 'string') continue;
    report.postponed += 1;
    await noteProblem(db, { ...period, problem: outcome.problem, againAtMs: nowMs + RETRY_MS });
  }
  return report;
}

/** Opens what has begun of an account's plan. Periods that the plan's policy does not grant are passed over. */
async function openDuePeriods(db: Db, accountId: string, nowMs: number): Promise<void> {
  await db.transaction(async (trx) => {
    const due = await lockDueAccount(trx, accountId, nowMs);
    if (due === null) return;
    const { plan, account } = due;
    const running = periodAt(account.anchorMs, plan.period, nowMs);
    let { nextPeriod } = account;
    for (let opened = 0; nextPeriod <= running && opened < PERIODS_PER_RUN_MAX; opened += 1) {
      const period = periodOf(plan, account, plan.missed === 'each' ? nextPeriod : running);
      if (await openPeriod(trx, period) === 'covered') {
        // The account was given another period meanwhile: this plan begins after it.
        await moveAccountPlan(trx, accountId);
        return;
      }
      if (plan.missed === 'latest') await passOverOlder(trx, period);
      nextPeriod = period.nth + 1;
    }
    await setNextPeriod(trx, { accountId, nextPeriod, dueMs: periodStart(account.anchorMs, plan.period, nextPeriod) });
  });
}

const periodOf = ({
  planId, name, amount, mode, expiresAfterSeconds, period,
}: Plan, { accountId, anchorMs }: AccountPlan, nth: number): PlanPeriod => ({
  accountId, planId, name, amount, mode, expiresAfterSeconds, anchorMs, nth,
  startsAtMs: periodStart(anchorMs, period, nth), endsAtMs: periodStart(anchorMs, period, nth + 1),
});

/** Grants one period. `noted`: so has another worker, which was faster. */
async function refill(deps: RefillDeps, period: OpenPeriod, nowMs: number): Promise<'granted' | 'noted' | { readonly problem: string }> {
  const problem = await clearForReset(deps, period);
  if (problem !== null) return { problem };
  const result = await grantPeriod(deps, period, nowMs);
  if (result.status === 'refused') return { problem: result.reason };
  return await noteGranted(deps.db, { ...period, intentId: result.intentId, grantedAtMs: nowMs }) ? 'granted' : 'noted';
}

/**
 * Takes away what is left of the refill before, where the plan says so. Purchased credits and bonuses are in lots of
 * their own and stay. Answers what stands in the way, or null.
 */
async function clearForReset(
  { db, moneyIn }: RefillDeps, { accountId, planId, name, mode, lastIntentId }: OpenPeriod,
): Promise<string | null> {
  if (mode !== 'reset' || lastIntentId === null) return null;
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
      {
        type: TransactionType.ADJUSTMENT, reason: TransactionReason.SUBSCRIPTION_REFILL,
        description: `${name}: unused credits of the period before`, metadata: { plan: planId },
      },
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
function grantPeriod({ moneyIn }: RefillDeps, period: PlanPeriod, nowMs: number): Promise<MoneyInResult> {
  const { accountId, planId, name, amount, expiresAfterSeconds, nth } = period;
  const startsAt = new Date(period.startsAtMs).toISOString();
  return moneyIn.grant({
    accountId, amount, retriesRefused: true,
    expiresAtMs: expiresAfterSeconds === null ? null : nowMs + expiresAfterSeconds * 1_000,
    idempotency: { scope: 'plan', key: `plan/${accountId}/${planId}/${startsAt}` },
    fingerprint: fingerprint('plan', accountId, planId, startsAt),
    about: writeTransactionAbout(
      {
        type: nth === 0 ? TransactionType.SUBSCRIPTION : TransactionType.REFILL, reason: TransactionReason.SUBSCRIPTION_REFILL,
        description: name, metadata: { plan: planId, periodStart: startsAt },
      },
      { source: 'plan', actor: ACTOR, reason: 'refill' },
    ),
  });
}
