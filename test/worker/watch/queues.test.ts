import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Queue } from 'bullmq';
import { deadLetterQueue, SETTLEMENT_QUEUES } from '../../../src/edge/queues/queues.js';
import { connectQueue, queuePrefix, type QueueConnections } from '../../../src/stores/redis/queue-connections.js';
import { watchQueues } from '../../../src/worker/watch/queues.js';
import { watchSettlements } from '../../../src/worker/watch/settlements.js';
import { until } from '../../chaos/lab.js';
import { testMetrics } from '../../support/gauges.js';
import { throwawayRedis, type TestServer } from '../../support/servers.js';
import { redisAt } from '../../../src/stores/redis/location.js';

const TIMEOUT_MS = 300_000;
const [MULTI] = SETTLEMENT_QUEUES;
const onError = (): void => undefined;
let redis: TestServer;
let connections: QueueConnections;
let open: (name: string) => Queue;
const stops: (() => void)[] = [];
beforeAll(async () => {
  redis = await throwawayRedis();
  connections = connectQueue(redisAt(redis.url), 'cg', onError);
  await until('Redis', () => connections.producer.status === 'ready');
  const prefix = queuePrefix(`w${randomUUID().slice(0, 8)}`);
  open = (name) => {
    const queue = new Queue(name, { connection: connections.producer, prefix });
    queue.on('error', onError);
    return queue;
  };
}, TIMEOUT_MS);
afterAll(async () => {
  for (const stop of stops) stop();
  connections.close();
  await redis.discard();
}, TIMEOUT_MS);

test('jobs by state and the longest wait; no values while the queues cannot be read', async () => {
  const metrics = testMetrics();
  const jobs = (queue: string, state: string) => metrics.gauge(`cg_queue_jobs{queue="${queue}",state="${state}"}`);
  const ledger = open('ledger');
  const settlements = open(MULTI);
  const now = Date.now();
  await ledger.add('drain', {});
  await ledger.add('drain', {}, { timestamp: now - 90_000, delay: 60_000 }); // made by a schedule, one period ahead
  await settlements.add('end', {}, { timestamp: now - 300_000 });
  await settlements.add('end', {}, { priority: 5 });
  await settlements.add('end', {});
  stops.push(watchQueues({
    queues: [{ name: 'ledger', queue: ledger }, { name: MULTI, queue: settlements }], connection: connections.producer, metrics,
    onError, everyMs: 200,
  }));
  await until('a look', async () => (await jobs(MULTI, 'waiting')) !== undefined);
  expect([await jobs('ledger', 'waiting'), await jobs('ledger', 'delayed'), await jobs('ledger', 'failed')]).toEqual([1, 1, 0]);
  expect([await jobs(MULTI, 'waiting'), await jobs(MULTI, 'active')]).toEqual([3, 0]);
  expect(await metrics.gauge('cg_queue_oldest_seconds{queue="ledger"}')).toBeLessThan(30);
  expect(await metrics.gauge(`cg_queue_oldest_seconds{queue="${MULTI}"}`)).toBeGreaterThanOrEqual(300);

  await redis.kill('SIGKILL');
  await until('silence', async () => (await jobs('ledger', 'waiting')) === undefined);
  await redis.restart();
  await until('a look again', async () => (await jobs(MULTI, 'waiting')) === 3);
}, TIMEOUT_MS);

test('dead letters of RabbitMQ and of BullMQ are one number; while RabbitMQ is down its last count is used', async () => {
  const metrics = testMetrics();
  const dead = SETTLEMENT_QUEUES.map((name) => open(deadLetterQueue(name)));
  for (const queue of dead) await queue.add('dead', {});
  let isConnected = true;
  const amqp = {
    isConnected: () => isConnected, inFlight: () => 7,
    countDeadLetters: () => (isConnected ? Promise.resolve(3) : Promise.reject(new Error('away'))),
  };
  stops.push(watchSettlements({ amqp, deadLetterQueues: dead, connection: connections.producer, metrics, onError, everyMs: 200 }));
  await until('a count', async () => (await metrics.gauge('cg_dead_letters')) === 5);
  expect([await metrics.gauge('cg_amqp_connected'), await metrics.gauge('cg_amqp_in_flight')]).toEqual([1, 7]);
  isConnected = false;
  await dead[0]?.add('dead', {});
  await until('the next count', async () => (await metrics.gauge('cg_dead_letters')) === 6);
  expect(await metrics.gauge('cg_amqp_connected')).toBe(0);
}, TIMEOUT_MS);

test('reports that RabbitMQ is not configured', async () => {
  const metrics = testMetrics();
  watchSettlements({ amqp: undefined, deadLetterQueues: [], connection: connections.producer, metrics, onError, everyMs: 200 })();
  expect(await metrics.gauge('cg_amqp_connected')).toBe(-1);
});
