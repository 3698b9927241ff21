import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { send, type CallOptions } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { toldWhy } from '../../support/reason.js';

let gateway: TestGateway;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await gateway.token({ sub: 'root', role: 'admin' });
});
afterAll(async () => { await gateway.stop(); });

const call = (method: string, path: string, options: CallOptions = {}) => {
  const [told, more] = toldWhy(method, path, options);
  return send(gateway.url + told, method, { token: admin, ...more });
};
const daily = { amount: '10', period: 'day' };

/** A new account with a hundred credits, and its token. */
async function account(sub: string): Promise<string> {
  const { status } = await call('POST', '/api/credits/allocate', { body: { userId: sub, credits: 100 } });
  expect(status).toBe(201);
  return gateway.token({ sub, role: 'user' });
}

test('a limit is defined, read, changed and removed, bound to its ETag', async () => {
  const token = await account('l-crud');
  const path = '/v1/accounts/l-crud/limits/daily';
  const made = await call('PUT', path, { body: daily, headers: { 'if-none-match': '*' } });
  expect([made.status, made.headers.get('etag'), made.body]).toEqual([201, '"1"', {
    id: 'daily', account: 'l-crud', amount: '10', period: 'day', window: 'calendar', timeZone: 'UTC', match: {}, mode: 'refuse',
  }]);
  expect(await call('PUT', path, { body: daily, headers: { 'if-none-match': '*' } })).toMatchObject({
    status: 412, body: { code: 'precondition_failed' },
  });
  // The same again changes nothing.
  const again = await call('PUT', path, { body: daily });
  expect([again.status, again.headers.get('etag')]).toEqual([200, '"1"']);
  const changed = await call('PUT', path, {
    body: { amount: 2.5, period: 'month', timeZone: 'Europe/Berlin', mode: 'warn', match: { spender: '*', model: 'gpt-4o' } },
    headers: { 'if-match': '"1"' },
  });
  expect([changed.status, changed.headers.get('etag'), changed.body['amount'], changed.body['match']]).toEqual([
    200, '"2"', '2.5', { spender: '*', model: 'gpt-4o' },
  ]);
  expect((await call('PUT', path, { body: daily, headers: { 'if-match': '"1"' } })).status).toBe(412);
  expect((await call('DELETE', path, { headers: { 'if-match': '"1"' } })).status).toBe(412);
  // Its owner may read it.
  expect((await call('GET', path, { token })).headers.get('etag')).toBe('"2"');
  expect((await call('GET', '/v1/accounts/l-crud/limits', { token })).body).toEqual({ data: [changed.body], nextCursor: null });
  expect((await call('DELETE', path, { headers: { 'if-match': '"2"' } })).status).toBe(204);
  expect((await call('DELETE', path)).status).toBe(404);
  expect(await call('GET', path)).toMatchObject({ status: 404, body: { code: 'not_found' } });
});

test.each<[string, object, string]>([
  ['an unknown zone', { ...daily, timeZone: 'Mars/Olympus' }, 'body.timeZone'],
  ['an offset for a zone', { ...daily, timeZone: '+02:00' }, 'body.timeZone'],
  ['a zone of a rolling window', { ...daily, window: 'rolling', timeZone: 'UTC' }, 'body.timeZone'],
  ['a rolling total', { amount: 1, period: 'total', window: 'rolling' }, 'body.window'],
  ['an unknown member', { ...daily, timezone: 'UTC' }, 'body.timezone'],
  ['an unknown member of the match', { ...daily, match: { modell: 'x' } }, 'body.match.modell'],
  ['a period that there is not', { amount: 1, period: 'fortnight' }, 'body.period'],
  ['no amount', { period: 'day' }, 'body.amount'],
  ['a negative amount', { ...daily, amount: -1 }, 'body.amount'],
  ['seven decimals', { ...daily, amount: '0.0000001' }, 'body.amount'],
  ['a spender that is no name', { ...daily, match: { spender: '\ud800' } }, 'body.match.spender'],
  ['a model that cannot be stored', { ...daily, match: { model: '\ud800' } }, 'body.match.model'],
  ['a line break in a match', { ...daily, match: { model: 'a\nb' } }, 'body.match.model'],
])('%s is refused, and nothing changes', async (_, body, path) => {
  const { status, body: { code, errors } } = await call('PUT', '/v1/accounts/l-bad/limits/daily', { body });
  expect({ status, code, paths: (errors as { path: string }[]).map((each) => each.path) }).toEqual({
    status: 400, code: 'invalid_request', paths: expect.arrayContaining([path]) as unknown,
  });
  expect((await call('GET', '/v1/accounts/l-bad/limits')).body['data']).toEqual([]);
});

