import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { nativeLab, problemOf, type Call, type NativeLab } from '../../edge/v1/lab.js';

let lab: NativeLab;
let proxy: Call;
beforeAll(async () => {
  lab = await nativeLab();
  proxy = await lab.service(['holds', 'charges', 'read']);
});
afterAll(async () => { await lab.stop(); });

/** An account with credits and terms of its own. */
async function under(terms: object, credits = '100'): Promise<string> {
  const account = await lab.funded(credits);
  expect((await lab.operator('PUT', `/v1/accounts/${account}/terms`, { ...terms, reason: 'test' })).status).toBe(201);
  return account;
}

test('terms are set, read, changed and removed by operators and the scope admin, bound to their ETag, with the reason kept', async () => {
  const account = await lab.funded('1');
  const path = `/v1/accounts/${account}/terms`;
  const admin = await lab.service(['admin', 'read']);
  const user = await lab.user(account);
  expect(problemOf(await user('GET', path))).toEqual([404, 'not_found', []]);
  expect((await user('PUT', path, { maxHold: 1 })).status).toBe(403);
  expect((await proxy('PUT', path, { maxHold: 1 })).status).toBe(403);
  expect(problemOf(await lab.operator('PUT', path, { maxHold: 1 }))).toEqual([400, 'invalid_request', ['body.reason']]);
  const made = await admin('PUT', path, { maxHold: 5 }, { 'if-none-match': '*' });
  expect([made.status, made.headers.get('etag'), made.body]).toEqual([201, '"1"', {
    account, maxHold: '5', overCapture: null, debtLimit: null, reason: null, changedBy: expect.stringContaining('service-') as unknown,
    changedAt: expect.any(String) as unknown,
  }]);
  expect((await admin('PUT', path, { maxHold: 6 }, { 'if-none-match': '*' })).status).toBe(412);
  const again = await admin('PUT', path, { maxHold: '5' });
  expect([again.status, again.headers.get('etag')]).toEqual([200, '"1"']);
  const terms = { overCapture: 'debt', debtLimit: '2.5', reason: 'contract 7' };
  const changed = await lab.operator('PUT', path, terms, { 'if-match': '"1"' });
  expect([changed.status, changed.headers.get('etag')]).toEqual([200, '"2"']);
  expect(changed.body).toMatchObject({ maxHold: null, overCapture: 'debt', debtLimit: '2.5', reason: 'contract 7', changedBy: 'root' });
  // Its owner reads the terms, not why.
  expect((await user('GET', path)).body).toMatchObject({ overCapture: 'debt', debtLimit: '2.5', reason: null, changedBy: null });
  expect((await lab.operator('DELETE', `${path}?reason=over`, undefined, { 'if-match': '"1"' })).status).toBe(412);
  expect(problemOf(await lab.operator('DELETE', path))).toEqual([400, 'invalid_request', ['query.reason']]);
  expect((await lab.operator('DELETE', `${path}?reason=over`, undefined, { 'if-match': '"2"' })).status).toBe(204);
  expect((await lab.operator('DELETE', `${path}?reason=over`)).status).toBe(404);
  expect((await admin('PUT', path, { maxHold: 7 })).headers.get('etag')).toBe('"4"');
});

test.each([
  ['nothing', {}, 'body'],
  ['nothing but nulls', { maxHold: null, overCapture: null, debtLimit: null }, 'body'],
  ['a hold of nothing', { maxHold: 0 }, 'body.maxHold'],
  ['a negative limit', { debtLimit: -1 }, 'body.debtLimit'],
  ['seven decimals', { maxHold: '0.0000001' }, 'body.maxHold'],
  ['a rule that there is not', { overCapture: 'free' }, 'body.overCapture'],
  ['a limit of debt without debt', { overCapture: 'available', debtLimit: 1 }, 'body.debtLimit'],
  ['a misspelt term', { maxhold: 1 }, 'body.maxhold'],
])('%s is refused, and nothing changes', async (_, terms, path) => {
  const answer = await lab.operator('PUT', '/v1/accounts/t-bad/terms', { ...terms, reason: 'test' });
  expect(problemOf(answer)).toEqual([400, 'invalid_request', expect.arrayContaining([path]) as unknown]);
  expect((await lab.operator('GET', '/v1/accounts/t-bad/terms')).status).toBe(404);
});

test('a hold has at most maxHold, also without maxOutputTokens, by extension and by report', async () => {
  const account = await lab.funded('100');
  const place = (body: object) => proxy('POST', '/v1/holds', { account, ...body });
  const endless = { price: { model: 'gpt-4o', inputTokens: 1_000 } };
  expect(problemOf(await place(endless))).toEqual([400, 'invalid_request', ['body.price.maxOutputTokens']]);
  await lab.operator('PUT', `/v1/accounts/${account}/terms`, { maxHold: 5, reason: 'test' });

  expect(problemOf(await place({ amount: '5.000001' }))).toEqual([400, 'invalid_request', ['body.amount']]);
  expect(problemOf(await place({ price: { model: 'gpt-4o', inputTokens: 1, maxOutputTokens: 1_000_000 } })))
    .toEqual([400, 'invalid_request', ['body.price.maxOutputTokens']]);
  expect(problemOf(await place({ price: { model: 'gpt-4o', inputTokens: 1, minimumOutputTokens: 1_000_000 } })))
    .toEqual([400, 'invalid_request', ['body.price.minimumOutputTokens']]);
  expect((await lab.operator('GET', `/v1/accounts/${account}`)).body).toMatchObject({ available: '100', held: '0' });
  expect((await place({ id: 'endless', ...endless })).body).toMatchObject({ amount: '5', final: true, stopAtTokens: 499_750 });
  expect((await place({ amount: { minimum: 1, desired: 50 } })).body).toMatchObject({ amount: '5', final: true });

  expect((await place({ id: 'h', amount: 1 })).body).toMatchObject({ amount: '1', final: false });
  expect(problemOf(await proxy('POST', '/v1/holds/h/extend', { account, amount: 5 }))).toEqual([400, 'invalid_request', ['body.amount']]);
  expect((await proxy('POST', '/v1/holds/h/progress', { account, amount: 1, extend: { headroom: 9 } })).body)
    .toMatchObject({ amount: '5', final: true });
  // The most that a hold may have, of what is there: less is refused with what was needed.
  const poor = await under({ maxHold: 5 }, '4');
  const short = await proxy('POST', '/v1/holds', { account: poor, ...endless });
  expect([short.status, short.body['required'], short.body['shortBy']]).toEqual([402, '5', '1']);
});

