import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { hotPathOptions } from '../../../src/stores/redis/connect.js';
import { DeadlineRedis } from '../../../src/stores/redis/deadline-redis.js';
import { oneServer } from '../../../src/stores/redis/one-server.js';
import { parseInfo, watchRedis, type RedisWatch } from '../../../src/stores/redis/watch-redis.js';
import { until } from '../../chaos/lab.js';
import { testMetrics } from '../../support/gauges.js';
import { throwawayRedis, type TestRedis } from '../../support/servers.js';

const TIMEOUT_MS = 300_000;
const metrics = testMetrics();
let server: TestRedis;
let redis: Redis;
/** Changes settings, which the gateway's user may not. */
let operator: Redis;
let watch: RedisWatch;
const told: string[][] = [];
beforeAll(async () => {
  server = await throwawayRedis();
  redis = new DeadlineRedis(server.url, hotPathOptions(2_000));
  redis.on('error', () => undefined);
  operator = new Redis(server.operatorUrl, { maxRetriesPerRequest: null });
  operator.on('error', () => undefined);
  await until('Redis', () => redis.status === 'ready');
  watch = watchRedis(oneServer(redis), metrics, (unfit) => { told.push(unfit.map(({ kind }) => kind)); });
}, TIMEOUT_MS);
afterAll(async () => {
  watch.stop();
  redis.disconnect();
  operator.disconnect();
  await server.discard();
}, TIMEOUT_MS);

test('reports the state of Redis', async () => {
  await until('a look', async () => (await metrics.gauge('cg_redis_up')) === 1);
  expect(watch.check()).toEqual({ ok: true, detail: 'up' });
  expect(await metrics.gauge('cg_redis_aof_ok')).toBe(1);
  expect(await metrics.gauge('cg_redis_memory_bytes')).toBeGreaterThan(100_000);
  expect(await metrics.gauge('cg_redis_clients')).toBeGreaterThanOrEqual(1);
  expect(await metrics.gauge('cg_redis_commands')).toBeGreaterThan(0);
  expect([
    await metrics.gauge('cg_redis_replicas'), await metrics.gauge('cg_redis_memory_ladder'),
    await metrics.gauge('cg_redis_memory_max_bytes'),
  ]).toEqual([0, 0, 0]);
});

test('memory is scarce, then high, as it fills up, and normal when there is room again', async () => {
  expect(watch.memory()).toBe('normal');
  const used = await metrics.gauge('cg_redis_memory_bytes') ?? 0;
  await operator.config('SET', 'maxmemory', String(used));
  await until('it is high', () => watch.memory() === 'high');
  expect([await metrics.gauge('cg_redis_memory_ladder'), await metrics.gauge('cg_redis_memory_max_bytes')]).toEqual([2, used]);
  await operator.config('SET', 'maxmemory', String(Math.round(used / 0.77)));
  await until('it is scarce', () => watch.memory() === 'scarce');
  expect(await metrics.gauge('cg_redis_memory_ladder')).toBe(1);
  await operator.config('SET', 'maxmemory', String(used * 10));
  await until('it is not', () => watch.memory() === 'normal');
  expect(await metrics.gauge('cg_redis_memory_ladder')).toBe(0);
});

test('a setting with which Redis can lose credits is noticed while it runs, and told once', async () => {
  expect([watch.settings(), told]).toEqual([{ ok: true, detail: 'right' }, []]);
  const gauge = (setting: string) => metrics.gauge(`cg_redis_unfit{setting="${setting}"}`);
  await operator.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await until('the policy', async () => (await gauge('eviction')) === 1);
  await operator.config('SET', 'appendonly', 'no');
  await until('the file', async () => (await gauge('aof')) === 1);
  expect(watch.settings()).toEqual({
    ok: false,
    detail: 'maxmemory-policy is allkeys-lru: Redis would delete balances when memory is short; '
      + 'the append-only file is off: a restart of Redis loses what Postgres does not have',
  });
  await new Promise((resolve) => { setTimeout(resolve, 2_100); }); // two looks that find the same
  await operator.config('SET', 'maxmemory-policy', 'noeviction');
  await operator.config('SET', 'appendonly', 'yes');
  await until('all is right', () => watch.settings().ok);
  expect([await gauge('eviction'), await gauge('aof'), await gauge('version')]).toEqual([0, 0, 0]);
  expect(told.slice(0, 2)).toEqual([['eviction'], ['eviction', 'aof']]);
  expect([told.length <= 4, told.at(-1)]).toEqual([true, []]); // back at once, or one after the other
});

test.each(['SIGSTOP', 'SIGKILL'] as const)('a Redis that gets %s is down, and its last values are not reported', async (signal) => {
  await server.kill(signal);
  await until('it is down', async () => (await metrics.gauge('cg_redis_up')) === 0);
  expect([watch.check(), await metrics.gauge('cg_redis_memory_bytes'), await metrics.gauge('cg_redis_ping_seconds')]).toEqual([
    { ok: false, detail: 'does not answer' }, undefined, undefined,
  ]);
  if (signal === 'SIGSTOP') await server.kill('SIGCONT');
  else await server.restart();
  await until('it is up', async () => (await metrics.gauge('cg_redis_up')) === 1);
}, TIMEOUT_MS);

test.each([
  ['aof_enabled:0\r\naof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\n', -1],
  ['aof_enabled:1\r\naof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\n', 1],
  ['aof_enabled:1\r\naof_last_write_status:err\r\naof_last_bgrewrite_status:ok\r\n', 0],
  ['aof_enabled:1\r\naof_last_write_status:ok\r\naof_last_bgrewrite_status:err\r\n', 0],
])('the append-only file: %j', (info, aof) => {
  expect(parseInfo(info).aof).toBe(aof);
});