test('an account has at most fifty limits, and an id of a limit is a short name', async () => {
  for (let index = 0; index < 50; index += 1) {
    expect((await call('PUT', `/v1/accounts/l-many/limits/limit-${index}`, { body: daily })).status).toBe(201);
  }
  expect(await call('PUT', '/v1/accounts/l-many/limits/more', { body: daily })).toMatchObject({ status: 409, body: { code: 'too_many' } });
  expect((await call('PUT', '/v1/accounts/l-many/limits/limit-3', { body: { ...daily, amount: 1 } })).status).toBe(200);
  expect((await call('PUT', '/v1/accounts/l-many/limits/a%2Fb', { body: daily })).status).toBe(400);
});

test('the legacy APIs count against the limits of the account, and refuse as for too few credits', async () => {
  const token = await account('l-legacy');
  await call('PUT', '/v1/accounts/l-legacy/limits/daily', { body: daily });
  expect((await call('POST', '/api/credits/deduct', { token, body: { credits: 8 } })).status).toBe(200);
  const refused = await call('POST', '/api/credits/deduct', { token, body: { credits: 3 } });
  const { body: { sources } } = refused;
  expect([refused.status, (sources as { path: string }[]).map(({ path }) => path)]).toEqual([400, ['limits.daily']]);
  const session = { sessionId: 'l-session', modelId: 'gpt-4', estimatedTokens: 1_000_000 };
  expect((await call('POST', '/api/streaming-sessions/initialize', { token, body: session })).status).toBe(402);
  // Usage that happened is recorded as uncollected, as without limits.
  const used = await call('POST', '/api/usage/record', { token, body: { service: 'chat', operation: 'gpt-4', credits: 5 } });
  expect(used.status).toBeGreaterThanOrEqual(400);
  expect((await call('GET', '/v1/accounts/l-legacy')).body).toMatchObject({ available: '92', totals: { captured: '8', uncollected: '5' } });
});

test('a limit of a model holds however the model is named, and for a charge of several models', async () => {
  await account('l-model');
  await call('PUT', '/v1/prices/native', { body: { model: 'gpt-4o', prices: { input: '2.5', output: '10' } } });
  await call('PUT', '/v1/prices/native', { body: { model: 'other', prices: { input: '1', output: '1' } } });
  await call('PUT', '/v1/accounts/l-model/limits/m', { body: { amount: '0.001', period: 'day', match: { model: 'gpt-4o' } } });
  const usage = { inputTokens: 1_000 };
  const about = { account: 'l-model', reason: 'test' };
  for (const model of ['gpt-4o', 'GPT-4o', 'openai/gpt-4o', 'gpt-4o-2024-08-06']) {
    const told = [
      await call('POST', '/v1/holds', { body: { ...about, price: { model, ...usage, maxOutputTokens: 1 } } }),
      await call('POST', '/v1/charges', { body: { ...about, model, usage } }),
      await call('POST', '/v1/charges', { body: { ...about, usages: [{ model: 'other', usage }, { model, usage }] } }),
    ];
    expect([model, ...told.map(({ status, body }) => `${status} ${String(body['code'])}`)])
      .toEqual([model, ...Array<string>(3).fill('402 limit_reached')]);
    const why = await call('GET', `/v1/accounts/l-model/explain?model=${encodeURIComponent(model)}&inputTokens=1000`);
    expect(why.body).toMatchObject({ passes: false, refusedBy: { limit: 'm' } });
  }
  expect((await call('POST', '/v1/charges', { body: { ...about, model: 'other', usage } })).status).toBe(201);
});

