import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { assignPlan, definePlan, endPlan, planOf, removePlan } from '../../../src/credits/plans/manage-plans.js';
import { openPeriod } from '../../../src/credits/plans/period.table.js';
import type { Plan } from '../../../src/credits/plans/plan.js';
import { refillPlans } from '../../../src/credits/plans/refill-plans.js';
import { backfillOf } from '../../support/backfill-of.js';
import { credits, planLab, SECOND_MS, type PlanLab } from './lab.js';
import { asAdmin } from '../../support/servers.js';

/** Whatever happens to an account's plan, it is given one period at a time, and each period once. */
let lab: PlanLab;
let accountId: string;
beforeAll(async () => { lab = await planLab(); });
afterEach(async () => { await lab.db.raw('delete from account_plans'); });
afterAll(async () => { await lab.close(); });

const PERIOD_MS = 1_000 * SECOND_MS;
const assign = ({ planId }: Pick<Plan, 'planId'>, to = accountId) => assignPlan(lab, { accountId: to, planId, actor: 'root' });
/** What plans granted, oldest first, in credits. */
const granted = async (of = accountId): Promise<number[]> =>
  (await lab.statement(of)).filter(([type]) => type !== 'ADJUSTMENT').map(([, , amount]) => amount);
const plans = async (): Promise<[pro: Plan, team: Plan]> => {
  accountId = lab.account();
  return [await lab.plan({ name: 'Pro' }), await lab.plan({ name: 'Team', amount: credits(300) })];
};
const nextPeriod = async (): Promise<void> => {
  lab.advance(PERIOD_MS);
  await refillPlans(lab);
};

describe('within a period', () => {
  test('to and fro between two plans grants once; the plan that is left grants the next period', async () => {
    const [pro, team] = await plans();
    for (const plan of [pro, team, pro, team, pro, team]) await assign(plan);
    expect(await granted()).toEqual([100]);
    await nextPeriod();
    expect(await granted()).toEqual([100, 300]);
  });

  test('ended and assigned again, the same plan or another', async () => {
    const [pro, team] = await plans();
    for (const plan of [pro, pro, team, pro]) {
      await assign(plan);
      await refillPlans(lab);
      await endPlan(lab, accountId);
    }
    expect(await granted()).toEqual([100]);
    await assign(pro);
    await nextPeriod();
    await nextPeriod();
    expect(await granted()).toEqual([100, 100, 100]);
  });

  test('removed and made anew, even with another period', async () => {
    const [pro] = await plans();
    await assign(pro);
    await endPlan(lab, accountId);
    await removePlan(lab, pro.planId);
    await definePlan(lab, { ...pro, amount: credits(70), period: { unit: 'seconds', seconds: 10 } }, 'root');
    await assign(pro);
    lab.advance(20 * SECOND_MS);
    await refillPlans(lab);
    expect(await granted()).toEqual([100]);
    lab.advance(PERIOD_MS - 20 * SECOND_MS);
    await refillPlans(lab);
    expect(await granted()).toEqual([100, 70]);
  });

  test('a plan that waits says when it begins', async () => {
    const [pro, team] = await plans();
    const first = await assign(pro);
    lab.advance(PERIOD_MS / 4);
    expect(await assign(team)).toMatchObject({ planId: team.planId, anchorMs: first.anchorMs + PERIOD_MS, nextPeriod: 0, problem: null });
    await nextPeriod();
    expect(await planOf(lab, accountId)).toMatchObject({ anchorMs: first.anchorMs + PERIOD_MS, nextPeriod: 1 });
  });

  test('a plan assigned after the period has ended begins at once', async () => {
    const [pro, team] = await plans();
    await assign(pro);
    await endPlan(lab, accountId);
    lab.advance(PERIOD_MS);
    await assign(team);
    expect(await granted()).toEqual([100, 300]);
  });
});

