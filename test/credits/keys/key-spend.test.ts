import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Answer } from '../../support/fake-gateway.js';
import { until } from '../../edge/queues/lab.js';
import { nativeLab, problemOf, type Call, type NativeLab } from '../../edge/v1/lab.js';

let lab: NativeLab;
beforeAll(async () => { lab = await nativeLab(); });
afterAll(async () => { await lab.stop(); });

const SCOPES = ['holds', 'charges', 'read'];

/** A service whose key may spend so much a day. */
async function service(amount: string, more: object = {}): Promise<{ readonly call: Call; readonly id: string; readonly name: string }> {
  const name = `spender-${randomUUID()}`;
  const { status, body } = await lab.operator('POST', '/v1/api-keys', {
    name, scopes: SCOPES, spendLimit: { amount, period: 'day' }, ...more,
  });
  expect([status, body['spendLimit']]).toEqual([201, { amount, period: 'day', timeZone: 'UTC' }]);
  return { call: lab.bearer(String(body['key'])), id: String(body['id']), name };
}

const midnightAfter = (ms: number): string => new Date(Math.floor(ms / 86_400_000) * 86_400_000 + 86_400_000).toISOString();
const statuses = (answers: readonly Answer[]): Record<string, number> =>
  answers.reduce<Record<string, number>>((sums, { status }) => ({ ...sums, [status]: (sums[status] ?? 0) + 1 }), {});

/** Waits until this is left of the limit, as `explain` tells it: an end may be counted a moment after its answer. */
async function expectLeft(call: Call, account: string, name: string, wanted: string): Promise<void> {
  expect(await until(async () => {
    const { body } = await call('GET', `/v1/accounts/${account}/explain?amount=0&key=${name}`);
    return (body['limits'] as { id: string; remaining: string }[]).find(({ id }) => id === 'key')?.remaining;
  }, (remaining) => remaining === wanted)).toBe(wanted);
}

test('a hundred holds at once over several accounts cannot pass the limit, and what ends without a charge is there again', async () => {
  const { call, name } = await service('10');
  const accounts = await Promise.all(Array.from({ length: 5 }, () => lab.funded('100')));
  const place = (index: number) => call('POST', '/v1/holds', { id: `h${index}`, account: accounts[index % 5], amount: 1 });
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => place(index)));
  expect(statuses(answers)).toEqual({ 201: 10, 402: 90 });
  const refused = answers.find(({ status }) => status === 402)?.body;
  expect(refused).toMatchObject({ code: 'limit_reached', limit: 'key', required: '1', available: '0' });
  expect([midnightAfter(Date.now()), midnightAfter(Date.now() - 60_000)]).toContain(refused?.['resetsAt']);
  await expectLeft(call, accounts[0] ?? '', name, '0');

  const placed = answers.flatMap(({ status }, index) => (status === 201 ? [index] : []));
  for (const index of placed.slice(0, 3)) {
    const path = `/v1/holds/h${index}/void`;
    expect((await call('POST', path, { account: accounts[index % 5], reason: 'user_stop' })).status).toBe(200);
    // A repeat gives nothing back.
    expect((await call('POST', path, { account: accounts[index % 5], reason: 'user_stop' })).status).toBe(200);
  }
  await expectLeft(call, accounts[0] ?? '', name, '3');
  const again = await Promise.all(Array.from({ length: 20 }, (_, index) => place(100 + index)));
  expect(statuses(again)).toEqual({ 201: 3, 402: 17 });
  // A repeat of a place is answered as before, though nothing is left.
  const first = placed[9] ?? 0;
  const repeated = await place(first);
  expect([repeated.status, repeated.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
});

test('what is spent counts: settlements, charges, extensions and reports, also beyond a hold', async () => {
  const { call, name } = await service('10');
  const account = await lab.funded('100');
  const other = await lab.funded('100');
  const remains = (wanted: string) => expectLeft(call, account, name, wanted);
  expect((await call('POST', '/v1/holds', { id: 'a', account, amount: 6 })).body)
    .toMatchObject({ final: false, limits: [{ id: 'key', remaining: '4' }] });
  expect((await call('POST', '/v1/holds/a/extend', { account, amount: 1 })).body).toMatchObject({ amount: '7' });
  await remains('3');
  expect(problemOf(await call('POST', '/v1/holds/a/extend', { account, amount: 4 }))[1]).toBe('limit_reached');
  await remains('3');
  expect((await call('POST', '/v1/holds/a/extend', { account, amount: { minimum: 1, desired: 50 } })).body)
    .toMatchObject({ amount: '10', final: true });
  expect((await call('POST', '/v1/holds', { account: other, amount: 1 })).status).toBe(402);
  expect((await call('POST', '/v1/holds/a/settle', { account, amount: 2 })).status).toBe(200);
  await remains('8');

  expect((await call('POST', '/v1/charges', { account: other, amount: 3 })).status).toBe(201);
  expect((await call('POST', '/v1/charges', { account: other, amount: '5.000001' })).body)
    .toMatchObject({ code: 'limit_reached', limit: 'key' });
  await remains('5');
  const key = { 'idempotency-key': randomUUID() };
  const charged = await call('POST', '/v1/charges', { account: other, amount: 5 }, key);
  const repeated = await call('POST', '/v1/charges', { account: other, amount: 5 }, key);
  expect([charged.status, repeated.status, repeated.headers.get('idempotency-replayed')]).toEqual([201, 201, 'true']);
  await remains('0');
  // Usage that has happened is refused, and recorded.
  expect((await call('POST', '/v1/charges', { account: other, model: 'gpt-4o', usage: { inputTokens: 400_000 } })).status).toBe(402);
  expect((await lab.operator('GET', `/v1/accounts/${other}`)).body).toMatchObject({ available: '92', totals: { uncollected: '1' } });
});

