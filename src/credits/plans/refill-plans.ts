import { lotIdOf, readIntent } from '../../books/money-in.table.js';
import { TransactionReason, TransactionType } from '../../books/transaction.js';
import type { Clock } from '../../kit/clock.js';
import { fingerprint } from '../../kit/ids.js';
import { writeFacts } from '../../ledger/facts.js';
import type { Db } from '../../stores/postgres/connect.js';
import type { MoneyIn, MoneyInResult } from '../grants/money-in.js';
import { claimOpenPeriods, noteGranted, noteProblem, openPeriod, passOverOlder, type OpenPeriod, type PlanPeriod } from './period.table.js';
import { periodAt, periodStart, type AccountPlan, type Plan } from './plan.js';
import { lockDueAccount, moveAccountPlan, readDueAccounts, setNextPeriod } from './plan.table.js';

export type RefillDeps = { readonly db: Db; readonly moneyIn: Pick<MoneyIn, 'grant' | 'revoke'>; readonly clock: Clock };

export type RefillReport = { readonly refilled: number; readonly postponed: number };

/** Limit of accounts whose periods one run opens, and of periods that it grants. The next run follows within seconds. */
const ACCOUNTS_PER_RUN_MAX = 100;
const GRANTS_PER_RUN_MAX = 200;
/** Missed periods that one run opens for one account. */
const PERIODS_PER_RUN_MAX = 50;
/** Periods that a crashed worker had taken become due again after this time. */
const CLAIM_MS = 60_000;
/** A refill that was refused, for a frozen account or one with too many lots, is tried again after this. */
const RETRY_MS = 60_000;

/** The actor of the entries that plans write. */
const ACTOR = 'system-plan';

/**
 * Grants due periods of all accounts, or of one. A period that has started is first opened in Postgres, where the primary
 * key allows an account one period at a time, however its plan changes. Then its credits are granted under a permanent key
 * of its own (`plan/<account>/<plan>/<start>`). So several runs may overlap, and a run may crash at any point. An opened
 * period is granted even if the account's plan is changed or ended meanwhile.
 *
 * @throws GatewayError ledger_unavailable, or an error of pg: unfinished periods become due again.
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

/** Opens the periods of an account's plan that have started. Skips periods that the plan's policy does not grant. */
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
        // The account got another period meanwhile: this plan starts after it.
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

/** Grants one period. `noted`: another worker granted it before. */
async function refill(deps: RefillDeps, period: OpenPeriod, nowMs: number): Promise<'granted' | 'noted' | { readonly problem: string }> {
  const problem = await clearForReset(deps, period);
  if (problem !== null) return { problem };
  const result = await grantPeriod(deps, period, nowMs);
  if (result.status === 'refused') return { problem: result.reason };
  return await noteGranted(deps.db, { ...period, intentId: result.intentId, grantedAtMs: nowMs }) ? 'granted' : 'noted';
}

/**
 * For a resetting plan, removes the rest of the previous refill. Purchased credits and bonuses are in other lots and stay.
 * Returns why this is not possible now, or null.
 */
async function clearForReset(
  { db, moneyIn }: RefillDeps, { accountId, planId, name, mode, lastIntentId }: OpenPeriod,
): Promise<string | null> {
  if (mode !== 'reset' || lastIntentId === null) return null;
  const last = await readIntent(db, lastIntentId);
  if (last === null || last.state === 'refused') return null;
  // The previous refill is not in Redis yet. It could not be removed, and would be added to the next one.
  if (last.reply === null && last.appliedSeq === null) return 'the refill before is still pending';
  const lotId = lotIdOf(lastIntentId);
  const result = await moneyIn.revoke({
    accountId, lotId, retriesRefused: true,
    idempotency: { scope: 'plan-reset', key: lotId },
    fingerprint: fingerprint('plan-reset', accountId, lotId),
    about: writeFacts({
      type: 'change', source: 'plan', actor: ACTOR, reason: 'reset',
      transaction: {
        type: TransactionType.ADJUSTMENT, reason: TransactionReason.SUBSCRIPTION_REFILL,
        description: `${name}: unused credits of the period before`, metadata: { plan: planId },
      },
    }),
  });
  switch (result.status) {
    case 'applied': return null;
    case 'pending': return 'the reset is still pending';
    // Used up, or expired.
    case 'refused': return result.reason === 'lot_not_found' ? null : result.reason;
  }
}

/** The first refill of a plan counts as the subscription, the others as refills. */
function grantPeriod({ moneyIn }: RefillDeps, period: PlanPeriod, nowMs: number): Promise<MoneyInResult> {
  const { accountId, planId, name, amount, expiresAfterSeconds, nth } = period;
  const startsAt = new Date(period.startsAtMs).toISOString();
  return moneyIn.grant({
    accountId, amount, retriesRefused: true,
    expiresAtMs: expiresAfterSeconds === null ? null : nowMs + expiresAfterSeconds * 1_000,
    idempotency: { scope: 'plan', key: `plan/${accountId}/${planId}/${startsAt}` },
    fingerprint: fingerprint('plan', accountId, planId, startsAt),
    about: writeFacts({
      type: 'change', source: 'plan', actor: ACTOR, reason: 'refill',
      transaction: {
        type: nth === 0 ? TransactionType.SUBSCRIPTION : TransactionType.REFILL, reason: TransactionReason.SUBSCRIPTION_REFILL,
        description: name, metadata: { plan: planId, periodStart: startsAt },
      },
    }),
  });
}