describe('at once', () => {
  test('thirty assignments of three plans, ends and refills are one grant', async () => {
    const [pro, team] = await plans();
    const max = await lab.plan({ name: 'Max', amount: credits(900) });
    await Promise.all(Array.from({ length: 30 }, async (_, index) => {
      // Of an assignment that is ended at the same moment there may be nothing left to answer with.
      await assign([pro, team, max][index % 3] ?? pro).catch((error: unknown) => { expect(error).toMatchObject({ code: 'not_found' }); });
      if (index % 5 === 0) await endPlan(lab, accountId).catch(() => undefined);
      await refillPlans(lab, accountId);
    }));
    expect(await granted()).toHaveLength(1);
    await endPlan(lab, accountId).catch(() => undefined);
    await assign(pro);
    expect(await granted()).toHaveLength(1);
  });

  test('Postgres accepts only one of two overlapping periods', async () => {
    const [pro] = await plans();
    const anchorMs = lab.clock();
    const period = (planId: string, startsAtMs: number) => ({
      accountId, planId, name: 'x', amount: pro.amount, mode: pro.mode, expiresAfterSeconds: null, anchorMs, nth: 0, startsAtMs,
      endsAtMs: startsAtMs + PERIOD_MS,
    });
    // They may all read the account before any of them has written: only the constraint can tell them apart.
    const outcomes = await Promise.all(Array.from({ length: 8 }, (_, index) =>
      lab.db.transaction((trx) => openPeriod(trx, period(`plan-${index}`, anchorMs + index)))));
    expect(outcomes.filter((outcome) => outcome === 'opened')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'covered')).toHaveLength(7);
  });

  test('a refill that finds the period taken begins after it', async () => {
    const [pro, team] = await plans();
    await assign(pro);
    const { anchorMs } = await planOf(lab, accountId);
    // As if it had been assigned by a process that did not see the first period yet.
    await lab.db.raw('update account_plans set plan_id = ?, anchor_at = anchor_at + interval \'1 second\', next_period = 0, '
      + 'due_at = to_timestamp(0) where account_id = ?', [team.planId, accountId]);
    await refillPlans(lab, accountId);
    lab.advance(2 * SECOND_MS);
    await refillPlans(lab, accountId);
    expect([await granted(), (await planOf(lab, accountId)).anchorMs]).toEqual([[100], anchorMs + PERIOD_MS]);
  });
});

describe('a period that could not be granted yet', () => {
  const freeze = (frozen: boolean) => lab.under.ledger[frozen ? 'freeze' : 'thaw']({ accountId, about: '{}' });

  test('is granted once when it can be, although the plan was changed and ended meanwhile', async () => {
    const [pro, team] = await plans();
    await lab.moneyIn.grant({
      accountId, amount: credits(1), expiresAtMs: null, about: '{"source":"bonus"}', idempotency: null, fingerprint: 'x',
    });
    await freeze(true);
    expect((await assign(pro)).problem).toBe('account_frozen');
    await assign(team);
    await endPlan(lab, accountId);
    await freeze(false);
    lab.advance(60 * SECOND_MS);
    await refillPlans(lab);
    await assign(team);
    expect(await granted()).toEqual([1, 100]);
  });
});

describe('a plan that resets', () => {
  test('takes what is left of the period before when it begins, not when it is assigned', async () => {
    accountId = lab.account();
    const [small, big, kept] = [
      await lab.plan({ mode: 'reset' }), await lab.plan({ mode: 'reset', amount: credits(300) }),
      await lab.plan({ amount: credits(50) }),
    ];
    await assign(small);
    await assign(big);
    expect(await lab.available(accountId)).toBe(100);
    // Neither an end in between nor a plan that keeps what is left saves it.
    await endPlan(lab, accountId);
    await assign(kept);
    await assign(big);
    await nextPeriod();
    expect(await lab.available(accountId)).toBe(300);
  });
});

describe('what was granted before the periods were kept', () => {
  const upgrade = async (): Promise<void> => {
    await asAdmin(lab.under.adminUrl, 'delete from plan_periods');
    await lab.db.raw(backfillOf('0011_plan_periods'));
  };

  test.each([
    ['day', 1], ['week', 7], ['month', 31],
  ] as const)('is known of a plan that an account has, period %s', async (unit, daysMax) => {
    accountId = lab.account();
    const [pro, team] = [await lab.plan({ period: { unit } }), await lab.plan({ period: { unit } })];
    await assign(pro);
    const [before] = (await lab.db.raw<{
      rows: object[];
    }>('select starts_at, ends_at, plan_id, nth, state, intent_id from plan_periods where account_id = ?', [accountId])).rows;
    await upgrade();
    expect((await lab.db.raw<{ rows: object[] }>(
      'select starts_at, ends_at, plan_id, nth, state, intent_id from plan_periods where account_id = ?', [accountId],
    )).rows).toEqual([before]);
    await assign(team);
    expect(await granted()).toEqual([100]);
    lab.advance(daysMax * 86_400 * SECOND_MS);
    await refillPlans(lab, accountId);
    expect(await granted()).toEqual([100, 100]);
  });

  test('and of one that has ended', async () => {
    const [pro, team] = await plans();
    await assign(pro);
    await endPlan(lab, accountId);
    await upgrade();
    await assign(team);
    expect(await granted()).toEqual([100]);
    await nextPeriod();
    expect(await granted()).toEqual([100, 300]);
  });
});
