import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { rowsOf, start, type Caller, type Chatsparty } from '../../contract/chatsparty/caller.js';
import { send, type Answer } from '../../support/fake-gateway.js';
import { withReason } from '../../support/reason.js';

/** Plans and bonuses over HTTP and by the workers' own schedules: nothing here calls a job. */
let chatsparty: Chatsparty;
beforeAll(async () => { chatsparty = await start({ WELCOME_CREDITS: '25' }); });
afterAll(async () => { await chatsparty.gateway.stop(); });

const call = (method: string, path: string, body?: object, token = chatsparty.admin.token): Promise<Answer> => {
  const told = withReason(method, path, body);
  return send(chatsparty.gateway.url + told.path, method, { token, ...(told.body === undefined ? {} : { body: told.body }) });
};

const until = async (isTrue: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 120_000;
  while (!await isTrue()) {
    if (Date.now() > deadline) throw new Error('it never came true');
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
};
const balanceOf = async (caller: Caller): Promise<unknown> => (await caller.get('/credits/balance')).body['balance'];
const lines = async (caller: Caller): Promise<unknown[][]> =>
  rowsOf(await caller.get('/api/credits/transactions?orderDirection=asc')).map(({ transactionType, reason, amount }) => [
    transactionType, reason, amount,
  ]);

test('welcome: once, soon after the first token, however many first requests there are', async () => {
  const alice = await chatsparty.someone();
  await Promise.all(Array.from({ length: 20 }, () => alice.get('/api/credits/balance')));
  await until(async () => await balanceOf(alice) === 25);
  await new Promise((resolve) => { setTimeout(resolve, 1_500); });
  expect(await lines(alice)).toEqual([['bonus', 'welcome_bonus', 25]]);
});

describe('plans', () => {
  const define = (planId: string, body: object): Promise<Answer> => call('PUT', `/v1/plans/${planId}`, body);

  test('are defined, listed, assigned, refilled by the schedule, and ended', async () => {
    const [planId, alice] = [`pro-${randomUUID().slice(0, 8)}`, await chatsparty.someone()];
    await until(async () => await balanceOf(alice) === 25);
    const plan = {
      plan: planId, name: 'Pro', credits: '100', period: 'month', periodSeconds: null, mode: 'reset', missed: 'latest',
      expiresAfterSeconds: null,
    };
    const defined = await define(planId, { name: 'Pro', credits: 100, period: 'month', mode: 'reset' });
    expect([defined.status, defined.body]).toEqual([200, plan]);
    expect((await call('GET', '/v1/plans')).body['data']).toContainEqual(plan);

    const path = `/v1/account-plans/${alice.userId}`;
    const assigned = await call('PUT', path, { plan: planId });
    expect([assigned.status, assigned.body]).toEqual([
      200, expect.objectContaining({ account: alice.userId, plan: planId, nextPeriod: 1, problem: null }),
    ]);
    expect((await alice.get('/api/credits/balance')).body).toMatchObject({
      balance: 125, creditPlan: 'Pro', credit_plan: 'Pro', lastCreditRefillAt: expect.any(String), creditsPurchased: 0,
    });

    await alice.post('/api/usage/record', { service: 'chat', operation: 'gpt-4', credits: 40 });
    chatsparty.gateway.advance(32 * 86_400_000);
    await until(async () => await balanceOf(alice) === 100);
    // Neither lot ends, so the older one was spent first: the bonus, and 15 of the refill.
    expect(await lines(alice)).toEqual([
      ['bonus', 'welcome_bonus', 25], ['subscription', 'subscription_refill', 100], ['usage', 'ai_chat', -40],
      ['adjustment', 'subscription_refill', -85], ['refill', 'subscription_refill', 100],
    ]);
    expect((await call('DELETE', `/v1/plans/${planId}`)).status).toBe(409);
    expect([
      (await call('DELETE', path)).status, (await call('GET', path)).status, (await call('DELETE', `/v1/plans/${planId}`)).status,
    ]).toEqual([204, 404, 204]);
    expect((await alice.get('/credits/balance')).body['credit_plan']).toBe('free');
  });

  test.each([
    [{}, 'body.name: is missing'],
    [{ name: 'x', credits: 1, period: 'fortnight' }, 'body.period: must be equal to one of the allowed values'],
    [{ name: 'x', credits: 1, period: 'day', missedd: 'each' }, 'body.missedd: is not a member of this request'],
    [{ name: 'x', credits: 0, period: 'day' }, 'body.credits: must be above zero'],
    [{ name: 'x', credits: 1, period: 'seconds' }, 'body.periodSeconds: belongs to the period "seconds", and to no other'],
    [{ name: 'x', credits: 1, period: 'day', periodSeconds: 5 }, 'body.periodSeconds: belongs to the period "seconds", and to no other'],
    [
      { name: 'x', credits: 1, period: 'day', mode: 'reset', missed: 'each' },
      'body.missed: a reset plan grants only the latest of missed periods',
    ],
  ])('%j -> 400', async (body, message) => {
    const answer = await define('bad', body);
    expect([answer.status, answer.body['detail']]).toEqual([400, message]);
  });

  test('are for administrators', async () => {
    const alice = await chatsparty.someone();
    const supervisor = await chatsparty.gateway.token({ sub: 'boss', role: 'supervisor' });
    for (const token of [alice.token, supervisor]) {
      const answers = await Promise.all([
        call('GET', '/v1/plans', undefined, token), call('PUT', '/v1/plans/x', {}, token),
        call('PUT', `/v1/account-plans/${alice.userId}`, { plan: 'x' }, token),
        call('POST', '/v1/referrals', {}, token),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
    }
  });
});

test('a referral is rewarded once', async () => {
  const [referrer, referee] = [`r-${randomUUID()}`, `f-${randomUUID()}`];
  const refer = (): Promise<Answer> => call('POST', '/v1/referrals', { referrer, referee, credits: 5, refereeCredits: 2.5 });
  const [first, second] = [await refer(), await refer()];
  expect([first.status, first.body, second.status, second.headers.get('idempotency-replayed')]).toEqual([
    200, { status: 'granted' }, 200, 'true',
  ]);
  const other = await call('POST', '/v1/referrals', { referrer: 'another', referee, credits: 5 });
  expect([other.status, other.body['code']]).toEqual([422, 'idempotency_key_reused']);
});
