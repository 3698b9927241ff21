import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DateTime } from 'luxon';
import { creditsLab, type Lab } from '../../contract/credits-process/lab.js';
import { until } from '../../edge/queues/lab.js';

/** Windows of limits over HTTP, with a clock that the test moves; each test begins later than the one before. */
let lab: Lab;
let offsetMs = 0;
beforeAll(async () => { lab = await creditsLab(); });
afterAll(async () => { await lab.stop(); });

const HOUR_MS = 3_600_000;
const LEASE = { leaseSeconds: 86_400, reason: 'test' };
const ZONE = 'Europe/Berlin';
const now = (): DateTime => DateTime.fromMillis(Date.now() + offsetMs, { zone: ZONE });

/** A minute is enough for what a test does at that time. */
function goTo(time: DateTime): void {
  const ms = time.toMillis() - now().toMillis();
  if (ms < 0) throw new Error('the clock only moves forwards');
  lab.gateway.advance(ms);
  offsetMs += ms;
}

async function account(name: string, ...limits: (readonly [id: string, limit: object])[]): Promise<string> {
  const id = `${name}-${lab.user()}`;
  await lab.grant(id, 1_000);
  for (const [limitId, limit] of limits) {
    expect((await lab.admin('PUT', `/v1/accounts/${id}/limits/${limitId}`, limit)).status).toBe(201);
  }
  return id;
}

const place = (account: string, id: string, amount: string, more: object = {}) =>
  lab.admin('POST', '/v1/holds', { account, id, amount, ...LEASE, ...more });
const step = (account: string, id: string, verb: string, body: object) =>
  lab.admin('POST', `/v1/holds/${id}/${verb}`, { account, ...body });
const extend = (account: string, id: string, amount: string) => step(account, id, 'extend', { amount, reason: 'test' });
const settle = (account: string, id: string, used: object) => step(account, id, 'settle', { ...used, reason: 'completed' });
const remaining = async (account: string, query = ''): Promise<unknown> =>
  ((await lab.admin('GET', `/v1/accounts/${account}/explain?amount=1${query}`)).body['limits'] as { remaining: string }[])
    .map((each) => each.remaining);

test('a hold may be stricter than the limits of its account; a limit that the account lacks is 422', async () => {
  const alice = await account('own', ['daily', { amount: 10, period: 'day' }]);
  expect(await place(alice, 'h1', '6', { limits: { daily: '5' } })).toMatchObject({
    status: 402, body: { code: 'limit_reached', limit: 'daily', available: '5', shortBy: '1' },
  });
  const placed = await place(alice, 'h1', '4', { limits: { daily: 5 } });
  expect(placed).toMatchObject({ status: 201, body: { final: false, limits: [{ id: 'daily', remaining: '1' }] } });
  expect(await extend(alice, 'h1', '2')).toMatchObject({ status: 402, body: { limit: 'daily', shortBy: '1' } });
  expect(await extend(alice, 'h1', '1')).toMatchObject({
    status: 200, body: { final: true, limits: [{ id: 'daily', remaining: '0', resetsAt: expect.any(String) as unknown }] },
  });
  expect(await step(alice, 'h1', 'progress', { amount: '1' })).toMatchObject({
    status: 200, body: { final: true, limits: [{ id: 'daily', remaining: '0', resetsAt: expect.any(String) as unknown }] },
  });
  expect((await place(alice, 'h1', '4', { limits: { daily: 6 } })).body).toMatchObject({ code: 'idempotency_key_reused' });
  // Never laxer.
  expect(await place(alice, 'h2', '6', { limits: { daily: 100 } })).toMatchObject({ status: 402, body: { available: '5' } });
  for (const id of ['none', 'no limit/at all']) {
    expect(await place(alice, 'h2', '1', { limits: { [id]: 1 } })).toMatchObject({
      status: 422, body: { code: 'unknown_limit', errors: [{ path: `body.limits.${id}` }] },
    });
  }
  expect(await place(alice, 'h2', '1', { limits: { daily: -1 } })).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(await remaining(alice)).toEqual(['5']);
});

