import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { digestOf } from '../../../src/edge/auth/server-key.js';
import { connectPostgres, watchProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { checkedGateway, type CheckedGateway } from '../../support/checked-fetch.js';
import type { Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';

const DAY_MS = 86_400_000;
const PREFIXED = randomBytes(32).toString('hex');

let gateway: TestGateway;
let checked: CheckedGateway;
let db: Db;
let admin: string;
let service: string;
beforeAll(async () => {
  gateway = await startGateway();
  checked = await checkedGateway(gateway.url);
  db = connectPostgres(gateway.databaseUrl, watchProfile(20_000));
  admin = await gateway.token({ sub: 'root', role: 'admin' });
  const made = await checked.send('POST', '/v1/api-keys', {
    token: admin, body: { reason: 'test', name: 'till', scopes: ['charges', 'grants', 'read'] },
  });
  service = String(made.body['key']);
  await db.raw(
    `insert into server_keys (key_id, name, digest, hint, scopes, account_prefix, created_by)
     values (?, 'shop', ?, 'x', ?, 'shop-', 'root')`,
    [randomUUID(), digestOf(PREFIXED).toString('hex'), ['grants', 'read']],
  );
});
afterAll(async () => {
  await db.destroy();
  await gateway.stop();
});

type With = { readonly token?: string; readonly key?: string };
const call = (method: string, path: string, body?: object, { token = service, key }: With = {}): Promise<Answer> =>
  checked.send(method, path, {
    token, ...(body === undefined ? {} : { body }), ...(key === undefined ? {} : { headers: { 'Idempotency-Key': key } }),
  });
const fund = (account: string, credits: number, expiryDays = 30) =>
  checked.send('POST', '/api/credits/allocate', { token: admin, body: { userId: account, credits, expiryDays } });
const deduct = async (account: string, credits: number): Promise<void> => {
  const { status } = await checked.send('POST', '/api/credits/deduct', {
    token: await gateway.token({ sub: account, role: 'user' }), body: { credits },
  });
  expect(status).toBe(200);
};
const lastEntry = async (account: string): Promise<number> => {
  const { body } = await call('GET', `/v1/accounts/${account}/balance`);
  return Number(body['entry']);
};
const newAccount = (prefix = 'm-'): string => prefix + randomUUID();
const paths = ({ body }: Answer) => (body['errors'] as { path: string }[] | undefined)?.map(({ path }) => path);

test('a refund in parts, its repeat, and the statement that shows it', async () => {
  const account = newAccount();
  await fund(account, 10);
  await deduct(account, 4);
  const entry = await lastEntry(account);
  const half = { account, of: { entry }, amount: '1.5', reason: 'the answer was cut off' };
  const first = await call('POST', '/v1/refunds', half, { key: account });
  expect([first.status, first.body]).toEqual([201, {
    id: expect.any(String), account, amount: '1.5', left: '2.5', state: 'refunded', debtPaid: '0', expired: '0', available: '7.5',
  }]);
  const again = await call('POST', '/v1/refunds', half, { key: account });
  expect([again.status, again.body, again.headers.get('idempotency-replayed')]).toEqual([201, first.body, 'true']);
  expect(await call('POST', '/v1/refunds', { ...half, amount: 1 }, { key: account })).toMatchObject({
    status: 422, body: { code: 'idempotency_key_reused' },
  });
  expect(await call('POST', '/v1/refunds', { ...half, amount: 2.6 })).toMatchObject({ status: 409, body: { code: 'not_refundable' } });
  expect(await call('POST', '/v1/refunds', { account, of: { entry }, reason: 'r' })).toMatchObject({
    status: 201, body: { amount: '2.5', left: '0', available: '10' },
  });
  expect(await call('POST', '/v1/refunds', { account, of: { entry }, reason: 'r' })).toMatchObject({ status: 409 });
  const statement = await checked.send('GET', '/credits/transactions?limit=3', {
    token: await gateway.token({ sub: account, role: 'user' }),
  });
  const lines = statement.body as unknown as {
    readonly transactionType: string; readonly amount: number; readonly description: string | null;
  }[];
  expect(lines.map(({ transactionType, amount, description }) => [transactionType, amount, description])).toEqual([
    ['refund', 2.5, 'r'], ['refund', 1.5, 'the answer was cut off'], ['usage', -4, null],
  ]);
});

test('a lot that has ended comes back for thirty days, or as long as the request says, or not at all', async () => {
  for (const [lotGraceDays, stays] of [[undefined, 29], [2, 1], [0, 0]] as const) {
    const account = newAccount();
    await fund(account, 5, 1);
    await deduct(account, 5);
    const entry = await lastEntry(account);
    gateway.advance(2 * DAY_MS);
    const grace = lotGraceDays === undefined ? {} : { lotGraceDays };
    expect(await call('POST', '/v1/refunds', { account, of: { entry }, reason: 'r', ...grace }))
      .toMatchObject({ status: 201, body: { expired: stays === 0 ? '5' : '0', available: stays === 0 ? '0' : '5' } });
    gateway.advance(stays * DAY_MS);
    expect((await call('GET', `/v1/accounts/${account}/balance`)).body['available']).toBe(stays === 0 ? '0' : '5');
    gateway.advance(2 * DAY_MS);
    expect((await call('GET', `/v1/accounts/${account}/balance`)).body['available']).toBe('0');
  }
});

test.each<[string, number, object, string[]]>([
  ['nothing', 400, {}, ['body.of', 'body.reason']],
  ['two things', 400, { of: { entry: 1, hold: 'h' }, reason: 'r' }, ['body.of']],
  ['no thing', 400, { of: {}, reason: 'r' }, ['body.of']],
  ['an unknown member', 400, { of: { entry: 1 }, reason: 'r', amout: 1 }, ['body.amout']],
  ['an unknown member within', 400, { of: { entri: 1 }, reason: 'r' }, ['body.of.entri']],
  ['no account', 400, { of: { entry: 1 }, reason: 'r', account: undefined }, ['body.account']],
  ['a negative amount', 400, { of: { entry: 1 }, reason: 'r', amount: -1 }, ['body.amount']],
  ['nothing of it', 400, { of: { entry: 1 }, reason: 'r', amount: '0' }, ['body.amount']],
  ['a seventh decimal', 400, { of: { entry: 1 }, reason: 'r', amount: '0.0000001' }, ['body.amount']],
  ['a negative grace', 400, { of: { entry: 1 }, reason: 'r', lotGraceDays: -1 }, ['body.lotGraceDays']],
  ['no reason', 400, { of: { entry: 1 }, reason: '' }, ['body.reason']],
  ['an unknown hold', 404, { of: { hold: 'none' }, reason: 'r' }, []],
  ['an unknown entry', 404, { of: { entry: 999 }, reason: 'r' }, []],
  ['a charge of another caller', 404, { of: { charge: 'none' }, reason: 'r' }, []],
])('a refund of %s is %i', async (_name, status, body, where) => {
  const refused = await call('POST', '/v1/refunds', { account: newAccount(), ...body });
  expect([refused.status, paths(refused)]).toEqual([status, where]);
});

test('a transfer, its repeat, its look-up, and what it refuses', async () => {
  const [from, to] = [newAccount(), newAccount()];
  await fund(from, 10);
  const body = { from, to, amount: '4', reason: 'a gift' };
  const moved = await call('POST', '/v1/transfers', body, { key: from });
  expect([moved.status, moved.body]).toMatchObject([201, {
    from, to, amount: '4', state: 'completed', keepsExpiry: true, expiresAt: null,
  }]);
  const again = await call('POST', '/v1/transfers', body, { key: from });
  expect([again.status, again.body, again.headers.get('idempotency-replayed')]).toEqual([201, moved.body, 'true']);
  const id = String(moved.body['id']);
  expect(await call('GET', `/v1/transfers/${id}`)).toMatchObject({ status: 200, body: moved.body });
  expect(await call('GET', '/v1/transfers/999999')).toMatchObject({ status: 404, body: { code: 'not_found' } });
  expect(await call('GET', `/v1/transfers/${id}`, undefined, { token: PREFIXED })).toMatchObject({ status: 404 });
  expect(await call('POST', '/v1/transfers', { ...body, amount: 6.5 })).toMatchObject({
    status: 402, body: { code: 'insufficient_credits', available: '6', required: '6.5', shortBy: '0.5' },
  });
  for (const [wrong, path] of [
    [{ to: from }, 'body.to'], [{ amount: 0 }, 'body.amount'], [{ expiresAt: '2020-01-01T00:00:00Z' }, 'body.expiresAt'],
    [{ keepLots: true }, 'body.keepLots'], [{ from: 'a\u0000c' }, 'body.from'],
  ] as const) {
    const refused = await call('POST', '/v1/transfers', { ...body, ...wrong });
    expect([refused.status, paths(refused)]).toEqual([400, [path]]);
  }
  await checked.send('POST', `/v1/accounts/${to}/freeze`, { token: admin, body: { reason: 'r' } });
  expect(await call('POST', '/v1/transfers', body)).toMatchObject({ status: 423, body: { code: 'account_frozen' } });
  expect((await call('GET', `/v1/accounts/${from}/balance`)).body['available']).toBe('6');
});

test('a key that is bound to a prefix moves and refunds nothing of others', async () => {
  const [mine, other] = [newAccount('shop-'), newAccount()];
  await fund(mine, 2);
  const options = { token: PREFIXED };
  for (const body of [{ from: mine, to: other }, { from: other, to: mine }]) {
    expect(await call('POST', '/v1/transfers', { ...body, amount: 1, reason: 'r' }, options)).toMatchObject({ status: 403 });
  }
  expect(await call('POST', '/v1/refunds', { account: other, of: { entry: 1 }, reason: 'r' }, options)).toMatchObject({ status: 403 });
  expect(await call('POST', '/v1/transfers', { from: mine, to: newAccount('shop-'), amount: 1, reason: 'r' }, options))
    .toMatchObject({ status: 201 });
});

test('the balance as it was, before, between and after', async () => {
  const account = newAccount();
  const timeNow = async (): Promise<string> => {
    gateway.advance(60_000);
    const { body } = await call('GET', `/v1/accounts/${account}/balance`);
    gateway.advance(60_000);
    return String(body['at']);
  };
  const before = await timeNow();
  await fund(account, 10);
  const between = await timeNow();
  await deduct(account, 4);
  const after = await timeNow();
  const at = (time: string) => call('GET', `/v1/accounts/${account}/balance?at=${encodeURIComponent(time)}`);
  const zeros = { granted: '0', captured: '0', expired: '0', removed: '0', uncollected: '0' };
  expect((await at(before)).body).toEqual({
    account, at: before, available: '0', held: '0', debt: '0', totals: zeros, entry: 0, asOf: before,
  });
  expect((await at(between)).body).toMatchObject({ available: '10', totals: { ...zeros, granted: '10' }, entry: 1, asOf: between });
  expect((await at(after)).body).toMatchObject({ available: '6', totals: { granted: '10', captured: '4' }, entry: 2, asOf: after });
  for (const time of ['2999-01-01T00:00:00Z', 'yesterday', '2026-02-30T00:00:00Z', '']) {
    const refused = await at(time);
    expect([refused.status, paths(refused)]).toEqual([400, ['query.at']]);
  }
  const owner = await gateway.token({ sub: account, role: 'user' });
  expect(await call('GET', `/v1/accounts/${account}/balance`, undefined, { token: owner })).toMatchObject({
    status: 200, body: { available: '6' },
  });
  expect(await call('GET', '/v1/accounts/another/balance', undefined, { token: owner })).toMatchObject({ status: 403 });
  expect(await call('POST', '/v1/refunds', { account, of: { entry: 2 }, reason: 'r' }, { token: owner })).toMatchObject({ status: 403 });
});