test('usage beyond a hold: by the terms of the account, in place of the gateway\'s; a request may be stricter, never laxer', async () => {
  const over = async (account: string, asked: object) => {
    const id = randomUUID();
    const placed = await proxy('POST', '/v1/holds', { id, account, amount: 1, ...asked });
    return placed.status === 201 ? (await proxy('POST', `/v1/holds/${id}/settle`, { account, amount: 9 })).body : problemOf(placed);
  };
  const bounded = { overCapture: 'debt', debtLimit: 2 };
  expect(await over(await under(bounded, '3'), {})).toMatchObject({ captured: '5', debt: '2', uncollected: '4' });
  expect(await over(await under(bounded, '3'), { debtLimit: '0.5' })).toMatchObject({ debt: '0.5', uncollected: '5.5' });
  expect(await over(await under(bounded, '3'), { overCapture: 'cap' })).toMatchObject({ captured: '1', debt: '0', uncollected: '8' });
  expect(await over(await under({ debtLimit: 2 }, '3'), {})).toMatchObject({ debt: '2' });
  expect(await over(await under({ overCapture: 'available' }, '3'), {})).toMatchObject({ captured: '3', debt: '0', uncollected: '6' });

  const strict = await under({ overCapture: 'available' });
  expect(await over(strict, { overCapture: 'debt' })).toEqual([400, 'invalid_request', ['body.overCapture']]);
  expect(await over(strict, { debtLimit: 1 })).toEqual([400, 'invalid_request', ['body.debtLimit']]);
  expect(await over(await under(bounded), { debtLimit: '2.000001' })).toEqual([400, 'invalid_request', ['body.debtLimit']]);
});

test('an open hold keeps the rule that it was placed under, and its place is answered as before', async () => {
  const account = await under({ overCapture: 'debt', debtLimit: 2 }, '3');
  const request = { id: 'h', account, amount: 1, overCapture: 'debt' };
  const first = await proxy('POST', '/v1/holds', request);
  await lab.operator('PUT', `/v1/accounts/${account}/terms`, { overCapture: 'cap', maxHold: '0.5', reason: 'test' });
  const again = await proxy('POST', '/v1/holds', request);
  expect([first.status, again.status, again.body['amount']]).toEqual([201, 201, '1']);
  expect((await proxy('POST', '/v1/holds/h/extend', { account, leaseSeconds: 60 })).body).toMatchObject({ amount: '1', final: true });
  expect((await proxy('POST', '/v1/holds/h/settle', { account, amount: 9 })).body).toMatchObject({ captured: '5', debt: '2' });
});

test('explain tells the terms, and a hold that is larger than one may be', async () => {
  const account = await under({ maxHold: 5, overCapture: 'debt', debtLimit: 2 });
  const explain = async (amount: number) => (await proxy('GET', `/v1/accounts/${account}/explain?amount=${amount}`)).body;
  expect(await explain(5)).toMatchObject({ passes: true, terms: { maxHold: '5', overCapture: 'debt', debtLimit: '2' } });
  expect(await explain(7)).toMatchObject({
    passes: false, refusedBy: { kind: 'max_hold', limit: null, shortBy: '2', resetsAt: null },
  });
  const other = await lab.funded('1');
  expect((await proxy('GET', `/v1/accounts/${other}/explain?amount=1`)).body)
    .toMatchObject({ terms: { maxHold: null, overCapture: 'debt', debtLimit: null } });
});

test('the other APIs place and end holds by the terms of the account', async () => {
  const account = await under({ maxHold: 5, overCapture: 'debt', debtLimit: 1 }, '6');
  const user = await lab.user(account);
  const initialize = (sessionId: string, estimatedTokens: number) =>
    user('POST', '/api/streaming-sessions/initialize', { sessionId, modelId: 'gpt-4', estimatedTokens });
  const refused = await initialize(randomUUID(), 5_000_000);
  expect([refused.status, JSON.stringify(refused.body)]).toEqual([402, expect.stringContaining('terms.maxHold')]);
  const sessionId = randomUUID();
  expect((await initialize(sessionId, 10)).status).toBe(201);
  await user('POST', '/api/streaming-sessions/finalize', { sessionId, actualTokens: 90_000_000 });
  expect((await lab.operator('GET', `/v1/accounts/${account}`)).body).toMatchObject({ available: '0', debt: '1' });
});