test('an end tells what its limits allow after it, in the window of now; a repeat tells the same', async () => {
  const alice = await account('ends', ['daily', { amount: 10, period: 'day' }],
    ['soft', { amount: 20, period: 'hour', window: 'rolling', mode: 'warn' }]);
  const limitsOf = async (answer: ReturnType<typeof settle>): Promise<[string, string][]> => {
    const { status, body } = await answer;
    expect(status).toBe(200);
    return (body['limits'] as { id: string; remaining: string; resetsAt: string }[])
      .map(({ id, remaining: left, resetsAt }) => [id, `${left} ${Date.parse(resetsAt) > 0 ? 'until then' : resetsAt}`]);
  };
  await place(alice, 'h1', '6');
  const settled = await limitsOf(settle(alice, 'h1', { amount: '4' }));
  expect(settled).toEqual([['daily', '6 until then'], ['soft', '16 until then']]);
  expect(await remaining(alice)).toEqual(['6', '16']);
  await place(alice, 'h2', '5');
  expect(await limitsOf(step(alice, 'h2', 'void', { reason: 'timeout' }))).toEqual(settled);
  expect(await limitsOf(settle(alice, 'h1', { amount: '4' }))).toEqual(settled);
  await place(alice, 'h3', '1');
  // Far above the hold.
  expect(await limitsOf(settle(alice, 'h3', { amount: '30' }))).toEqual([['daily', '0 until then'], ['soft', '0 until then']]);
});

test('a limit of a model counts whatever API uses it and however it is named', async () => {
  await lab.admin('PUT', '/v1/prices/native', { model: 'gpt-4o', prices: { input: '2.5', output: '10' } });
  const alice = await account('names', ['m', { amount: 50, period: 'day', match: { model: 'gpt-4o' } }]);
  const token = await lab.gateway.token({ sub: alice });
  const use = (operation: string, credits: number) => fetch(`${lab.gateway.url}/api/usage/record`, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ service: 'chat', operation, credits }),
  });
  expect((await use('openai/GPT-4o-2024-08-06', 30)).status).toBeLessThan(300);
  expect(await remaining(alice, '&model=gpt-4o')).toEqual(['20']);
  expect((await use('openai/gpt-4o', 21)).status).toBeGreaterThanOrEqual(400);
  // The models of a process are known at its end, those of a hold as well.
  const ended = await lab.post('/api/credits-process/end', {
    user_id: alice, feature_endpoint_id: 'ai_chat_v1', ai_model: 'gpt-4o', input_tokens: 0, output_tokens: 60,
  });
  const { total_cost: credits } = ended.body.data;
  expect(credits).toBeGreaterThan(0);
  expect(await remaining(alice, '&model=gpt-4o')).toEqual([String(Math.max(0, 20 - credits))]);
  await lab.admin('PUT', `/v1/accounts/${alice}/limits/m`, { amount: 500, period: 'day', match: { model: 'gpt-4o' } });
  await place(alice, 'h1', '40');
  const usages = [{ model: 'openai/gpt-4o', usage: { outputTokens: 1_000_000 } }];
  expect(await settle(alice, 'h1', { usages })).toMatchObject({ status: 200, body: { captured: '10' } });
  expect(await remaining(alice, '&model=gpt-4o')).toEqual([String(500 - 30 - credits - 10)]);
});

test('each window tells once that it is used up, whatever is given back and taken again', async () => {
  const alice = await account('told', ['hard', { amount: 5, period: 'day' }], ['soft', { amount: 3, period: 'day', mode: 'warn' }]);
  for (const id of ['h1', 'h2']) {
    expect((await place(alice, id, '5')).status).toBe(201);
    expect((await place(alice, 'more', '1')).status).toBe(402);
    expect((await step(alice, id, 'void', { reason: 'timeout' })).status).toBe(200);
  }
  goTo(DateTime.fromMillis(now().toMillis(), { zone: 'utc' }).plus({ days: 1 }).startOf('day').plus({ minutes: 5 }));
  expect((await lab.admin('POST', '/v1/charges', { account: alice, amount: '4', reason: 'test' })).status).toBe(201);
  expect((await lab.admin('POST', '/v1/charges', { account: alice, amount: '1', reason: 'test' })).status).toBe(201);
  expect((await lab.admin('POST', '/v1/charges', { account: alice, amount: '1', reason: 'test' })).status).toBe(402);
  const told = async (): Promise<string[]> => {
    const { body } = await lab.admin('GET', `/v1/events?account=${alice}`);
    return (body['data'] as { type: string; data: { limit: string; windowFrom: string } }[])
      .filter(({ type }) => type.startsWith('limit.')).map(({ type, data }) => `${type} ${data.limit} ${data.windowFrom}`).sort();
  };
  const today = DateTime.fromMillis(now().toMillis(), { zone: 'utc' }).startOf('day');
  const expected = [today.minus({ days: 1 }), today].flatMap((day) => [
    `limit.reached hard ${day.toISO() ?? ''}`, `limit.warned soft ${day.toISO() ?? ''}`,
  ]).sort();
  expect(await until(told, (found) => found.length >= expected.length)).toEqual(expected);
});

