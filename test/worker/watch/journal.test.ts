import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { openShards, readShards, stopShard } from '../../../src/books/shards.table.js';
import { acknowledgeLosses, insertLoss } from '../../../src/journal/shard-losses.table.js';
import { keyspace } from '../../../src/ledger/keys.js';
import { connectPostgres, watchProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { connectQueue, type QueueConnections } from '../../../src/stores/redis/queue-connections.js';
import { watchJournal } from '../../../src/worker/watch/journal.js';
import { until } from '../../chaos/lab.js';
import { testMetrics } from '../../support/gauges.js';
import { throwawayPostgres, throwawayRedis, type TestPostgres, type TestServer } from '../../support/servers.js';
import { redisAt } from '../../../src/stores/redis/location.js';

const TIMEOUT_MS = 300_000;
const SHARDS = 4;
/** Longer than a turn waits for the cursors. */
const LATE_MS = 1_000;
const keys = keyspace('watch', SHARDS);
const metrics = testMetrics();
const lag = () => metrics.gauge('cg_journal_lag_seconds');

let redis: TestServer;
let postgres: TestPostgres;
let db: Db;
let connections: QueueConnections;
let stop = (): void => undefined;
beforeAll(async () => {
  [redis, postgres] = await Promise.all([throwawayRedis(), throwawayPostgres()]);
  await migrate(postgres.ownerUrl);
  db = connectPostgres(postgres.url, watchProfile(1_000));
  await openShards(db, SHARDS);
  connections = connectQueue(redisAt(redis.url), 'cg', () => undefined);
  await until('Redis', () => connections.producer.status === 'ready');
}, TIMEOUT_MS);
afterAll(async () => {
  stop();
  connections.close();
  await db.destroy();
  await Promise.all([redis.discard(), postgres.discard()]);
}, TIMEOUT_MS);

const add = (shard: number): Promise<string | null> => connections.producer.xadd(keys.shard(shard, 1).journal, '*', 'any', 'entry');

test('a Postgres whose first answer is late, as while everything starts, is not reported', async () => {
  const errors: unknown[] = [];
  const connection = connectPostgres(postgres.url, watchProfile(LATE_MS * 10));
  await postgres.kill('SIGSTOP');
  const metricsOfStart = testMetrics();
  const stopWatch = watchJournal({
    db: connection, redis: connections.bulk, keys, metrics: metricsOfStart, onError: (error) => { errors.push(error); },
  });
  await sleep(LATE_MS);
  await postgres.kill('SIGCONT');
  await until('the first look', async () => (await metricsOfStart.gauge('cg_journal_lag_seconds')) === 0);
  stopWatch();
  expect(errors).toEqual([]);
  await connection.destroy();
});

test('an empty journal has no lag; what Postgres does not have is counted, and timed from its oldest', async () => {
  stop = watchJournal({ db, redis: connections.bulk, keys, metrics, onError: () => undefined });
  await until('the first look', async () => (await lag()) === 0);
  expect(await metrics.gauge('cg_journal_lag_entries')).toBe(0);
  expect(await metrics.gauge('cg_fence_epochs')).toBe(SHARDS);
  await Promise.all([add(0), add(0), add(3)]);
  await until('three entries wait', async () => (await metrics.gauge('cg_journal_lag_entries')) === 3);
  await until('the lag grows', async () => (await lag() ?? 0) > 1);
});

test('a shard that is stopped is counted', async () => {
  const [first] = await readShards(db);
  await stopShard(db, first ?? { shard: 0, epoch: 1, lastId: '0-0' }, 'a contradiction');
  await until('a stopped shard', async () => (await metrics.gauge('cg_shards_stopped')) === 1);
});

test('a loss of Redis is counted until an operator acknowledges it', async () => {
  expect(await metrics.gauge('cg_journal_lost_entries')).toBe(0);
  const loss = { survivedId: '0-0', knownId: '1763668800000-0', accounts: { alice: 2 } };
  await db.transaction(async (trx) => {
    await insertLoss(trx, { ...loss, shard: 1, epoch: 1, entries: 40 });
    await insertLoss(trx, { ...loss, shard: 2, epoch: 1, entries: 7 });
  });
  await until('the losses are counted', async () => (await metrics.gauge('cg_journal_lost_entries')) === 47);
  await acknowledgeLosses(db, 1, { reason: 'users were told', actor: 'ops' });
  await until('one of them is dealt with', async () => (await metrics.gauge('cg_journal_lost_entries')) === 7);
});

test.each(['SIGSTOP', 'SIGKILL'] as const)('a Postgres that gets %s does not hide the lag: it continues to grow', async (signal) => {
  await postgres.kill(signal);
  await add(1);
  const before = await lag() ?? 0;
  const entries = await metrics.gauge('cg_journal_lag_entries') ?? 0;
  await until('the new entry is counted', async () => (await metrics.gauge('cg_journal_lag_entries') ?? 0) > entries);
  await until('the lag grew by two seconds', async () => (await lag() ?? 0) > before + 2);
  if (signal === 'SIGSTOP') await postgres.kill('SIGCONT');
  else await postgres.restart();
}, TIMEOUT_MS);

test.each(['SIGSTOP', 'SIGKILL'] as const)('a Redis that gets %s makes the lag unknown, not zero', async (signal) => {
  await until('a lag', async () => (await lag() ?? 0) > 0);
  await redis.kill(signal);
  await until('silence', async () => (await lag()) === undefined);
  expect(await metrics.gauge('cg_journal_lag_entries')).toBeUndefined();
  if (signal === 'SIGSTOP') await redis.kill('SIGCONT');
  else await redis.restart();
  await until('a lag again', async () => (await lag() ?? 0) > 0);
}, TIMEOUT_MS);
