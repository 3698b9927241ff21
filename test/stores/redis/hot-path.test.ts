import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { breaker } from '../../../src/stores/redis/breaker.js';
import { hotPathOptions } from '../../../src/stores/redis/connect.js';
import { openConnection } from '../../../src/stores/redis/open-redis.js';
import { redisAt } from '../../../src/stores/redis/location.js';
import { guardedClient } from '../../../src/stores/redis/guarded-client.js';
import { singleServer } from '../../support/on-one-server.js';
import { rawRedis } from '../../support/redis-address.js';

/** A script that counts its executions. */
const COUNT = "return redis.call('INCR', KEYS[1])";
const TIMEOUT_MS = 150;

let redisServer: Awaited<ReturnType<typeof singleServer>>;
beforeAll(async () => { redisServer = await singleServer(); });
afterAll(() => redisServer.discard());

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Loss = 'nothing' | 'replies' | 'connection' | 'speed';
/** Between two bytes of a reply that has lost its speed. */
const BYTE_EVERY_MS = TIMEOUT_MS / 5;

/** A proxy in front of Redis that can drop Redis' replies, pass them on byte by byte, or cut the connection after a command passed. */
async function lossyProxy(): Promise<{ url: string; lose: (how: Loss) => void }> {
  let mode: Loss = 'nothing';
  const target = new URL(redisServer.url);
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    sockets.add(client).add(upstream);
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      if (mode === 'connection') client.destroy();
      else if (mode === 'nothing') client.write(chunk);
      else if (mode === 'speed') void byteByByte(client, chunk);
    });
    for (const [one, other] of [[client, upstream], [upstream, client]] as const) {
      one.on('close', () => other.destroy());
      one.on('error', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const url = new URL(redisServer.url);
  url.host = `127.0.0.1:${address.port}`;
  return { url: url.href, lose: (how) => { mode = how; } };
}

async function byteByByte(client: Socket, chunk: Buffer): Promise<void> {
  for (const byte of chunk) {
    await new Promise((resolve) => { setTimeout(resolve, BYTE_EVERY_MS); });
    if (!client.destroyed) client.write(Buffer.of(byte));
  }
}

async function readyClient(url: string): Promise<Redis> {
  const redis = openConnection(redisAt(url), '', hotPathOptions(TIMEOUT_MS), () => undefined);
  cleanups.push(() => { if (redis.status !== 'end') redis.disconnect(); });
  await new Promise((resolve) => { redis.once('ready', resolve); });
  return redis;
}

function guarded(client: Redis, inFlightMax = 1_000, expected = { ms: 0 }) {
  const gate = breaker(Date.now, () => 0);
  const unknowns: number[] = [];
  return {
    gate, unknowns,
    client: guardedClient({
      client, breakerOf: () => gate, inFlightMax, expectedMs: () => expected.ms, expectedMaxMs: TIMEOUT_MS,
      onUnknown: () => unknowns.push(1),
    }),
  };
}

/** The number of executions, read over a separate connection. */
async function executions(key: string): Promise<number> {
  const direct = rawRedis(redisServer.url);
  try {
    return Number((await direct.get(key)) ?? 0);
  } finally {
    direct.disconnect();
  }
}

test.each(['replies', 'connection'] as const)('a script whose %s are lost runs once, and its outcome is unknown', async (loss) => {
  const { url, lose } = await lossyProxy();
  const redis = await readyClient(url);
  const { client, unknowns } = guarded(redis);
  const key = `t:once-${randomUUID()}`;
  lose(loss);
  await expect(client.eval(COUNT, 1, key)).rejects.toMatchObject({ code: 'ledger_unavailable', outcome: 'unknown' });
  expect(unknowns).toHaveLength(1);
  lose('nothing');
  // Long enough for a reconnect, after which ioredis would send the command again if configured wrongly.
  await new Promise((resolve) => { setTimeout(resolve, 800); });
  expect(await executions(key)).toBe(1);
});

test('without a connection nothing is sent and nothing waits', async () => {
  const { url } = await lossyProxy();
  const redis = await readyClient(url);
  const { client } = guarded(redis);
  redis.disconnect();
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  await expect(client.eval(COUNT, 1, 't:k')).rejects.toMatchObject({ code: 'ledger_unavailable' });
});

test('too many calls in flight are refused before they are sent', async () => {
  const { url, lose } = await lossyProxy();
  const redis = await readyClient(url);
  const { client } = guarded(redis, 2);
  const key = `t:cap-${randomUUID()}`;
  lose('replies');
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => client.eval(COUNT, 1, key)));
  expect(outcomes.map((each) => (each as PromiseRejectedResult).reason as { outcome: string }).map(({ outcome }) => outcome))
    .toEqual(['unknown', 'unknown', 'not_executed']);
  expect(await executions(key)).toBe(2);
});

test('a call that would wait for longer than its deadline is refused before it is sent', async () => {
  const redis = await readyClient(redisServer.url);
  const expected = { ms: TIMEOUT_MS };
  const { client, gate } = guarded(redis, 1_000, expected);
  const key = `t:wait-${randomUUID()}`;
  expect(await client.eval(COUNT, 1, key)).toBe(1);
  expected.ms += 1;
  await expect(client.eval(COUNT, 1, key)).rejects.toMatchObject({ code: 'ledger_unavailable', outcome: 'not_executed' });
  expect([await executions(key), gate.state()]).toEqual([1, 'closed']);
});

test('while replies arrive, those of later commands are awaited beyond the deadline, but not for ever', async () => {
  const { url, lose } = await lossyProxy();
  const redis = await readyClient(url);
  const { client, unknowns } = guarded(redis);
  lose('speed');
  const startedAt = performance.now();
  expect(await client.eval("return 'late'", 0)).toBe('late'); // ten bytes with their frame
  expect(performance.now() - startedAt).toBeGreaterThan(TIMEOUT_MS);
  expect(unknowns).toEqual([]);
  await expect(client.eval("return string.rep('x', 1000)", 0)).rejects.toMatchObject({ outcome: 'unknown' });
});

test('an error in a script is not treated as an outage', async () => {
  const redis = await readyClient(redisServer.url);
  const { client, gate } = guarded(redis);
  for (let i = 0; i < 10; i += 1) await expect(client.eval("error('oops')", 0)).rejects.toThrow('oops');
  expect(gate.state()).toBe('closed');
});

test('the breaker opens after five failures in a row, lets one probe through, and closes when it succeeds', () => {
  let nowMs = 0;
  const gate = breaker(() => nowMs, () => 0);
  for (let i = 0; i < 5; i += 1) {
    expect(gate.allows()).toBe(true);
    gate.failed();
  }
  expect([gate.state(), gate.allows()]).toEqual(['open', false]);
  nowMs += 501;
  expect([gate.state(), gate.allows(), gate.allows()]).toEqual(['half_open', true, false]);
  gate.failed();
  expect(gate.allows()).toBe(false);
  nowMs += 501;
  expect(gate.allows()).toBe(true);
  gate.succeeded();
  expect([gate.state(), gate.allows()]).toEqual(['closed', true]);
});

test('half of twenty calls in a second open it too', () => {
  const gate = breaker(() => 1_000, () => 0);
  for (let i = 0; i < 10; i += 1) {
    gate.succeeded();
    gate.failed();
  }
  expect(gate.allows()).toBe(false);
});