test('a limit of one spender takes any account', async () => {
  const spender = 'team/José:1';
  await account('l-any');
  await call('PUT', '/v1/accounts/l-any/limits/one', { body: { amount: 1, period: 'day', match: { spender } } });
  const hold = (name: string) => call('POST', '/v1/holds', { body: { account: 'l-any', reason: 'test', amount: 2, spender: name } });
  expect([(await hold(spender)).status, (await hold('team/José:2')).status]).toEqual([402, 201]);
});

test('explain tells what refuses, how much is missing and when it resets', async () => {
  const token = await account('l-why');
  const ask = async (query: string) => (await call('GET', `/v1/accounts/l-why/explain?${query}`, { token })).body;
  expect(await ask('amount=50')).toMatchObject({
    account: 'l-why', spender: 'l-why', passes: true, required: '50', available: '100', refusedBy: null, limits: [], expired: [],
    freeze: null,
  });
  expect(await ask('amount=100.5')).toMatchObject({
    passes: false, refusedBy: { kind: 'balance', limit: null, shortBy: '0.5', resetsAt: null },
  });
  await call('PUT', '/v1/accounts/l-why/limits/daily', { body: daily });
  await call('PUT', '/v1/accounts/l-why/limits/soft', { body: { amount: 1, period: 'hour', mode: 'warn' } });
  await call('PUT', '/v1/accounts/l-why/limits/other', { body: { amount: 0, period: 'total', match: { spender: 'bob' } } });
  await call('POST', '/api/credits/deduct', { token, body: { credits: 4 } });
  const midnight = new Date(Math.ceil(Date.now() / 86_400_000) * 86_400_000).toISOString();
  expect(await ask('amount=7')).toMatchObject({
    passes: false, refusedBy: { kind: 'limit', limit: 'daily', shortBy: '1', resetsAt: midnight },
    limits: [{ id: 'daily', mode: 'refuse', used: '4', remaining: '6', resetsAt: midnight }, { id: 'soft', mode: 'warn', remaining: '0' }],
  });
  expect(await ask('amount=1&spender=bob')).toMatchObject({ refusedBy: { kind: 'limit', limit: 'other', shortBy: '1', resetsAt: null } });
  // Priced: the same tokens of the same model cost the same as everywhere.
  const priced = await call('PUT', '/v1/prices/native', {
    body: { model: 'm-explain', prices: { input: '1', output: '2' }, unit: 1_000_000 },
  });
  expect(priced).toMatchObject({ status: 200 });
  expect(await ask('model=m-explain&inputTokens=1000000&maxOutputTokens=1000000')).toMatchObject({ passes: true, required: '3' });
  expect(await ask('inputTokens=5')).toMatchObject({ status: 400, errors: [{ path: 'query.model' }] });
  expect(await ask('model=nobody-knows&inputTokens=5')).toHaveProperty('code');
  await call('POST', '/v1/accounts/l-why/freeze', { body: { reason: 'chargeback' } });
  expect(await ask('amount=1')).toMatchObject({
    passes: false, refusedBy: { kind: 'frozen' }, freeze: { actor: 'root', reason: 'chargeback' },
  });
});

