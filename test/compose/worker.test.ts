import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openGateway, type Gateway } from '../../src/compose/gateway.js';
import { readConfig } from '../../src/config.js';
import { createLog } from '../../src/kit/log.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { until } from '../chaos/lab.js';
import { send } from '../support/fake-gateway.js';
import { seriesOf } from '../support/gauges.js';
import { throwawayPostgres, throwawayRedis, type TestPostgres, type TestServer } from '../support/servers.js';
import { redisAt } from '../../src/stores/redis/location.js';

const TIMEOUT_MS = 300_000;
let redis: TestServer;
let postgres: TestPostgres;
let worker: Gateway;
let url: string;
let operationsUrl: string;
beforeAll(async () => {
  [redis, postgres] = await Promise.all([throwawayRedis(), throwawayPostgres()]);
  await migrate(postgres.ownerUrl);
  worker = await open();
  url = `http://127.0.0.1:${worker.port ?? 0}`;
  operationsUrl = `http://127.0.0.1:${worker.operationsPort ?? 0}`;
}, TIMEOUT_MS);
afterAll(async () => {
  await worker.close();
  await Promise.all([redis.discard(), postgres.discard()]);
}, TIMEOUT_MS);

function open(listens = true): Promise<Gateway> {
  const servers = { redis: redisAt(redis.url), databaseUrl: postgres.url };
  return openGateway({
    config: readConfig({
      ROLE: 'worker', REDIS_URL: redis.url, DATABASE_URL: postgres.url, REDIS_NAMESPACE: `w${randomUUID().slice(0, 8)}`,
      PORT: '0', OPERATIONS_PORT: '0', HOST: '127.0.0.1', SHARDS: '4', POSTGRES_TIMEOUT_MS: '1000',
    }),
    role: 'worker', servers, version: 'test', log: createLog({ level: 'silent' }), time: { clock: Date.now, offsetMs: () => 0 }, listens,
  });
}

type Checks = Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
const ready = async () => {
  const { status, body } = await send(`${operationsUrl}/readyz`, 'GET');
  const failing = Object.entries(body['checks'] as Checks).filter(([, { ok }]) => !ok).map(([name]) => name);
  return { status, word: body['status'], failing, names: Object.keys(body['checks'] as Checks) };
};

test('a worker can be probed', async () => {
  expect((await send(`${url}/livez`, 'GET')).status).toBe(200);
  expect((await send(`${url}/metrics`, 'GET')).status).toBe(404);
  expect(Object.keys((await send(`${url}/readyz`, 'GET')).body)).toEqual(['status']);
  await until('everything is up', async () => (await ready()).word === 'ok');
  const names = ['ledger', 'redis', 'redis_settings', 'postgres', 'memory', 'queue'];
  expect(await ready()).toEqual({ status: 200, word: 'ok', failing: [], names });
});

test('a worker can be scraped and reports current state', async () => {
  const scrape = async () => seriesOf((await send(`${operationsUrl}/metrics`, 'GET')).text);
  // The last ones appear when every watcher has run.
  const expected: Readonly<Record<string, number>> = {
    'cg_redis_up': 1, 'cg_postgres_up': 1, 'cg_journal_lag_seconds': 0, 'cg_journal_lag_entries': 0, 'cg_holds_open': 0,
    'cg_holds_overdue': 0,
    'cg_shards_fenced': 0, 'cg_shards_stopped': 0, 'cg_fence_epochs': 4, 'cg_journal_lost_entries': 0, 'cg_accounts': 0,
    'cg_accounts_frozen': 0, 'cg_credits_available': 0,
    'cg_money_in_pending': 0, 'cg_quarantined': 0, 'cg_dead_letters': 0, 'cg_amqp_connected': -1, 'cg_amqp_in_flight': 0,
    'cg_breaker_state': 0,
    'cg_queue_jobs{queue="credits_process_end_queue",state="waiting"}': 0, 'cg_postgres_pool_max{pool="api"}': 10,
    'cg_postgres_pool_max{pool="drain"}': 5,
  };
  // A machine that is busy may miss one look: the next one tells the truth.
  let series = await scrape();
  await until('all watchers have looked', async () => {
    series = await scrape();
    return Object.entries(expected).every(([name, value]) => series.get(name) === value);
  });
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, series.get(name)]))).toEqual(expected);
  await until('jobs run', async () =>
    ((await scrape()).get('cg_job_duration_seconds_count{job_name="expire-holds",status="ok"}') ?? 0) > 0);
  expect(series.get('cg_http_request_duration_seconds_count{method="GET",route="/livez",status="200"}')).toBe(1);
}, TIMEOUT_MS);

test.each(['/', '/docs', '/v1/entries', '/api/credits/balance', '/health'])('%s answers 404', async (path) => {
  const { status, body } = await send(url + path, 'GET', { token: 'anything' });
  expect([status, body['success'], body['error']]).toEqual([404, false, expect.any(String)]);
});

test('a shared server that is down makes the worker degraded, not unready: a restart would not help', async () => {
  await postgres.kill('SIGKILL');
  await until('Postgres is missed', async () => (await ready()).failing.includes('postgres'));
  expect(await ready()).toMatchObject({ status: 200, word: 'degraded', failing: ['postgres'] });
  await postgres.restart();
  await until('all is well again', async () => (await ready()).word === 'ok');
  await redis.kill('SIGKILL');
  await until('Redis is missed', async () => (await ready()).failing.length === 3);
  expect(await ready()).toMatchObject({ status: 200, word: 'degraded', failing: ['ledger', 'redis', 'queue'] });
  expect((await send(`${url}/livez`, 'GET')).status).toBe(200);
  await redis.restart();
  await until('all is well again', async () => (await ready()).word === 'ok');
}, TIMEOUT_MS);

test('a worker beside API processes does not listen, and a closed one stops listening', async () => {
  const other = await open(false);
  expect(other.port).toBeUndefined();
  await other.close();
  await worker.close();
  await expect(send(`${url}/livez`, 'GET')).rejects.toThrow();
  worker = await open();
}, TIMEOUT_MS);
