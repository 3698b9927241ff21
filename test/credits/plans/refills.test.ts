import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { listEvents } from '../../../src/books/event.table.js';
import { grantIdOf } from '../../../src/books/money-in.table.js';
import { assignPlan, definePlan, endPlan, planOf, removePlan } from '../../../src/credits/plans/manage-plans.js';
import { periodAt, periodStart, type Period } from '../../../src/credits/plans/plan.js';
import { refillPlans } from '../../../src/credits/plans/refill-plans.js';
import { readCreditProfile } from '../../../src/credits/statement/credit-profile.table.js';
import { credits, planLab, SECOND_MS, type PlanLab } from './lab.js';

let lab: PlanLab;
beforeAll(async () => { lab = await planLab(); });
// Every test moves the clock of all accounts, so accounts of earlier tests must not be refilled.
afterEach(async () => { await lab.db.raw('delete from account_plans'); });
afterAll(async () => { await lab.close(); });

const PERIOD_MS = 1_000 * SECOND_MS;
const FIRST = ['SUBSCRIPTION', 'SUBSCRIPTION_REFILL', 100];
const REFILL = ['REFILL', 'SUBSCRIPTION_REFILL', 100];

async function subscribed(more: Parameters<PlanLab['plan']>[0] = {}) {
  const plan = await lab.plan(more);
  const accountId = lab.account();
  await assignPlan(lab, { accountId, planId: plan.planId, actor: 'root' });
  return { accountId, plan };
}

describe('a period is granted once', () => {
  test('the first one at once, the next when it begins', async () => {
    const { accountId, plan } = await subscribed();
    expect(await lab.available(accountId)).toBe(100);
    await refillPlans(lab);
    expect(await lab.available(accountId)).toBe(100);
    lab.advance(PERIOD_MS);
    await refillPlans(lab);
    expect(await lab.statement(accountId)).toEqual([FIRST, REFILL]);
    const [, line] = await lab.lines(accountId);
    const { anchorMs } = await planOf(lab, accountId);
    expect([line?.description, JSON.parse(line?.metadata ?? '')]).toEqual([
      'Pro', { plan: plan.planId, periodStart: new Date(anchorMs + PERIOD_MS).toISOString() },
    ]);
    expect(await readCreditProfile(lab.db, accountId)).toEqual({ purchased: 0, plan: 'Pro', lastRefillAtMs: line?.atMs });
  });

  test('each is told once as an event, with its lot', async () => {
    const { accountId } = await subscribed({ expiresAfterSeconds: 5_000 });
    lab.advance(PERIOD_MS);
    for (let run = 0; run < 2; run += 1) await refillPlans(lab);
    await lab.under.drain();
    const events = await listEvents(lab.db, { after: 0, limit: 10, accountId });
    const { lots } = await lab.under.ledger.readAccount(accountId);
    expect(lots).toHaveLength(2);
    expect(events.map(({ type, data }) => [type, data])).toEqual(lots.map(({ lotId, expiresAtMs }, index) => ['refill.granted', {
      grant: grantIdOf(lotId), amount: '100', available: index === 0 ? '100' : '200', entry: index + 1,
      expiresAt: new Date(expiresAtMs ?? 0).toISOString(),
    }]));
  });

  test('a refill that is run twice, and one after the other', async () => {
    const { accountId } = await subscribed();
    lab.advance(PERIOD_MS);
    for (let run = 0; run < 3; run += 1) await refillPlans(lab);
    expect(await lab.statement(accountId)).toEqual([FIRST, REFILL]);
  });

  test('by any number of workers at once', async () => {
    const accounts = await Promise.all(Array.from({ length: 12 }, () => subscribed()));
    lab.advance(PERIOD_MS);
    const reports = await Promise.all(Array.from({ length: 6 }, () => refillPlans(lab)));
    expect(reports.reduce((sum, { refilled }) => sum + refilled, 0)).toBeGreaterThanOrEqual(12);
    for (const { accountId } of accounts) expect(await lab.statement(accountId)).toEqual([FIRST, REFILL]);
  });

  test('by workers that do not even share out the accounts', async () => {
    const { accountId } = await subscribed();
    lab.advance(PERIOD_MS);
    // As if each claim had run out while its worker was at work: all of them grant the same period.
    await Promise.all(Array.from({ length: 5 }, async () => {
      await againDue(accountId);
      await refillPlans(lab, accountId);
    }));
    expect(await lab.statement(accountId)).toEqual([FIRST, REFILL]);
  });

  test('also when a worker died after granting and before noting it', async () => {
    const { accountId } = await subscribed();
    lab.advance(PERIOD_MS);
    const before = await lab.db.raw<{
      rows: object[];
    }>('select next_period, last_intent_id from account_plans where account_id = ?', [accountId]);
    await refillPlans(lab, accountId);
    await lab.db.raw(
      `update plan_periods set state = 'open', intent_id = null, due_at = to_timestamp(0) where account_id = ? and nth = 1`,
      [accountId],
    );
    await refillPlans(lab, accountId);
    expect(before.rows).toEqual([{ next_period: 1, last_intent_id: expect.any(Number) }]);
    expect([(await planOf(lab, accountId)).nextPeriod, await lab.statement(accountId)]).toEqual([2, [FIRST, REFILL]]);
  });
});