test('members of a pool: added, read, refused and removed', async () => {
  const path = '/v1/accounts/p-team/members/p-alice';
  const token = await account('p-alice');
  await account('p-team');
  const made = await call('PUT', path, { body: {} });
  expect([made.status, made.body]).toMatchObject([201, { account: 'p-team', spender: 'p-alice' }]);
  expect((await call('PUT', path, { body: {} })).status).toBe(200);
  const etag = (await call('GET', path)).headers.get('etag') ?? '';
  expect(etag).toMatch(/^"\d+"$/);
  expect((await call('GET', '/v1/accounts/p-team/members')).body).toEqual({ data: [made.body], nextCursor: null });
  for (const [pool, spender] of [
    ['p-team', 'p-team'], // itself
    ['p-other', 'p-alice'], // a member of another pool
    ['p-other', 'p-team'], // a pool
    ['p-alice', 'p-bob'], // of a member
  ]) {
    const refused = await call('PUT', `/v1/accounts/${pool ?? ''}/members/${spender ?? ''}`, { body: {} });
    expect([pool, spender, refused.status, refused.body['code']]).toEqual([pool, spender, 409, 'conflict']);
  }
  expect((await call('PUT', path, { body: { role: 'x' } })).status).toBe(400);
  expect((await call('PUT', path, { body: {}, headers: { 'if-none-match': '*' } })).status).toBe(412);
  // The pool pays, under the member's own name.
  await call('PUT', '/v1/accounts/p-team/limits/each', { body: { amount: 3, period: 'day', match: { spender: '*' } } });
  expect((await call('GET', '/v1/accounts/p-alice/explain?amount=5', { token })).body).toMatchObject({
    account: 'p-team', spender: 'p-alice', refusedBy: { kind: 'limit', limit: 'each', shortBy: '2' },
  });
  expect((await call('DELETE', path, { headers: { 'if-match': '"0"' } })).status).toBe(412);
  expect((await call('DELETE', path, { headers: { 'if-match': etag } })).status).toBe(204);
  expect((await call('DELETE', path)).status).toBe(404);
  expect((await call('GET', '/v1/accounts/p-alice/explain?amount=5', { token })).body).toMatchObject({ account: 'p-alice', passes: true });
});

test('holds of /v1: the answer tells the limits, the tightest refuses, and an extension is bound as well', async () => {
  const token = await account('h-limits');
  await call('PUT', '/v1/accounts/h-limits/limits/daily', { body: daily });
  const midnight = new Date(Math.ceil(Date.now() / 86_400_000) * 86_400_000).toISOString();
  const placed = await call('POST', '/v1/holds', { token, body: { id: 'h-1', amount: '4' } });
  expect([placed.status, placed.body['limits'], placed.body['final']]).toEqual([
    201, [{ id: 'daily', remaining: '6', resetsAt: midnight }], false,
  ]);
  expect(await call('POST', '/v1/holds', { token, body: { id: 'h-2', amount: '6.5' } })).toMatchObject({
    status: 402, body: { code: 'limit_reached', limit: 'daily', resetsAt: midnight, available: '6', required: '6.5', shortBy: '0.5' },
  });
  expect(await call('POST', '/v1/holds/h-1/extend', { token, body: { amount: '7' } })).toMatchObject({
    status: 402, body: { code: 'limit_reached', limit: 'daily', shortBy: '1' },
  });
  expect(await call('POST', '/v1/holds/h-1/extend', { token, body: { amount: { minimum: '1', desired: '20' } } })).toMatchObject({
    status: 200, body: { amount: '10', final: true, limits: [{ id: 'daily', remaining: '0' }] },
  });
  expect(await call('POST', '/v1/holds/h-1/progress', { token, body: { amount: '3' } })).toMatchObject({
    status: 200, body: { final: true, limits: [{ id: 'daily', remaining: '0' }] },
  });
  expect((await call('POST', '/v1/holds/h-1/settle', { token, body: { amount: '3' } })).status).toBe(200);
  expect(await call('POST', '/v1/holds', { token, body: { id: 'h-3', amount: '7' } })).toMatchObject({
    status: 201, body: { limits: [{ remaining: '0' }], final: true },
  });
  expect((await call('POST', '/v1/holds', { token, body: { amount: '1', spender: 'h-other' } })).status).toBe(403);
});

