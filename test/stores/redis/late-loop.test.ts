import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { breaker } from '../../../src/stores/redis/breaker.js';
import { hotPathOptions } from '../../../src/stores/redis/connect.js';
import type { DeadlineRedis } from '../../../src/stores/redis/deadline-redis.js';
import { openConnection } from '../../../src/stores/redis/open-redis.js';
import { redisAt } from '../../../src/stores/redis/location.js';
import { guardedClient } from '../../../src/stores/redis/guarded-client.js';
import { repliesOf } from '../../../src/stores/redis/pipeline.js';
import { answeringProxy, type AnsweringServer } from '../../support/answering-server.js';
import { singleServer } from '../../support/on-one-server.js';

/** The event loop is late although the answers have arrived: none of them may become `unknown`. */

const COUNT = "return redis.call('INCR', KEYS[1])";
const CALLS = 50;
const TIMEOUT_MS = 150;
/** Twice the deadline. */
const BLOCKED_MS = 2 * TIMEOUT_MS;

let server: Awaited<ReturnType<typeof singleServer>>;
let proxy: AnsweringServer;
beforeAll(async () => {
  server = await singleServer();
  proxy = await answeringProxy(new URL(server.url));
});
afterAll(async () => {
  await proxy.stop();
  await server.discard();
});

let redis: DeadlineRedis;
beforeEach(async () => {
  const url = new URL(server.url);
  url.host = `127.0.0.1:${proxy.port}`;
  redis = openConnection(redisAt(url.href), '', hotPathOptions(TIMEOUT_MS), () => undefined);
  await new Promise((resolve) => { redis.once('ready', resolve); });
});
afterEach(() => { redis.disconnect(); });

const nextTurn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });
/** Bytes of that many answers such as `:12\r\n`: at least four bytes each. */
const bytesOf = (calls: number): number => 4 * calls;

function guarded() {
  let unknown = 0;
  const gate = breaker(Date.now, () => 0);
  return {
    client: guardedClient({
      client: redis, breakerOf: () => gate, inFlightMax: 1_000, expectedMs: () => 0, expectedMaxMs: TIMEOUT_MS,
      onUnknown: () => { unknown += 1; },
    }),
    gate, unknown: () => unknown,
  };
}

test('the loop is blocked for twice the deadline after commands were sent: every answer counts', async () => {
  const { client, gate, unknown } = guarded();
  const key = `t:late-${randomUUID()}`;
  const before = proxy.answered();
  const calls = Promise.all(Array.from({ length: CALLS }, () => client.eval(COUNT, 1, key)));
  await nextTurn(); // they are sent now
  proxy.blockUntilAnswered(before + bytesOf(CALLS), BLOCKED_MS);
  expect(await calls).toEqual(Array.from({ length: CALLS }, (_, index) => index + 1));
  expect([gate.state(), unknown()]).toEqual(['closed', 0]);
});

test('the loop is blocked before commands are sent: the deadline starts when they are sent', async () => {
  const { client, unknown } = guarded();
  const key = `t:late-${randomUUID()}`;
  const calls = Promise.all(Array.from({ length: CALLS }, () => client.eval(COUNT, 1, key)));
  proxy.blockUntilAnswered(0, BLOCKED_MS);
  expect(await calls).toHaveLength(CALLS);
  expect(unknown()).toBe(0);
});

test('the loop is late repeatedly: no answer is lost', async () => {
  const { client, unknown } = guarded();
  const key = `t:late-${randomUUID()}`;
  const calls: Promise<unknown>[] = [];
  for (let round = 0; round < 4; round += 1) {
    for (let i = 0; i < CALLS; i += 1) calls.push(client.eval(COUNT, 1, key));
    await nextTurn();
    proxy.blockUntilAnswered(0, BLOCKED_MS);
  }
  expect(await Promise.all(calls)).toHaveLength(4 * CALLS);
  expect(unknown()).toBe(0);
});

test('the same for pipelines and single commands on one connection', async () => {
  const before = proxy.answered();
  const [key, other] = [`t:late-${randomUUID()}`, `t:late-${randomUUID()}`];
  const calls = Promise.all([redis.incr(key), redis.pipeline().incr(other).incr(other).exec().then(repliesOf)]);
  await nextTurn();
  proxy.blockUntilAnswered(before + bytesOf(3), BLOCKED_MS);
  expect(await calls).toEqual([1, [1, 2]]);
});
