import { execFile } from 'node:child_process';
import { rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { send, type Answer } from '../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { throwawayPostgres, throwawayRedis, type TestPostgres, type TestServer } from '../support/servers.js';
import { until } from './lab.js';

/** A standby of Postgres that lagged takes over: its data are those of before the last grants (docs/reliability.md#w9). */
const TIMEOUT_MS = 300_000;
let postgres: TestPostgres;
let redis: TestServer;
let gateway: TestGateway;
let root: pg.Client;
let folder: string;
let token: string;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([throwawayPostgres(), throwawayRedis()]);
  await migrate(postgres.ownerUrl);
  gateway = await startGateway({ redisUrl: redis.url, databaseUrl: postgres.url, environment: { POSTGRES_TIMEOUT_MS: '2000' } });
  token = await gateway.token({ sub: 'operator', role: 'admin' });
  await connect();
  folder = (await rows<{ data_directory: string }>('show data_directory'))[0]?.data_directory ?? '';
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway.stop();
  await root.end();
  await rm(copy(), { recursive: true, force: true });
  await Promise.all([postgres.discard(), redis.discard()]);
}, TIMEOUT_MS);

async function connect(): Promise<void> {
  root = new pg.Client({ connectionString: postgres.adminUrl });
  root.on('error', () => undefined);
  await root.connect();
}
const rows = async <Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> =>
  (await root.query<Row>(sql, [...values])).rows;
const copy = (): string => `${folder}.older`;

async function keepCopy(): Promise<void> {
  await root.end();
  await postgres.stop();
  await promisify(execFile)('cp', ['-a', folder, copy()]); // with its owner
  await postgres.restart();
  await connect();
}

async function failOver(): Promise<void> {
  await postgres.kill('SIGKILL');
  await rm(folder, { recursive: true });
  await rename(copy(), folder);
  await postgres.restart();
  await connect();
}

const call = (method: string, path: string, body?: object, key?: string): Promise<Answer> => send(gateway.url + path, method, {
  token, ...(body === undefined ? {} : { body }), ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
});
/** Repeats until it is answered; the key makes that safe. */
async function grant(account: string, key: string): Promise<Answer> {
  let answer = await call('POST', '/v1/grants', { account, amount: '10', reason: 'test' }, key);
  await until(`the grant ${key}`, async () => {
    if (answer.status !== 503) return true;
    answer = await call('POST', '/v1/grants', { account, amount: '10', reason: 'test' }, key);
    return false;
  });
  return answer;
}
const available = async (account: string): Promise<unknown> => (await call('GET', `/v1/accounts/${account}`)).body['available'];
const drained = (): Promise<void> => until('the journal', async () => {
  const [sum] = await rows<{ granted: string }>('select coalesce(sum(granted), 0) as granted from accounts');
  return Number(sum?.granted) === granted * 10_000_000;
});
let granted = 0;

test('no number is given twice, and what Redis still has is in Postgres again', async () => {
  const ACCOUNTS = ['alice', 'bob', 'carol', 'dave'];
  const grants = new Map<string, string>();
  const grantAll = async (round: string): Promise<void> => {
    for (const account of ACCOUNTS) {
      const { status, body } = await grant(account, `${round}-${account}`);
      expect([status, body['account']]).toEqual([201, account]);
      grants.set(`${round}-${account}`, String(body['id']));
      granted += 1;
    }
    await drained();
  };
  await grantAll('before');
  await keepCopy();
  await until('Postgres answers', async () => (await call('GET', '/v1/accounts/alice/lots')).status === 200);
  await grantAll('lost');
  await failOver();
  await grantAll('after');

  // Every grant has a number of its own, and all are there again.
  expect(new Set(grants.values()).size).toBe(3 * ACCOUNTS.length);
  for (const account of ACCOUNTS) expect(await available(account)).toBe('30');
  expect(await rows('select shard, stopped_reason from shards where stopped_reason is not null')).toEqual([]);
  expect(await rows('select reason from quarantine')).toEqual([]);
  expect(await rows('select state from money_in where state <> $1', ['applied'])).toEqual([]);

  // A request that Postgres had lost is known again: its repeat is no second grant, and the grant can be revoked.
  const repeat = await grant('alice', 'lost-alice');
  expect([repeat.status, repeat.headers.get('idempotency-replayed'), repeat.body['id']]).toEqual([201, 'true', grants.get('lost-alice')]);
  const revoked = await call('DELETE', `/v1/grants/${grants.get('lost-bob') ?? ''}?reason=test`);
  expect(revoked.body).toMatchObject({ revoked: '10', available: '20' });
  expect(await available('alice')).toBe('30');
}, TIMEOUT_MS);