describe('three periods missed', () => {
  test('each of them is made up for', async () => {
    const { accountId } = await subscribed({ missed: 'each' });
    lab.advance(3 * PERIOD_MS + 1);
    await refillPlans(lab);
    await refillPlans(lab);
    expect(await lab.statement(accountId)).toEqual([FIRST, REFILL, REFILL, REFILL]);
    expect((await planOf(lab, accountId)).nextPeriod).toBe(4);
  });

  test('or only the latest, and its successor comes when it begins', async () => {
    const { accountId } = await subscribed({ missed: 'latest' });
    lab.advance(3 * PERIOD_MS + PERIOD_MS / 2);
    await refillPlans(lab);
    expect(await lab.statement(accountId)).toEqual([FIRST, REFILL]);
    lab.advance(PERIOD_MS / 2);
    await refillPlans(lab);
    expect(await lab.statement(accountId)).toEqual([FIRST, REFILL, REFILL]);
  });

  test('a very long outage is made up for in parts', async () => {
    const { accountId } = await subscribed();
    lab.advance(120 * PERIOD_MS);
    await refillPlans(lab, accountId);
    expect((await planOf(lab, accountId)).nextPeriod).toBe(51);
    while ((await refillPlans(lab, accountId)).refilled > 0);
    expect([(await planOf(lab, accountId)).nextPeriod, await lab.available(accountId)]).toEqual([121, 12_100]);
  });
});

describe('what is left', () => {
  test('rolls over', async () => {
    const { accountId } = await subscribed();
    await spend(accountId, 30);
    lab.advance(PERIOD_MS);
    await refillPlans(lab);
    expect(await lab.available(accountId)).toBe(170);
  });

  test('or is reset: what is left of the refill goes, what was purchased stays', async () => {
    const { accountId } = await subscribed({ mode: 'reset' });
    await lab.moneyIn.grant({
      accountId, amount: credits(500), expiresAtMs: null, about: '{"source":"purchase"}', idempotency: null, fingerprint: 'x',
    });
    await spend(accountId, 30);
    lab.advance(3 * PERIOD_MS);
    await refillPlans(lab);
    expect(await lab.available(accountId)).toBe(600);
    expect(await lab.statement(accountId)).toEqual([
      FIRST, ['PURCHASE', 'MANUAL_ADJUSTMENT', 500], ['USAGE', 'MODEL_USAGE', -30], ['ADJUSTMENT', 'SUBSCRIPTION_REFILL', -70], REFILL,
    ]);
    const { lastRefillAtMs } = await readCreditProfile(lab.db, accountId);
    expect(lastRefillAtMs).toBe((await lab.lines(accountId)).at(-1)?.atMs);
  });

  test('a reset is once, too, however often it is tried; nothing left is nothing to take', async () => {
    const { accountId } = await subscribed({ mode: 'reset' });
    await spend(accountId, 100);
    lab.advance(PERIOD_MS);
    await Promise.all(Array.from({ length: 5 }, () => refillPlans(lab)));
    expect(await lab.available(accountId)).toBe(100);
    await spend(accountId, 40);
    lab.advance(PERIOD_MS);
    await Promise.all(Array.from({ length: 5 }, async () => {
      await againDue(accountId);
      await refillPlans(lab, accountId);
    }));
    expect(await lab.available(accountId)).toBe(100);
  });

  test('a hold keeps what it holds, and what it releases of a reset refill ends', async () => {
    const { accountId } = await subscribed({ mode: 'reset' });
    const hold = { accountId, holdId: 'h', about: '{}' };
    await lab.under.ledger.placeHold({
      ...hold, minimum: credits(60), desired: credits(60), leaseMs: 3_600_000, kind: 'test', expiryPolicy: 'release', price: 'p',
      fingerprint: 'f',
    });
    lab.advance(PERIOD_MS);
    await refillPlans(lab);
    expect(await lab.available(accountId)).toBe(100);
    await lab.under.ledger.settleHold({ ...hold, cost: credits(10), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: 'f' });
    expect(await lab.available(accountId)).toBe(100);
  });

  test('expires, if the plan says so, counted from when it was granted', async () => {
    const { accountId } = await subscribed({ expiresAfterSeconds: 500 });
    lab.advance(499 * SECOND_MS);
    expect(await lab.available(accountId)).toBe(100);
    lab.advance(2 * SECOND_MS);
    expect(await lab.available(accountId)).toBe(0);
    lab.advance(2 * PERIOD_MS);
    await refillPlans(lab);
    expect(await lab.available(accountId)).toBe(200);
    await lab.under.ledger.expireLots(accountId);
    expect((await lab.statement(accountId))[1]).toEqual(['ADJUSTMENT', 'EXPIRATION', -100]);
  });
});

