import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { lastKnownProfile } from '../../src/credits/statement/credit-profile.js';
import { within as knownWithin } from '../../src/edge/console/overview.js';
import { orLate, sharedDeadline, startDeadline } from '../../src/kit/deadline.js';
import { settleWithin } from '../../src/kit/settle-within.js';
import { lastKnown, within } from '../../src/kit/within.js';
import { answeringProxy, type AnsweringServer } from '../support/answering-server.js';
import { singleServer } from '../support/on-one-server.js';

const MS = 100;
/** Longer than any deadline of the product: the overview's is 1.5 s. */
const BLOCKED_MS = 2_000;
/** Well beyond a deadline on a free loop; the rest is for a busy machine. */
const BOUND_MS = 5_000;

let proxy: AnsweringServer;
/** Any server that answers; this client has no deadline of its own. */
let server: Redis;
let behind: Awaited<ReturnType<typeof singleServer>>;
beforeAll(async () => {
  behind = await singleServer();
  proxy = await answeringProxy(new URL(behind.url));
  const url = new URL(behind.url);
  url.host = `127.0.0.1:${proxy.port}`;
  server = new Redis(url.href);
  await server.ping();
});
afterAll(async () => {
  server.disconnect();
  await proxy.stop();
  await behind.discard();
});

const never = new Promise<never>(() => undefined);
const profile = { purchased: 1, plan: 'p', lastRefillAtMs: null } as never;

type Ask = () => Promise<number>;

test.each<[string, (ask: Ask) => Promise<unknown>, unknown]>([
  ['orLate', (ask) => orLate(MS, ask(), () => 'late'), 1],
  ['within', (ask) => within(MS, 'the answer', ask()), 1],
  ['lastKnown', (ask) => lastKnown(ask, MS)(), 1],
  ['a part of the overview', (ask) => knownWithin(ask, () => undefined), { value: 1 }],
  ['the profile beside a balance', (ask) => lastKnownProfile({
    read: () => ask().then(() => profile), onError: () => undefined, deadlineMs: MS,
  })('a'), profile],
  ['settleWithin', async (ask) => {
    let answer: unknown = 'late';
    await settleWithin(MS, ask().then((each) => { answer = each; }));
    return answer;
  }, 1],
])('%s: an answer that arrived while the loop was blocked past the deadline counts', async (_, wait, answer) => {
  const key = `deadline:${randomUUID()}`;
  const before = proxy.answered();
  const waited = wait(() => server.incr(key));
  await new Promise((resolve) => { setImmediate(resolve); });
  proxy.blockUntilAnswered(before + 4, BLOCKED_MS);
  expect(await waited).toEqual(answer);
});

test('work of two steps gets the time back that a blocked loop cost it', async () => {
  const key = `deadline:${randomUUID()}`;
  const waited = orLate(MS * 10, server.incr(key).then(() => server.incr(key)), () => 'late');
  await new Promise((resolve) => { setImmediate(resolve); });
  proxy.blockUntilAnswered(0, BLOCKED_MS);
  expect(await waited).toBe(2);
});

test('without an answer a wait ends at the deadline: not before, and on a free loop not long after', async () => {
  const startedAt = performance.now();
  expect(await orLate(MS, never, () => 'late')).toBe('late');
  const elapsedMs = performance.now() - startedAt;
  expect(elapsedMs).toBeGreaterThanOrEqual(MS - 1); // Node's timers count whole milliseconds
  expect(elapsedMs).toBeLessThan(BOUND_MS);
});

test('on a late loop a wait without an answer ends at twice the deadline', async () => {
  const waited = orLate(MS, never, () => 'late');
  proxy.blockUntilAnswered(0, BLOCKED_MS);
  const startedAt = performance.now();
  expect(await waited).toBe('late');
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(MS - 1);
  expect(performance.now() - startedAt).toBeLessThan(BOUND_MS);
});

test('a cancelled deadline never fires, even while it lets the loop read', async () => {
  let isLate = false;
  const cancel = startDeadline(MS, () => { isLate = true; });
  await new Promise((resolve) => { setTimeout(resolve, MS); });
  cancel();
  await new Promise((resolve) => { setTimeout(resolve, MS); });
  expect(isLate).toBe(false);
});

test('waits of one turn share a deadline: each is told of it, but for one that has ended', async () => {
  const deadline = sharedDeadline(MS);
  const late: string[] = [];
  const end = deadline(() => { late.push('ended'); });
  await new Promise<void>((resolve) => {
    deadline(() => { late.push('one'); });
    deadline(() => { late.push('other'); resolve(); });
    setImmediate(end);
  });
  expect(late).toEqual(['one', 'other']);
});