test('holds of a member are paid by its pool, under its name, and are out of reach of the others', async () => {
  const [team, alice, bob] = [await account('q-team'), await account('q-alice'), await account('q-bob')];
  expect((await call('POST', '/v1/holds', { token: alice, body: { id: 'own', amount: '1' } })).body).toMatchObject({ account: 'q-alice' });
  for (const spender of ['q-alice', 'q-bob']) await call('PUT', `/v1/accounts/q-team/members/${spender}`, { body: {} });
  await call('PUT', '/v1/accounts/q-team/limits/each', { body: { amount: 5, period: 'day', match: { spender: '*' } } });
  for (const token of [alice, bob]) {
    expect(await call('POST', '/v1/holds', { token, body: { id: 'msg', amount: '4' } })).toMatchObject({
      status: 201,
      body: { id: 'msg', account: 'q-team', available: token === alice ? '96' : '92', limits: [{ id: 'each', remaining: '1' }] },
    });
  }
  const repeat = await call('POST', '/v1/holds', { token: alice, body: { id: 'msg', amount: '4' } });
  expect(repeat.headers.get('idempotency-replayed')).toBe('true');
  expect(await call('POST', '/v1/holds', { token: alice, body: { id: 'more', amount: '2' } })).toMatchObject({
    status: 402, body: { code: 'limit_reached', limit: 'each' },
  });
  expect(await call('POST', '/v1/holds/msg/extend', { token: alice, body: { amount: '1' } })).toMatchObject({
    status: 200, body: { id: 'msg', account: 'q-team', spender: 'q-alice', amount: '5' },
  });
  expect((await call('POST', '/v1/holds/q-bob%2Fmsg/settle', { token: alice, body: { amount: '4' } })).status).toBe(404);
  expect(await call('POST', '/v1/holds/msg/settle', { token: alice, body: { amount: '2' } })).toMatchObject({
    status: 200, body: { id: 'msg', account: 'q-team', spender: 'q-alice', state: 'settled', captured: '2' },
  });
  expect(await call('GET', '/v1/holds/msg', { token: alice })).toMatchObject({
    body: { id: 'msg', account: 'q-team', spender: 'q-alice' },
  });
  expect(await call('GET', '/v1/holds/msg', { token: bob })).toMatchObject({
    status: 200, body: { id: 'msg', account: 'q-team', spender: 'q-bob', state: 'open', amount: '4' },
  });
  // Of the pool they are under the names of its members.
  expect((await call('POST', '/v1/holds/q-bob%2Fmsg/void', { token: team, body: { reason: 'timeout' } })).status).toBe(200);
  // The hold from before is on the member's own account, and ends there.
  expect(await call('POST', '/v1/holds/own/settle', { token: alice, body: { amount: '1' } })).toMatchObject({
    status: 200, body: { id: 'own', account: 'q-alice' },
  });
  expect((await call('GET', '/v1/accounts/q-alice')).body).toMatchObject({ available: '99' });
  expect((await call('GET', '/v1/accounts/q-team')).body).toMatchObject({ available: '98', held: '0' });
  // A charge as well.
  expect(await call('POST', '/v1/charges', { token: bob, body: { amount: '4', feature: 'chat' } })).toMatchObject({
    status: 201, body: { account: 'q-team', spender: 'q-bob', available: '94' },
  });
  expect(await call('POST', '/v1/charges', { token: bob, body: { amount: '2' } })).toMatchObject({
    status: 402, body: { code: 'limit_reached', limit: 'each', shortBy: '1' },
  });
});

test('a pool reaches the holds of its members whatever their names and ids, and a name too long for that is no member', async () => {
  await account('l-long');
  const put = (spender: string) => call('PUT', `/v1/accounts/l-long/members/${encodeURIComponent(spender)}`, { body: {} });
  expect(await put('\u{1F600}'.repeat(255))).toMatchObject({ status: 400, body: { errors: [{ path: 'path.spender' }] } });
  const spender = `${'é'.repeat(80)}/x`;
  const id = 'h'.repeat(128);
  expect((await put(spender)).status).toBe(201);
  expect((await call('POST', '/v1/holds', { body: { account: spender, id, amount: 1, reason: 'test' } })).status).toBe(201);
  const listed = await call('GET', '/v1/holds?account=l-long');
  const [{ id: inPool }] = listed.body['data'] as [{ id: string }];
  const path = `/v1/holds/${encodeURIComponent(inPool)}`;
  expect((await call('POST', `${path}/settle`, { body: { account: 'l-long', amount: '0.5', reason: 'completed' } })).body)
    .toMatchObject({ captured: '0.5' });
  expect((await call('GET', `${path}?account=l-long`)).body).toMatchObject({ state: 'settled' });
});