describe('a refill that cannot be made', () => {
  test('is tried again, and made once', async () => {
    const { accountId } = await subscribed();
    lab.advance(PERIOD_MS);
    let away = true;
    const moneyIn = { ...lab.moneyIn, grant: (command: Parameters<typeof lab.moneyIn.grant>[0]) => (away ? Promise.resolve({
      status: 'refused' as const, intentId: 0, replayed: false, reason: 'too_many_lots' as const,
    }) : lab.moneyIn.grant(command)) };
    await refillPlans({ ...lab, moneyIn }, accountId);
    expect((await planOf(lab, accountId)).problem).toBe('too_many_lots');
    away = false;
    expect(await refillPlans({ ...lab, moneyIn }, accountId)).toEqual({ refilled: 0, postponed: 0 });
    lab.advance(60 * SECOND_MS);
    await refillPlans({ ...lab, moneyIn }, accountId);
    expect([(await planOf(lab, accountId)).problem, await lab.statement(accountId)]).toEqual([null, [FIRST, REFILL]]);
  });
});

describe('plans', () => {
  test('a changed amount holds from the next refill on', async () => {
    const { accountId, plan } = await subscribed();
    await definePlan(lab, { ...plan, amount: credits(250) }, 'root');
    lab.advance(PERIOD_MS);
    await refillPlans(lab);
    expect(await lab.statement(accountId)).toEqual([FIRST, ['REFILL', 'SUBSCRIPTION_REFILL', 250]]);
  });

  test('assigned twice is assigned once; an ended one grants no more', async () => {
    const { accountId, plan } = await subscribed({ mode: 'reset' });
    await assignPlan(lab, { accountId, planId: plan.planId, actor: 'root' });
    expect(await lab.statement(accountId)).toEqual([FIRST]);
    await endPlan(lab, accountId);
    lab.advance(5 * PERIOD_MS);
    await refillPlans(lab);
    expect(await lab.available(accountId)).toBe(100);
    expect((await readCreditProfile(lab.db, accountId)).plan).toBeNull();
  });

  test('the period of a plan in use cannot change, nor can the plan go', async () => {
    const { accountId, plan } = await subscribed();
    await expect(definePlan(lab, { ...plan, period: { unit: 'day' } }, 'root')).rejects.toMatchObject({ code: 'conflict' });
    await expect(removePlan(lab, plan.planId)).rejects.toMatchObject({ code: 'conflict' });
    await endPlan(lab, accountId);
    await definePlan(lab, { ...plan, period: { unit: 'day' } }, 'root');
    await removePlan(lab, plan.planId);
    await expect(assignPlan(lab, { accountId, planId: plan.planId, actor: 'root' })).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a reset plan cannot make up for each missed period', async () => {
    await expect(lab.plan({ mode: 'reset', missed: 'each' })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

test.each<[Period, string, string[]]>([
  [{ unit: 'month' }, '2026-01-31T10:30:00.000Z', ['2026-02-28T10:30:00.000Z', '2026-03-31T10:30:00.000Z', '2026-04-30T10:30:00.000Z']],
  [{ unit: 'month' }, '2027-11-30T23:59:59.999Z', ['2027-12-30T23:59:59.999Z', '2028-01-30T23:59:59.999Z', '2028-02-29T23:59:59.999Z']],
  [{ unit: 'week' }, '2026-02-23T00:00:00.000Z', ['2026-03-02T00:00:00.000Z', '2026-03-09T00:00:00.000Z']],
  [{ unit: 'day' }, '2026-12-31T12:00:00.000Z', ['2027-01-01T12:00:00.000Z']],
  [{ unit: 'seconds', seconds: 90 }, '2026-01-01T00:00:00.000Z', ['2026-01-01T00:01:30.000Z', '2026-01-01T00:03:00.000Z']],
])('periods of %j from %s', (period, anchor, expected) => {
  const anchorMs = Date.parse(anchor);
  expect(expected.map((_, index) => new Date(periodStart(anchorMs, period, index + 1)).toISOString())).toEqual(expected);
  for (const [index, start] of expected.entries()) {
    expect([periodAt(anchorMs, period, Date.parse(start) - 1), periodAt(anchorMs, period, Date.parse(start))]).toEqual([index, index + 1]);
  }
});

/** As if the claim of a worker that is still at work had run out. */
async function againDue(accountId: string): Promise<void> {
  await lab.db.raw('update account_plans set due_at = to_timestamp(0) where account_id = ?', [accountId]);
  await lab.db.raw(`update plan_periods set due_at = to_timestamp(0) where account_id = ? and state = 'open'`, [accountId]);
}

async function spend(accountId: string, amount: number): Promise<void> {
  const { status } = await lab.under.ledger.charge({
    accountId, amount: credits(amount), key: null, fingerprint: '', price: '', about: '{}',
  });
  expect(status).toBe('charged');
}
