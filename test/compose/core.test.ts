import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connectPostgres, watchProfile, type Db } from '../../src/stores/postgres/connect.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { openCoreProcess } from '../support/core-process.js';
import { freshDatabase, throwawayRedis, type FreshDatabase, type TestServer } from '../support/servers.js';
import { until } from '../edge/queues/lab.js';

let redis: TestServer;
let evicting: TestServer;
let database: FreshDatabase;
let db: Db;
beforeAll(async () => {
  [redis, evicting, database] = await Promise.all([
    throwawayRedis({}), throwawayRedis({ 'maxmemory-policy': 'allkeys-lru' }), freshDatabase(migrate),
  ]);
  db = connectPostgres(database.databaseUrl, { ...watchProfile(5_000), name: 'looks-on' });
});
afterAll(async () => {
  await db.destroy();
  await Promise.all([redis.discard(), evicting.discard()]);
  await database.drop();
});

const connections = async (): Promise<number> => {
  const { rows } = await db.raw<{ rows: { open: number }[] }>(
    `select count(*)::int as open from pg_stat_activity where datname = current_database() and application_name <> 'looks-on'`,
  );
  return rows[0]?.open ?? -1;
};

test('a core that cannot be opened leaves no connection open, wherever it fails', async () => {
  const { close } = await openCoreProcess(redis.url, database.databaseUrl, 4);
  expect(await connections()).toBeGreaterThan(0);
  await close();
  expect(await until(connections, (open) => open === 0, 5_000)).toBe(0);
  await expect(openCoreProcess(redis.url, database.databaseUrl, 8)).rejects.toThrow('SHARDS');
  expect(await until(connections, (open) => open === 0, 5_000)).toBe(0);
  await expect(openCoreProcess(evicting.url, database.databaseUrl, 4)).rejects.toThrow('maxmemory-policy');
  expect(await until(connections, (open) => open === 0, 5_000)).toBe(0);
});