test('a report tops up within the limit; a settlement beyond the hold counts above it', async () => {
  const { call, name } = await service('5');
  const account = await lab.funded('100');
  await call('POST', '/v1/holds', { id: 'a', account, amount: 2 });
  const report = { account, amount: 1, extend: { headroom: 3 } };
  expect((await call('POST', '/v1/holds/a/progress', report)).body).toMatchObject({ amount: '4', final: false });
  expect((await call('POST', '/v1/holds/a/progress', { ...report, extend: { headroom: 30 } })).body)
    .toMatchObject({ amount: '5', final: true });
  await call('POST', '/v1/holds/a/settle', { account, amount: 7 });
  await expectLeft(call, account, name, '0');
  await lab.operator('PATCH', `/v1/api-keys/${(await keyOf(name)).id}`, { spendLimit: { amount: 9, period: 'day' } });
  await expectLeft(call, account, name, '2');
});

test('what another refusal stopped is given back, and a hold that asks for less than is there takes what is left', async () => {
  const { call, name } = await service('10');
  const poor = await lab.funded('1');
  const rich = await lab.funded('100');
  expect((await call('POST', '/v1/holds', { account: poor, amount: 4 })).body).toMatchObject({ code: 'insufficient_credits' });
  await expectLeft(call, rich, name, '10');
  // Less than asked for, because the account has no more.
  expect((await call('POST', '/v1/holds', { account: poor, amount: { minimum: '0.5', desired: 8 } })).body).toMatchObject({ amount: '1' });
  await expectLeft(call, rich, name, '9');
  expect((await call('POST', '/v1/holds', { account: rich, amount: { minimum: 1, desired: 50 } })).body)
    .toMatchObject({ amount: '9', final: true });
});

test('all live keys of a name count together, other callers do not; a change or removal is in force within a second', async () => {
  const { call, id } = await service('2');
  const account = await lab.funded('100');
  const { body } = await lab.operator('POST', `/v1/api-keys/${id}/rotate`, {});
  expect(body['spendLimit']).toEqual({ amount: '2', period: 'day', timeZone: 'UTC' });
  const second = lab.bearer(String(body['key']));
  expect((await call('POST', '/v1/holds', { account, amount: 1 })).status).toBe(201);
  expect((await second('POST', '/v1/holds', { account, amount: 1 })).status).toBe(201);
  expect((await second('POST', '/v1/holds', { account, amount: 1 })).status).toBe(402);
  const unlimited = await lab.service(SCOPES);
  expect((await unlimited('POST', '/v1/holds', { account, amount: 1 })).status).toBe(201);
  expect((await (await lab.user(account))('POST', '/v1/holds', { account, amount: 1 })).status).toBe(201);
  const changed = await lab.operator('PATCH', `/v1/api-keys/${id}`, { spendLimit: null });
  expect([changed.status, changed.body['spendLimit'], changed.body['rateLimit']]).toEqual([200, null, null]);
  const place = () => second('POST', '/v1/holds', { account, amount: 1 });
  expect((await until(place, ({ status }) => status === 201)).status).toBe(201);
});

test.each([
  ['a period that there is not', { amount: 1, period: 'total' }, 'body.spendLimit.period'],
  ['an unknown zone', { amount: 1, period: 'day', timeZone: 'Mars/Olympus' }, 'body.spendLimit.timeZone'],
  ['a negative amount', { amount: -1, period: 'day' }, 'body.spendLimit.amount'],
  ['seven decimals', { amount: '0.0000001', period: 'day' }, 'body.spendLimit.amount'],
  ['a misspelt member', { amount: 1, period: 'day', timezone: 'UTC' }, 'body.spendLimit.timezone'],
])('%s is refused, and nothing changes', async (_, spendLimit, path) => {
  const { id, name } = await service('2');
  for (const [method, url, body] of [
    ['PATCH', `/v1/api-keys/${id}`, {}], ['POST', '/v1/api-keys', { name: randomUUID(), scopes: SCOPES }],
  ] as const) {
    expect(problemOf(await lab.operator(method, url, { ...body, spendLimit })))
      .toEqual([400, 'invalid_request', expect.arrayContaining([path]) as unknown]);
  }
  expect((await keyOf(name)).spendLimit).toEqual({ amount: '2', period: 'day', timeZone: 'UTC' });
});

test('a change that names nothing, a key of the credits process and a key that is not there are refused', async () => {
  const { id } = await service('2');
  expect(problemOf(await lab.operator('PATCH', `/v1/api-keys/${id}`, {}))).toEqual([400, 'invalid_request', ['body']]);
  const spendLimit = { amount: 1, period: 'day' };
  expect(problemOf(await lab.operator('POST', '/v1/api-keys', { name: randomUUID(), scopes: ['*'], spendLimit })))
    .toEqual([400, 'invalid_request', ['body.spendLimit']]);
  expect((await lab.operator('PATCH', '/v1/api-keys/none', { spendLimit })).status).toBe(404);
});

async function keyOf(name: string): Promise<{ readonly id: string; readonly spendLimit: unknown }> {
  const { body } = await lab.operator('GET', '/v1/api-keys');
  const found = (body['data'] as { id: string; name: string; spendLimit: unknown }[]).find((key) => key.name === name);
  if (found === undefined) throw new Error(`no key ${name}`);
  return found;
}
