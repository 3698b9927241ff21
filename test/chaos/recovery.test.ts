import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { chaosLab, until, type ChaosLab } from './lab.js';

/**
 * How soon work goes on after a kill, from the moment from which it could: Redis answers, the worker is ready. Of several rounds
 * the best counts, because a busy machine delays some of them; one on which a start takes long gets more time in proportion.
 */
const TIMEOUT_MS = 300_000;
const ROUNDS = 3;
const SERVES_WITHIN_MS = 2_000;
const WORKS_WITHIN_MS = 1_000;
/** Of the time that a worker needs to start; on an idle machine a start takes about a second. */
const SHARE_OF_START = 0.25;
const PAST_LEASES_MS = 660_000;
const POLL_MS = 5;
const MODEL = 'gpt-4';
const alice = 'user-1';

let lab: ChaosLab;
beforeAll(async () => {
  lab = await chaosLab(1);
  await lab.proxy.grant(alice, 1_000, 30);
}, TIMEOUT_MS);
afterAll(() => lab.close(), TIMEOUT_MS);

/** When the condition holds, on the clock of `performance.now`. */
async function moment(condition: () => Promise<boolean>): Promise<number> {
  while (!(await condition().catch(() => false))) await sleep(POLL_MS);
  return performance.now();
}

type Round = { readonly couldAt: number; readonly didAt: number; readonly withinMs: number };

async function rounds(what: string, round: () => Promise<Round>): Promise<void> {
  const done: Round[] = [];
  for (let count = 0; count < ROUNDS; count += 1) done.push(await round());
  const took = done.map(({ couldAt, didAt, withinMs }) => ({
    ms: Math.round(Math.max(0, didAt - couldAt)), withinMs: Math.round(withinMs),
  }));
  process.stderr.write(`${what}: ${took.map(({ ms, withinMs }) => `${ms} ms (bound ${withinMs})`).join(', ')}\n`);
  expect(took.filter(({ ms, withinMs }) => ms <= withinMs)).not.toEqual([]);
}

test('kill -9 of Redis, restarted at once: requests are answered soon after Redis answers', async () => {
  const { redis, client } = lab;
  const isServed = async (): Promise<boolean> =>
    (await client.once({ method: 'GET', path: '/api/credits/balance', token: lab.tokenOf(alice), isRepeatable: true })).status === 200;
  await rounds('first answer after Redis answers', async () => {
    await until('it serves', isServed);
    await redis.kill('SIGKILL');
    await until('it does not serve', async () => !(await isServed()));
    const asks = new Redis(redis.operatorUrl, { retryStrategy: () => POLL_MS, maxRetriesPerRequest: null, maxLoadingRetryTime: POLL_MS });
    asks.on('error', () => undefined);
    const [couldAt, didAt] = await Promise.all([moment(async () => asks.ping().then(() => true)), moment(isServed), redis.restart()]);
    asks.disconnect();
    return { couldAt, didAt, withinMs: SERVES_WITHIN_MS };
  });
}, TIMEOUT_MS);

test('kill -9 of the workers: the drain and the ends of leases go on soon after one is ready', async () => {
  const { processes: { worker, advance }, proxy, books } = lab;
  await rounds('all drained and all leases ended after the worker is ready', async () => {
    await books.settled();
    await proxy.open(alice, MODEL, 100);
    await books.settled();
    await worker.kill('SIGKILL');
    await advance(PAST_LEASES_MS);
    await proxy.charge(alice, 0.25, true);
    const startedAt = performance.now();
    await worker.start();
    const couldAt = performance.now();
    const didAt = await moment(async () => (await books.pending()) === '');
    process.stderr.write(`a worker is ready after ${Math.round(couldAt - startedAt)} ms\n`);
    return { couldAt, didAt, withinMs: Math.max(WORKS_WITHIN_MS, (couldAt - startedAt) * SHARE_OF_START) };
  });
}, TIMEOUT_MS);
