import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { apiProfile, connectPostgres } from '../../../src/stores/postgres/connect.js';
import { creditsLab, SERVER_KEY, type Lab } from './lab.js';

/** Contract 3.4: what the shipped clients call beside the process. */
let lab: Lab;
beforeAll(async () => { lab = await creditsLab({ INITIAL_CREDITS: '150' }); });
afterAll(async () => { await lab.stop(); });

test('initial credits: the default, once in a life, whatever path and amount', async () => {
  const user = lab.user();
  const { status, body } = await lab.post('/api/user-wallets/give-initial-credits', { user_id: user, email: 'a@example.com' });
  expect([status, body.success, body.message]).toEqual([200, true, 'Initial credits given successfully']);
  expect(body.data).toMatchObject({
    _id: expect.stringMatching(/^[0-9a-f]{24}$/) as unknown, user, email: 'a@example.com', credits: 150,
    initial_credits_given: true,
  });
  for (const path of ['', '/server']) {
    const again = await lab.post(`/api/user-wallets/give-initial-credits${path}`, { user_id: user, credits: 7 });
    expect([again.status, again.body.message]).toEqual([400, 'Initial credits has already been given to this user']);
  }
  expect(await lab.balance(user)).toBe(150);
});

test('an initial gift that was refused while the account was frozen can be given after the thaw, once', async () => {
  const user = 'frozen-newcomer';
  await lab.post('/api/user-wallets/give-bonus-credits', { user_id: user, credits: 1 });
  await lab.admin('POST', `/v1/accounts/${user}/freeze`, { reason: 'a test' });
  expect((await lab.post('/api/user-wallets/give-initial-credits', { user_id: user })).status).toBe(423);
  await lab.admin('POST', `/v1/accounts/${user}/thaw`, { reason: 'a test' });
  expect((await lab.post('/api/user-wallets/give-initial-credits', { user_id: user })).status).toBe(200);
  expect((await lab.post('/api/user-wallets/give-initial-credits', { user_id: user })).status).toBe(400);
});

const keyed = (key: string, serverKey = SERVER_KEY) => ({ 'x-server-api-key': serverKey, 'idempotency-key': key });
const INITIAL = '/api/user-wallets/give-initial-credits';

test('of sixty initial gifts at once the one that gave hears 200, the others that it was given', async () => {
  const user = lab.user();
  const answers = await Promise.all(Array.from({
    length: 60,
  }, () => lab.post('/api/user-wallets/server/give-initial-credits', { user_id: user, credits: 40 })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 59 }, () => 400)]);
  expect(await lab.balance(user)).toBe(40);
});

test('of sixty initial gifts under keys at once the one that gave hears 200, and so do its repeats', async () => {
  const user = lab.user();
  const answers = await Promise.all(Array.from({ length: 60 }, async (_, index) => {
    const key = `gift-${user}-${index % 20}`;
    return { key, ...await lab.post(INITIAL, { user_id: user, credits: 40 }, keyed(key)) };
  }));
  const [given, ...repeats] = answers.filter(({ status }) => status === 200).toSorted((a, b) =>
    (a.headers.get('idempotency-replayed') ?? '').localeCompare(b.headers.get('idempotency-replayed') ?? ''));
  expect([
    given?.headers.get('idempotency-replayed'), repeats.map(({ key, headers }) => [key, headers.get('idempotency-replayed')]),
  ]).toEqual([null, [[given?.key, 'true'], [given?.key, 'true']]]);
  expect(answers.filter(({ status }) => status === 400)).toHaveLength(57);
  const key = given?.key ?? '';
  const other = await lab.admin('POST', '/api/admin/server-keys', { name: 'another server', scopes: ['wallets'] });
  const again = [
    await lab.post(INITIAL, { user_id: user, credits: 40 }, keyed(key)),
    await lab.post(INITIAL, { user_id: user, credits: 41 }, keyed(key)),
    await lab.post(INITIAL, { user_id: user, credits: 40 }, keyed(key, String(other.body['key']))),
  ];
  expect(again.map(({ status, body }) => [status, body.message])).toEqual([
    [200, 'Initial credits given successfully'], [400, 'Initial credits has already been given to this user'],
    [400, 'Initial credits has already been given to this user'],
  ]);
  expect(await lab.balance(user)).toBe(40);
});

