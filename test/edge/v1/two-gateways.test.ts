import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mintToken } from '../../../src/edge/auth/mint-token.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { until } from '../../chaos/lab.js';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { withReason } from '../../support/reason.js';
import { freshDatabase, type FreshDatabase } from '../../support/servers.js';

/** Two gateways over one Redis and one Postgres: whatever one has answered, the other knows. */
let database: FreshDatabase;
let gateways: [TestGateway, TestGateway];
let token: string;
beforeAll(async () => {
  database = await freshDatabase(migrate);
  const secret = randomBytes(32).toString('hex');
  const environment = { JWT_ACCESS_SECRET: secret, REDIS_NAMESPACE: `two${randomUUID().slice(0, 8)}` };
  const open = () => startGateway({ databaseUrl: database.databaseUrl, environment });
  gateways = [await open(), await open()];
  token = await mintToken(secret, { sub: 'root', role: 'admin' }, 600, Date.now());
  await one('PUT', '/v1/prices/native', { model: 'm', prices: { input: '1', output: '10' } });
});
afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await database.drop();
});

const through = (index: 0 | 1) => (method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> => {
  const told = withReason(method, path, body);
  return send(gateways[index].url + told.path, method, { token, headers, ...(told.body === undefined ? {} : { body: told.body }) });
};
const one = through(0);
const two = through(1);
const key = () => ({ 'Idempotency-Key': randomUUID() });
async function funded(): Promise<string> {
  const account = `two-${randomUUID()}`;
  expect((await one('POST', '/v1/grants', { account, amount: '10', reason: 'test' })).status).toBe(201);
  return account;
}
const isReplay = (answer: Answer, first: Answer): void => {
  expect([answer.status, answer.text, answer.headers.get('idempotency-replayed')]).toEqual([first.status, first.text, 'true']);
};
/** Configuration of one gateway is used by the others within a second, and the time of a busy machine. */
const soon = (what: string, isSo: () => Promise<boolean>) => until(what, isSo);

test('a hold that one placed is extended, reported and settled through the other, at its price', async () => {
  const account = await funded();
  await soon('the other has the price', async () =>
    (await two('POST', '/v1/quotes', { model: 'm', usage: { inputTokens: 1 } })).status === 200);
  const hold = { account, id: 'h', price: { model: 'm', inputTokens: 1_000, maxOutputTokens: 100 }, reason: 'test' };
  const placed = await one('POST', '/v1/holds', hold);
  expect(placed.body).toMatchObject({ amount: '0.002', stopAtTokens: 100 });
  isReplay(await two('POST', '/v1/holds', hold), placed);
  const [extending, more] = [key(), { account, maxOutputTokens: 200, reason: 'test' }];
  const extended = await two('POST', '/v1/holds/h/extend', more, extending);
  expect(extended.body).toMatchObject({ amount: '0.003', stopAtTokens: 200 });
  isReplay(await one('POST', '/v1/holds/h/extend', more, extending), extended);
  expect((await one('POST', '/v1/holds/h/progress', { account, usage: { outputTokens: 150 } })).body).toMatchObject({ reported: '0.0025' });
  expect((await two('POST', '/v1/holds/h/progress', { account, usage: { outputTokens: 149 } })).body)
    .toMatchObject({ code: 'progress_backwards' });
  const [ending, used] = [key(), { account, usage: { outputTokens: 160 }, reason: 'completed' }];
  const settled = await two('POST', '/v1/holds/h/settle', used, ending);
  expect(settled.body).toMatchObject({ captured: '0.0026' });
  isReplay(await one('POST', '/v1/holds/h/settle', used, ending), settled);
  expect((await one('POST', '/v1/holds/h/settle', { ...used, usage: { outputTokens: 161 } }, ending)).status).toBe(422);
});

test('a batch and single operations are done once, whichever gateway a repeat comes to', async () => {
  const account = await funded();
  const headers = key();
  const batch = { operations: [
    { op: 'holds.place', body: { account, amount: '1', reason: 'test' } },
    { op: 'charges.create', body: { account, amount: '2', reason: 'test' } },
    { op: 'grants.create', body: { account, amount: '3', reason: 'test' } },
  ] };
  const bodiesOf = ({ body }: Answer) => (body['results'] as { body: object; replayed?: boolean }[]).map((each) => each.body);
  const first = await one('POST', '/v1/batch', batch, headers);
  const again = await two('POST', '/v1/batch', batch, headers);
  expect(bodiesOf(again)).toEqual(bodiesOf(first));
  expect((again.body['results'] as { replayed?: boolean }[]).every(({ replayed }) => replayed)).toBe(true);
  // The same at once, through both.
  const [charging, charge] = [key(), { account, amount: '1', reason: 'test' }];
  const answers = await Promise.all([one, two, one, two, one, two].map((call) => call('POST', '/v1/charges', charge, charging)));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect((await two('GET', `/v1/accounts/${account}`)).body).toMatchObject({ available: '9', held: '1' });
  // Configuration remembers its keys in Postgres.
  const [naming, plan] = [key(), { name: 'Pro', credits: '1', period: 'month' }];
  const made = await one('PUT', '/v1/plans/pro', plan, naming);
  isReplay(await two('PUT', '/v1/plans/pro', plan, naming), made);
  expect((await two('PUT', '/v1/plans/pro', { ...plan, credits: '2' }, naming)).status).toBe(422);
});

test('what is configured through one holds through the other: prices, limits, members and API keys', async () => {
  const [account, member] = [await funded(), await funded()];
  const quote = async () => (await two('POST', '/v1/quotes', { model: 'new', usage: { inputTokens: 1_000_000 } })).body['amount'];
  await one('PUT', '/v1/prices/native', { model: 'new', prices: { input: '3' } });
  await soon('the price is known', async () => await quote() === '3');
  await one('PUT', '/v1/prices/native', { model: 'new', prices: { input: '4' } });
  await soon('the new price is used', async () => await quote() === '4');
  // Limits are in Redis, decided in the script: at once.
  await one('PUT', `/v1/accounts/${account}/limits/daily`, { amount: '1', period: 'day' });
  expect((await two('POST', '/v1/charges', { account, amount: '2', reason: 'test' })).body).toMatchObject({ code: 'limit_reached' });
  await one('PUT', `/v1/accounts/${account}/members/${member}`, {});
  await soon('the member is known', async () =>
    (await two('GET', `/v1/accounts/${member}/explain?amount=1`)).body['account'] === account);
  const made = await one('POST', '/v1/api-keys', { name: 'svc', scopes: ['read'] });
  const read = () => send(`${gateways[1].url}/v1/accounts/${account}`, 'GET', { token: String(made.body['key']) });
  await soon('the API key is known', async () => (await read()).status === 200);
  await one('DELETE', `/v1/api-keys/${String(made.body['id'])}`);
  await soon('the API key is revoked', async () => (await read()).status === 401);
});