test('a hold from before midnight of the zone of its limit goes back to its own day; what is above it is never refused', async () => {
  goTo(now().plus({ days: 1 }).startOf('day').set({ hour: 23, minute: 30 }));
  const alice = await account('night', ['daily', { amount: 10, period: 'day', timeZone: ZONE }]);
  const midnight = now().plus({ days: 1 }).startOf('day');
  expect(await place(alice, 'h1', '8')).toMatchObject({
    status: 201, body: { limits: [{ id: 'daily', remaining: '2', resetsAt: midnight.toUTC().toISO() }] },
  });
  expect((await place(alice, 'h2', '2')).status).toBe(201);
  goTo(midnight.plus({ minutes: 5 }));
  expect(await remaining(alice)).toEqual(['10']);
  expect(await place(alice, 'h3', '4')).toMatchObject({ status: 201, body: { limits: [{ remaining: '6' }] } });
  // What was given back is of yesterday; the answer tells of today.
  expect(await settle(alice, 'h1', { amount: '1' })).toMatchObject({
    status: 200, body: { released: '7', limits: [
      { id: 'daily', remaining: '6', resetsAt: now().plus({ days: 1 }).startOf('day').toUTC().toISO() },
    ] },
  });
  expect(await remaining(alice)).toEqual(['6']);
  // An extension counts today.
  expect(await extend(alice, 'h2', '7')).toMatchObject({ status: 402, body: { limit: 'daily', shortBy: '1' } });
  expect(await extend(alice, 'h2', '1')).toMatchObject({ status: 200, body: { limits: [{ remaining: '5' }] } });
  // Usage far above the hold counts in its last window, above the amount of the limit.
  expect(await settle(alice, 'h3', { amount: '40' })).toMatchObject({ status: 200, body: { captured: '40', uncollected: '0' } });
  expect(await remaining(alice)).toEqual(['0']);
  expect((await place(alice, 'h4', '1')).status).toBe(402);
});

test('a day of 25 hours and a day of 23 hours are one day each, and a month that ends with a 31st ends then', async () => {
  const lastSunday = (month: number): DateTime => {
    const of = (year: number): DateTime => {
      const end = DateTime.fromObject({ year, month, day: 31 }, { zone: ZONE });
      return end.minus({ days: end.weekday % 7 });
    };
    return [0, 1].map((later) => of(now().year + later)).find((day) => day > now()) ?? now();
  };
  for (const day of [lastSunday(10), lastSunday(3)].sort((a, b) => a.toMillis() - b.toMillis())) {
    goTo(day.plus({ minutes: 10 }));
    const alice = await account('dst', ['daily', { amount: 10, period: 'day', timeZone: ZONE }]);
    const ends = day.plus({ days: 1 });
    expect((ends.toMillis() - day.toMillis()) / HOUR_MS).toBe(day.month === 10 ? 25 : 23);
    const charge = (amount: string) => lab.admin('POST', '/v1/charges', { account: alice, amount, reason: 'test' });
    expect((await charge('10')).status).toBe(201);
    goTo(ends.minus({ minutes: 10 }));
    expect(await charge('1')).toMatchObject({ status: 402, body: { limit: 'daily', resetsAt: ends.toUTC().toISO() } });
    goTo(ends.plus({ minutes: 10 }));
    expect((await charge('1')).status).toBe(201);
  }
  goTo(DateTime.fromObject({ year: now().year + 1, month: 1, day: 31, hour: 23, minute: 30 }, { zone: ZONE }));
  const bob = await account('month', ['monthly', { amount: 10, period: 'month', timeZone: ZONE }]);
  const february = DateTime.fromObject({ year: now().year, month: 2 }, { zone: ZONE });
  expect(await place(bob, 'h1', '10')).toMatchObject({ status: 201, body: { limits: [{ resetsAt: february.toUTC().toISO() }] } });
  goTo(february.plus({ minutes: 5 }));
  expect(await place(bob, 'h2', '3')).toMatchObject({
    status: 201, body: { limits: [{ remaining: '7', resetsAt: february.plus({ months: 1 }).toUTC().toISO() }] },
  });
  expect((await step(bob, 'h1', 'void', { reason: 'timeout' })).status).toBe(200);
  expect(await remaining(bob)).toEqual(['7']);
});