test('an initial gift that was refused belongs to the request that gives it after the thaw, with its amount', async () => {
  const user = lab.user();
  await lab.post('/api/user-wallets/give-bonus-credits', { user_id: user, credits: 1 });
  await lab.admin('POST', `/v1/accounts/${user}/freeze`, { reason: 'a test' });
  expect((await lab.post(INITIAL, { user_id: user, credits: 40 }, keyed('first'))).status).toBe(423);
  await lab.admin('POST', `/v1/accounts/${user}/thaw`, { reason: 'a test' });
  const answers = await Promise.all(Array.from({
    length: 20,
  }, async (_, index) => ({ index, ...await lab.post(INITIAL, { user_id: user, credits: 50 + index }, keyed(`later-${index}`)) })));
  const given = answers.filter(({ status }) => status === 200);
  expect([given.length, answers.filter(({ status }) => status === 400).length]).toEqual([1, 19]);
  const index = given[0]?.index ?? 0;
  expect(await lab.balance(user)).toBe(51 + index);
  expect((await lab.post(INITIAL, { user_id: user, credits: 50 + index }, keyed(`later-${index}`))).headers.get('idempotency-replayed'))
    .toBe('true');
});

test('a bonus says that it was given, and whether the initial credits were', async () => {
  const user = lab.user();
  const said: unknown[] = [];
  for (const path of ['bonus', 'initial', 'bonus']) {
    const { data } = (await lab.post(`/api/user-wallets/give-${path}-credits`, { user_id: user, credits: 5 })).body;
    said.push([data['initial_credits_given'], data['bonus_credits_given']]);
  }
  expect(said).toEqual([[false, true], [true, undefined], [true, true]]);
});

test('a bonus: a whole number of credits, each time, or once under a key', async () => {
  const user = lab.user();
  for (const credits of [0, -1, 1.5, '5']) {
    expect((await lab.post('/api/user-wallets/give-bonus-credits', { user_id: user, credits })).status).toBe(400);
  }
  const { body } = await lab.post('/api/user-wallets/give-bonus-credits', { user_id: user, credits: 5 });
  expect([body.message, body.data.credits]).toEqual(['Bonus credits given successfully', 5]);
  const headers = { 'x-server-api-key': SERVER_KEY, 'idempotency-key': randomUUID() };
  for (const expected of [null, 'true']) {
    const answer = await lab.post('/api/user-wallets/give-bonus-credits/server', { user_id: user, credits: 5 }, headers);
    expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([200, expected]);
  }
  expect(await lab.balance(user)).toBe(10);
});

test('usage logs are kept, whichever name the user has in them', async () => {
  const user = lab.user();
  const log = { user_id: user, feature: 'chat', nested: { text: 'a\u0000b' } };
  expect((await lab.post('/api/feature-usage-logs', log)).status).toBe(201);
  expect((await lab.post('/api/feature-usage-logs', { user, duration: 3 })).body.data).toMatchObject({ user });
  expect((await lab.post('/api/feature-usage-logs', { feature: 'chat' })).status).toBe(400);
  expect((await lab.post('/api/feature-usage-logs', { user, text: 'x'.repeat(20_000) })).status).toBe(400);
  const db = connectPostgres(lab.gateway.databaseUrl, apiProfile(5_000));
  const { rows } = await db.raw<{
    rows: { payload: string }[];
  }>('select payload from feature_usage_logs where account_id = ? order by log_id', [user]);
  await db.destroy();
  expect(rows.map(({ payload }) => JSON.parse(payload) as unknown)).toEqual([log, { user, duration: 3 }]);
});