test('ids of a pool and of its members are apart, and a key of a member is its own', async () => {
  const [team, alice, bob] = [await account('i-team'), await account('i-alice'), await account('i-bob')];
  for (const spender of ['i-alice', 'i-bob']) await call('PUT', `/v1/accounts/i-team/members/${spender}`, { body: {} });
  const place = (token: string, id: string, headers = {}) => call('POST', '/v1/holds', { token, body: { id, amount: '1' }, headers });
  expect(await place(team, 'i-alice/z')).toMatchObject({ status: 400, body: { errors: [{ path: 'body.id' }] } });
  expect(await place(team, 'i-carol/z')).toMatchObject({ status: 201, body: { id: 'i-carol/z' } });
  const headers = { 'idempotency-key': 'same' };
  expect(await place(alice, 'z', headers)).toMatchObject({ status: 201, body: { id: 'z', spender: 'i-alice' } });
  expect(await place(bob, 'z', headers)).toMatchObject({ status: 201, body: { id: 'z', spender: 'i-bob' } });
  expect((await place(alice, 'y', headers)).status).toBe(422);
});

test('a refund that names a member is of what it used from its pool', async () => {
  const [team, alice, bob] = [await account('r-team'), await account('r-alice'), await account('r-bob')];
  const use = async (token: string, id: string): Promise<void> => {
    await call('POST', '/v1/holds', { token, body: { id, amount: '1' } });
    await call('POST', `/v1/holds/${id}/settle`, { token, body: { amount: '1', reason: 'completed' } });
  };
  const charge = (token: string, key: string) =>
    call('POST', '/v1/charges', { token, body: { amount: '1' }, headers: { 'idempotency-key': key } });
  await use(alice, 'before');
  for (const spender of ['r-alice', 'r-bob']) await call('PUT', `/v1/accounts/r-team/members/${spender}`, { body: {} });
  await use(alice, 'msg');
  await use(bob, 'other');
  await charge(team, 'own');
  const refund = (of: object, key: string) => call('POST', '/v1/refunds', {
    body: { account: 'r-alice', of, reason: 'wrong answer' }, headers: { 'idempotency-key': key },
  });
  const first = await refund({ hold: 'msg' }, 'r1');
  expect(first).toMatchObject({ status: 201, body: { account: 'r-team', spender: 'r-alice', amount: '1', left: '0' } });
  const again = await refund({ hold: 'msg' }, 'r1');
  expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([first.text, 'true']);
  const own = await refund({ hold: 'before' }, 'r2');
  expect(own).toMatchObject({ status: 201, body: { account: 'r-alice', amount: '1' } });
  expect(own.body).not.toHaveProperty('spender');
  for (const of of [{ hold: 'other' }, { charge: 'own' }]) expect((await refund(of, randomUUID())).status).toBe(404);
  // A charge is named by a key of the caller of the refund.
  const charged = await call('POST', '/v1/charges', {
    body: { account: 'r-alice', amount: '1', reason: 'test' }, headers: { 'idempotency-key': 'c1' },
  });
  expect(charged.body).toMatchObject({ account: 'r-team', spender: 'r-alice' });
  expect(await refund({ charge: 'c1' }, 'r3')).toMatchObject({ status: 201, body: { account: 'r-team', spender: 'r-alice', amount: '1' } });
  // Of the pool it is under the name of its member.
  expect(await call('POST', '/v1/refunds', { body: { account: 'r-team', of: { hold: 'r-bob/other' }, reason: 'x' } }))
    .toMatchObject({ status: 201, body: { account: 'r-team', amount: '1' } });
});
