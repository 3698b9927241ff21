import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import pg from 'pg';
import { until } from '../chaos/lab.js';
import { keyspace } from '../../src/ledger/keys.js';
import { send, type Answer } from '../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { throwawayRedis, type TestRedis } from '../support/servers.js';

/** Who has the gateway's own logins, in Postgres and in Redis, and what is seen of it (docs/security.md#a-gateway-that-is-taken-over). */
let server: TestRedis;
let operator: Redis;
let gateway: TestGateway;
let application: pg.Client;
let admin: string;
beforeAll(async () => {
  server = await throwawayRedis();
  operator = new Redis(server.operatorUrl);
  gateway = await startGateway({ redisUrl: server.url });
  application = new pg.Client({ connectionString: gateway.databaseUrl });
  await application.connect();
  admin = await gateway.token({ sub: 'root', role: 'admin' });
});
afterAll(async () => {
  await application.end();
  await gateway.stop();
  operator.disconnect();
  await server.discard();
});

const call = (method: string, path: string, body?: object, token = admin): Promise<Answer> =>
  send(gateway.url + path, method, { token, ...(body === undefined ? {} : { body }) });
const allocate = async (account: string): Promise<void> => {
  expect((await call('POST', '/api/credits/allocate', { userId: account, credits: 10 })).status).toBe(201);
  await until('Postgres has it', async () =>
    (await application.query('select from accounts where account_id = $1', [account])).rowCount === 1);
};
const checksOf = async (account: string): Promise<string[]> => {
  const { body } = await call('POST', '/v1/reconciliation', { account });
  return [...new Set((body['differences'] as { check: string }[]).map(({ check }) => check))].sort();
};
/** A copy of the account's first entry, with other values; `at` is in a month whose partition is there, too. */
const copied = (account: string, values: Readonly<Record<string, string>>): Promise<unknown> => application.query(
  `insert into entries select (jsonb_populate_record(e, jsonb_build_object(${
    Object.entries(values).map(([name, sql]) => `'${name}', ${sql}`).join(', ')
  }))).* from entries e where account_id = $1 and seq = 1`, [account],
);

test('entries that are made up contradict what is there: Postgres refuses them, or the comparison finds them', async () => {
  await allocate('forged');
  // The same entry again, one that does not add up, amounts below nothing.
  await expect(copied('forged', {})).rejects.toThrow('duplicate key');
  await expect(copied('forged', { seq: '2', available: 'available + 1' })).rejects.toThrow('entries_conserve');
  await expect(copied('forged', { seq: '2', granted: '-5', available: '-5' })).rejects.toThrow('check constraint');
  await expect(copied('forged', { seq: '0' })).rejects.toThrow('check constraint');
  expect(await checksOf('forged')).toEqual([]);
  // The next month has a key of its own, which does not know this one's numbers.
  await copied('forged', { at: `at + interval '1 month'` });
  expect(await checksOf('forged')).toContain('sequence');
});

test('a balance without entries is found before and after it is spent, and conserves or is refused', async () => {
  await allocate('richer');
  const update = (set: string): Promise<unknown> => application.query(`update accounts set ${set} where account_id = 'richer'`);
  await expect(update('available = available + 5')).rejects.toThrow('accounts_conserve');
  await expect(update('available = -5, granted = -5')).rejects.toThrow('check constraint');
  await update('available = available + 5000000, granted = granted + 5000000');
  expect(await checksOf('richer')).toEqual(expect.arrayContaining(['balance', 'running_balance', 'lots']));
  // Redis decides what can be spent, so nothing of it can.
  const user = await gateway.token({ sub: 'richer', role: 'user' });
  expect((await call('POST', '/v1/charges', { amount: '10.000001' }, user)).status).toBe(402);
});

test('a cursor that is set back reads entries again and writes none twice; what it skips when it is set ahead is found', async () => {
  await allocate('cursor');
  const { rows: [{ shard }] } = await application.query<{ shard: number }>(
    `select shard from accounts where account_id = 'cursor'`) as unknown as { rows: [{ shard: number }] };
  const move = (lastId: string): Promise<unknown> =>
    application.query('update shards set last_id = $2 where shard = $1', [shard, lastId]);
  const counted = async (): Promise<unknown> =>
    (await application.query(`select count(*), sum(granted) from entries where account_id = 'cursor'`)).rows;
  const before = await counted();
  await move('0-0');
  await call('POST', '/v1/charges', { account: 'cursor', amount: '1', reason: 'test' });
  await until('the charge is in Postgres', async () =>
    (await application.query(`select from entries where account_id = 'cursor' and seq = 2`)).rowCount === 1);
  expect((await application.query(
    `select count(*), sum(granted) from entries where account_id = 'cursor' and seq = 1`,
  )).rows).toEqual(before);
  expect(await checksOf('cursor')).toEqual([]);
  await move('99999999999999-0');
  await call('POST', '/v1/charges', { account: 'cursor', amount: '1', reason: 'test' });
  expect(await checksOf('cursor')).toEqual(['sequence']);
});

test('a script that writes past the scripts of the ledger is found; one on keys of others is refused', async () => {
  await allocate('scripted');
  const redis = new Redis(server.url);
  const { account } = keyspace(gateway.redisNamespace, 8).account('scripted', 1);
  await redis.eval("return redis.call('HINCRBY', KEYS[1], 'available', '5000000')", 1, account);
  redis.disconnect();
  expect(await checksOf('scripted')).toEqual(expect.arrayContaining(['balance']));
});

test('59: a Redis that forgot its scripts is told them again; one that may not write answers 503, and nothing is done', async () => {
  await allocate('scripts');
  const user = await gateway.token({ sub: 'scripts', role: 'user' });
  const charge = (key: string): Promise<Answer> =>
    send(`${gateway.url}/v1/charges`, 'POST', { token: user, body: { amount: '1' }, headers: { 'Idempotency-Key': key } });
  await operator.script('FLUSH');
  expect((await Promise.all(Array.from({ length: 20 }, () => charge('one')))).map(({ status }) => status)).toEqual(new Array(20).fill(201));
  expect((await call('GET', '/v1/accounts/scripts')).body).toMatchObject({ available: '9', seq: 2 });

  await operator.config('SET', 'min-replicas-to-write', '1');
  try {
    const { status, body } = await charge('two');
    expect([status, body['code']]).toEqual([503, 'ledger_unavailable']);
  } finally {
    await operator.config('SET', 'min-replicas-to-write', '0');
  }
  await until('it writes again', async () => (await charge('two')).status === 201);
  expect((await call('GET', '/v1/accounts/scripts')).body).toMatchObject({ available: '8', seq: 3 });
});
