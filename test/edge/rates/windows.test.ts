import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { readConfig } from '../../../src/config.js';
import { addressOf } from '../../../src/edge/rates/address.js';
import { rateWindows, type AddCounts, type RateWindows } from '../../../src/edge/rates/windows.js';
import type { ShardedRedis } from '../../../src/stores/redis/sharded-redis.js';
import { redisUrl } from '../../support/servers.js';
import { rawRedis, shardedRedis } from '../../support/redis-address.js';

const QUOTA = { requests: 32, windowMs: 60_000 };
let redis: Redis;
let sharded: ShardedRedis;
let nowMs = 0;
const clock = (): number => nowMs;

beforeAll(async () => {
  redis = rawRedis(redisUrl());
  sharded = await shardedRedis(redisUrl());
});
afterAll(() => {
  sharded.close();
  redis.disconnect();
});

/** How many of so many requests pass. */
const passed = (windows: RateWindows, subject: string, tries: number): number =>
  Array.from({ length: tries }, () => windows.take(subject, QUOTA)).filter(({ isAllowed }) => isAllowed).length;

test('a window has its quota, tells what is left and when the next begins, and the next has it again', () => {
  const windows = rateWindows({ add: () => Promise.reject(new Error('Redis is away')), clock });
  nowMs = 1_200_000 + 15_000;
  expect(windows.take('alice', QUOTA)).toEqual({ isAllowed: true, remaining: 31, resetMs: 45_000 });
  expect(passed(windows, 'alice', 40)).toBe(31);
  expect(passed(windows, 'bob', 40)).toBe(32);
  expect(windows.take('alice', QUOTA)).toEqual({ isAllowed: false, remaining: 0, resetMs: 45_000 });
  nowMs += 45_000;
  expect(passed(windows, 'alice', 40)).toBe(32);
  windows.close();
});

test('several at once are taken whole while the window is not full', () => {
  const windows = rateWindows({ add: () => Promise.reject(new Error('Redis is away')), clock });
  expect(windows.take('alice', QUOTA, 31)).toMatchObject({ isAllowed: true, remaining: 1 });
  expect(windows.take('alice', QUOTA, 100)).toMatchObject({ isAllowed: true, remaining: 0 });
  expect(windows.take('alice', QUOTA)).toMatchObject({ isAllowed: false });
  windows.close();
});

test('processes share one quota: each adds at most what it has not reported, a sixteenth', async () => {
  nowMs = Date.now();
  const prefix = randomUUID();
  const add: AddCounts = (counts) => sharded.addCounts(counts.map(({ key, ...count }) => ({ key: `${prefix}:${key}`, ...count })));
  const processes = [rateWindows({ add, clock }), rateWindows({ add, clock }), rateWindows({ add, clock })];
  let total = 0;
  // Each asks until it is refused, and hears of the others whenever it reports.
  for (let round = 0; round < 40; round += 1) {
    for (const each of processes) {
      total += passed(each, 'alice', 2);
      await each.report();
    }
  }
  expect(total).toBeGreaterThanOrEqual(QUOTA.requests);
  expect(total).toBeLessThanOrEqual(QUOTA.requests + (processes.length - 1) * 2);
  expect(await redis.pttl(`${prefix}:alice:60000:${Math.floor(nowMs / 60_000)}`)).toBeGreaterThan(0);
  for (const each of processes) each.close();
});

test('what could not be reported counts here, and is reported when Redis is back', async () => {
  let isAway = true;
  const reported: number[] = [];
  const windows = rateWindows({
    add: (counts) => {
      if (isAway) return Promise.reject(new Error('Redis is away'));
      reported.push(...counts.map(({ by }) => by));
      return Promise.resolve(counts.map(() => 100));
    },
    clock,
  });
  expect(passed(windows, 'alice', 10)).toBe(10);
  await windows.report();
  expect(windows.take('alice', QUOTA)).toMatchObject({ isAllowed: true, remaining: 21 });
  isAway = false;
  await windows.report();
  expect(reported).toEqual([11]);
  expect(windows.take('alice', QUOTA)).toMatchObject({ isAllowed: false });
  windows.close();
});

test('a caller who stays far below the quota costs Redis nothing', async () => {
  let calls = 0;
  const windows = rateWindows({ add: (counts) => { calls += 1; return Promise.resolve(counts.map(() => 0)); }, clock });
  windows.take('alice', QUOTA);
  await windows.report();
  expect(calls).toBe(0);
  windows.close();
});

test.each<[string, string | undefined, number, string]>([
  ['203.0.113.7', undefined, 0, '203.0.113.7'],
  ['203.0.113.7', '198.51.100.1', 0, '203.0.113.7'],
  ['::ffff:203.0.113.7', undefined, 0, '203.0.113.7'],
  ['10.0.0.1', '6.6.6.6, 198.51.100.1', 1, '198.51.100.1'],
  ['10.0.0.1', '6.6.6.6, 198.51.100.1, 10.0.0.2', 2, '198.51.100.1'],
  ['10.0.0.1', '198.51.100.1', 2, '198.51.100.1'],
  ['10.0.0.1', 'not an address', 1, '10.0.0.1'],
  ['10.0.0.1', undefined, 1, '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', undefined, 0, '2001:db8:1:2::/64'],
  ['2001:db8::1', undefined, 0, '2001:db8:0:0::/64'],
  ['::1', undefined, 0, '0:0:0:0::/64'],
])('the address of %s, forwarded for %s over %i proxies, is %s', (remoteAddress, forwarded, hops, expected) => {
  const request = { socket: { remoteAddress }, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } };
  expect(addressOf(request as unknown as IncomingMessage, hops)).toBe(expected);
});

test('settings: requests per seconds, or off; by default limits are on, tight for a user and wide for a key', () => {
  const verifier = { JWT_ACCESS_SECRET: 'x'.repeat(32) };
  const { rates } = readConfig(verifier);
  expect(rates.user).toEqual({ requests: 1_000, windowMs: 10_000 });
  expect(rates.key).toEqual({ requests: 50_000, windowMs: 10_000 });
  expect(readConfig({ ...verifier, RATE_LIMIT_USER: 'off', RATE_LIMIT_KEY: '5/1' }).rates).toMatchObject({
    user: null, key: { requests: 5, windowMs: 1_000 },
  });
  for (const wrong of ['0/10', '10', '10/0', '-1/1', '1.5/1', 'many']) {
    expect(() => readConfig({ ...verifier, RATE_LIMIT_USER: wrong })).toThrow(`RATE_LIMIT_USER must be requests/seconds`);
  }
});
