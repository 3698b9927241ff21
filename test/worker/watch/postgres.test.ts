import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiProfile, connectPostgres, drainProfile, watchProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { watchPools } from '../../../src/stores/postgres/pool-gauges.js';
import { measurePostgres } from '../../../src/worker/watch/postgres.js';
import { until } from '../../chaos/lab.js';
import { testMetrics } from '../../support/gauges.js';
import { throwawayPostgres, type TestPostgres } from '../../support/servers.js';

const metrics = testMetrics();
/** Long, because the machine may be slow and a failed look is not repeated at once. Tests of a dead server use short deadlines. */
const PATIENCE_MS = 30_000;
const EVERY_MS = 200;
let server: TestPostgres;
let db: Db;
let api: Db;
let drain: Db;
let stop: () => void;
beforeAll(async () => {
  server = await throwawayPostgres();
  db = connectPostgres(server.url, watchProfile(PATIENCE_MS));
  api = connectPostgres(server.url, { ...apiProfile(PATIENCE_MS), connectionsMax: 2 });
  drain = connectPostgres(server.url, drainProfile(PATIENCE_MS));
  watchPools(metrics, { api, drain });
  stop = measurePostgres({ db, metrics, onError: () => undefined, everyMs: EVERY_MS });
});
afterAll(async () => {
  stop();
  await Promise.all([db.destroy(), api.destroy(), drain.destroy()]);
  await server.discard();
});

test('reports the state of Postgres', async () => {
  await until('a look', async () => (await metrics.gauge('cg_postgres_connections')) !== undefined);
  await until('its size', async () => (await metrics.gauge('cg_postgres_database_bytes') ?? 0) > 1_000_000);
  expect(await metrics.gauge('cg_postgres_connections_max')).toBe(200);
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

test('the last values of a Postgres that is down are not reported', async () => {
  const impatient = connectPostgres(server.url, watchProfile(1_000));
  const seen = testMetrics();
  const stopLooking = measurePostgres({ db: impatient, metrics: seen, onError: () => undefined, everyMs: EVERY_MS });
  const isMeasured = async (): Promise<boolean> => (await seen.gauge('cg_postgres_connections')) !== undefined;
  await until('a look', isMeasured);
  await server.kill('SIGSTOP');
  await until('no values', async () => !(await isMeasured()));
  await server.kill('SIGCONT');
  await until('values again', isMeasured);
  stopLooking();
  await impatient.destroy();
});
