import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiProfile, connectPostgres, drainProfile, watchProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { watchPools } from '../../../src/stores/postgres/pool-gauges.js';
import { watchPostgres, type PostgresWatch } from '../../../src/worker/watch/postgres.js';
import { until } from '../../chaos/lab.js';
import { testMetrics } from '../../support/gauges.js';
import { throwawayPostgres, type TestServer } from '../../support/servers.js';

const metrics = testMetrics();
/** Long, because the machine may be slow and a failed look is not repeated at once. Tests of a dead server use short deadlines. */
const PATIENCE_MS = 30_000;
const EVERY_MS = 200;
let server: TestServer;
let db: Db;
let api: Db;
let drain: Db;
let watch: PostgresWatch;
beforeAll(async () => {
  server = await throwawayPostgres();
  db = connectPostgres(server.url, watchProfile(PATIENCE_MS));
  api = connectPostgres(server.url, { ...apiProfile(PATIENCE_MS), connectionsMax: 2 });
  drain = connectPostgres(server.url, drainProfile(PATIENCE_MS));
  watchPools(metrics, { api, drain });
  watch = watchPostgres({ db, metrics, onError: () => undefined, everyMs: EVERY_MS });
});
afterAll(async () => {
  watch.stop();
  await Promise.all([db.destroy(), api.destroy(), drain.destroy()]);
  await server.discard();
});

test('reports the state of Postgres', async () => {
  await until('a look', async () => (await metrics.gauge('cg_postgres_connections')) !== undefined);
  await until('its size', async () => (await metrics.gauge('cg_postgres_database_bytes') ?? 0) > 1_000_000);
  expect([watch.isUp(), await metrics.gauge('cg_postgres_up'), await metrics.gauge('cg_postgres_connections_max')]).toEqual([true, 1, 200]);
  expect(await metrics.gauge('cg_postgres_ping_seconds')).toBeGreaterThan(0);
  expect(await metrics.gauge('cg_postgres_connections')).toBeGreaterThanOrEqual(1);
});

test('pools: connections in use, free and waited for', async () => {
  const connections = (pool: string, state: string) => metrics.gauge(`cg_postgres_pool_connections{pool="${pool}",state="${state}"}`);
  expect([await connections('api', 'used'), await connections('drain', 'used')]).toEqual([0, 0]);
  const [first, second] = [await api.transaction(), await api.transaction()];
  const third = api.transaction();
  expect([await connections('api', 'used'), await connections('api', 'free'), await connections('api', 'pending')]).toEqual([2, 0, 1]);
  expect([await metrics.gauge('cg_postgres_pool_max{pool="api"}'), await metrics.gauge('cg_postgres_pool_max{pool="drain"}')]).toEqual([
    2, 5,
  ]);
  await first.raw('select 1');
  await until('a transaction that is open for a while', async () =>
    (await metrics.gauge('cg_postgres_oldest_transaction_seconds') ?? 0) > 0);
  await Promise.all([first.rollback(), second.rollback()]);
  await (await third).rollback();
  expect(await connections('api', 'used')).toBe(0);
});

test.each(['SIGSTOP', 'SIGKILL'] as const)('a Postgres that gets %s is down, and its last values are not reported', async (signal) => {
  const impatient = connectPostgres(server.url, watchProfile(1_000));
  const seen = testMetrics();
  const looks = watchPostgres({ db: impatient, metrics: seen, onError: () => undefined, everyMs: EVERY_MS });
  const isUp = async (): Promise<boolean> => (await seen.gauge('cg_postgres_up')) === 1;
  await until('it is up', isUp);
  await server.kill(signal);
  await until('it is down', async () => !(await isUp()));
  expect([looks.isUp(), await seen.gauge('cg_postgres_connections'), await seen.gauge('cg_postgres_ping_seconds')]).toEqual([
    false, undefined, undefined,
  ]);
  if (signal === 'SIGSTOP') await server.kill('SIGCONT');
  else await server.restart();
  await until('it is up again', isUp);
  looks.stop();
  await impatient.destroy();
});
