import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { openGateway, type Gateway } from '../../src/compose/gateway.js';
import { readConfig } from '../../src/config.js';
import { listen } from '../../src/edge/http/server.js';
import { createLog } from '../../src/kit/log.js';
import { connectPostgres, watchProfile, type Db } from '../../src/stores/postgres/connect.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { redisAt } from '../../src/stores/redis/location.js';
import { until } from '../edge/queues/lab.js';
import { freshDatabase, throwawayRedis, type FreshDatabase, type TestRedis } from '../support/servers.js';

let redis: TestRedis;
let operator: Redis;
let database: FreshDatabase;
let db: Db;
let taken: Server;
let takenPort: number;
beforeAll(async () => {
  [redis, database] = await Promise.all([throwawayRedis({}), freshDatabase(migrate)]);
  operator = new Redis(redis.operatorUrl);
  db = connectPostgres(database.databaseUrl, { ...watchProfile(5_000), name: 'looks-on' });
  taken = createServer();
  takenPort = await listen(taken, 0, '127.0.0.1');
});
afterAll(async () => {
  taken.close();
  operator.disconnect();
  await db.destroy();
  await redis.discard();
  await database.drop();
});

const open = (ports: Readonly<Record<string, string>>): Promise<Gateway> => openGateway({
  config: readConfig({
    JWT_ACCESS_SECRET: 'x'.repeat(64), REDIS_URL: redis.url, DATABASE_URL: database.databaseUrl, REDIS_NAMESPACE: 'opening', SHARDS: '4',
    HOST: '127.0.0.1', PORT: '0', OPERATIONS_PORT: '0', ...ports,
  }),
  role: 'all', servers: { redis: redisAt(redis.url), databaseUrl: database.databaseUrl }, version: 'test',
  log: createLog({ level: 'silent' }), time: { clock: Date.now, offsetMs: () => 0 },
});

/** Connections of Postgres and Redis, without those of this test. */
const connections = async (): Promise<number> => {
  const { rows } = await db.raw<{ rows: { open: number }[] }>(
    `select count(*)::int as open from pg_stat_activity where datname = current_database() and application_name <> 'looks-on'`,
  );
  const clients = String(await operator.client('LIST')).trim().split('\n').length;
  return (rows[0]?.open ?? -1) + clients - 1;
};

test.each(['PORT', 'OPERATIONS_PORT'])('a gateway whose %s is taken leaves no connection and no port open', async (name) => {
  await expect(open({ [name]: String(takenPort) })).rejects.toThrow('EADDRINUSE');
  expect(await until(connections, (count) => count === 0, 10_000)).toBe(0);
});

test('a gateway that is closed leaves no connection open', async () => {
  const gateway = await open({});
  expect(await connections()).toBeGreaterThan(0);
  await gateway.close();
  expect(await until(connections, (count) => count === 0, 10_000)).toBe(0);
});
