import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openHotPath, openPatient } from '../../../src/stores/redis/open-redis.js';
import { isNotServing, isRedisAway } from '../../../src/stores/redis/redis-away.js';
import { serverBreakers } from '../../../src/stores/redis/server-breakers.js';
import type { ShardedRedis } from '../../../src/stores/redis/sharded-redis.js';
import { slotOf } from '../../../src/stores/redis/slots.js';
import { until } from '../../chaos/lab.js';
import { locationOf } from '../../support/redis-address.js';
import { throwawayCluster, type ClusterServer, type TestCluster } from '../../support/redis-cluster.js';

/** The port over a Cluster: what is redirected was not executed and is sent again; what was lost is not. */

const MOVES_MAX = 10;
const COUNT = "return redis.call('INCR', KEYS[1])";
const TIMEOUT_MS = 120_000;
const DEADLINE_MS = 1_000;

let cluster: TestCluster;
let hot: ShardedRedis;
let patient: ShardedRedis;
beforeAll(async () => {
  cluster = await throwawayCluster();
  hot = openHotPath(locationOf(cluster.url), DEADLINE_MS, () => undefined);
  patient = openPatient(locationOf(cluster.url), 30_000, () => undefined);
  await until('the connections', () => hot.isReady() && patient.isReady());
}, TIMEOUT_MS);
afterAll(async () => {
  hot.close();
  patient.close();
  await cluster.discard();
}, TIMEOUT_MS);

const other = (than: ClusterServer): ClusterServer => {
  const found = cluster.servers.find((each) => each !== than);
  if (found === undefined) throw new Error('there is one master only');
  return found;
};
const idOf = ({ admin }: ClusterServer): Promise<string> => admin.cluster('MYID');
const setSlot = ({ admin }: ClusterServer, slot: number, ...words: readonly string[]): Promise<unknown> =>
  admin.call('CLUSTER', 'SETSLOT', String(slot), ...words);

test('lists of keys go to all servers and come back in their order; a scan visits every server', async () => {
  const keys = Array.from({ length: 60 }, (_, index) => `list:{${index}}`);
  for (const [index, key] of keys.entries()) await patient.writeText(key, String(index));
  expect(await patient.readTexts([...keys, 'none'])).toEqual([...keys.map((_, index) => String(index)), null]);
  const found = new Set<string>();
  let cursor = '0';
  do {
    const step = await patient.scan(cursor, 'list:*', 7);
    for (const key of step.keys) found.add(key);
    ({ cursor } = step);
  } while (cursor !== '0');
  expect(found.size).toBe(keys.length);
  expect(new Set(await patient.serversOf(keys)).size).toBe(3);
  const counts = keys.slice(0, 2).map((key) => ({ key, by: 5, ttlMs: 60_000 }));
  expect(await patient.addCounts(counts)).toEqual([5, 6]);
  expect(await patient.remove([...keys, 'none'])).toBe(keys.length);
});

test('a slot that is being moved: keys are found where they are, on the old server or the new one', async () => {
  const [here, there, none] = ['move:{a}:1', 'move:{a}:2', 'move:{a}:3'] as const;
  const slot = slotOf(here);
  const from = await cluster.masterOf(slot);
  const to = other(from);
  await patient.writeText(here, 'here');
  await patient.writeText(there, 'there');
  await setSlot(to, slot, 'IMPORTING', await idOf(from));
  await setSlot(from, slot, 'MIGRATING', await idOf(to));
  await from.admin.call('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'AUTH', cluster.password, 'KEYS', there);
  expect(await patient.readTexts([here, there, none])).toEqual(['here', 'there', null]);
  expect(await hot.eval("return redis.call('GET', KEYS[1])", 1, there)).toBe('there');
  // A script of keys on both servers was not executed, and says so.
  const failure: unknown = await hot.eval(COUNT, 2, none, here).catch((error: unknown) => error);
  expect(isNotServing(failure)).toBe(true);
  await from.admin.call('MIGRATE', '127.0.0.1', String(to.port), '', '0', '5000', 'AUTH', cluster.password, 'KEYS', here);
  for (const server of [to, from]) await setSlot(server, slot, 'NODE', await idOf(to));
  expect(await patient.readTexts([here, there])).toEqual(['here', 'there']);
});

test('a script of a request does not follow its slot: that server is unknown; one of a batch does', async () => {
  // The client may read the map of the slots between the move and the script: then the next slot shows it.
  for (let turn = 1; ; turn += 1) {
    const key = `moved:{b${turn}}`;
    const slot = slotOf(key);
    const from = await cluster.masterOf(slot);
    const to = other(from);
    const before = hot.connectionOf(key);
    await setSlot(to, slot, 'IMPORTING', await idOf(from));
    for (const server of [to, from]) await setSlot(server, slot, 'NODE', await idOf(to));
    const isKnown = hot.connectionOf(key) !== before;
    const failure: unknown = await hot.eval(COUNT, 1, key).catch((error: unknown) => error);
    if (isKnown && turn < MOVES_MAX) continue;
    expect([isNotServing(failure), String(failure)]).toEqual([true, expect.stringContaining('MOVED')]);
    expect(hot.connectionOf(key)).not.toBe(before);
    expect(await patient.eval(COUNT, 1, key)).toBe(1);
    expect(await hot.eval(COUNT, 1, key)).toBe(2);
    return;
  }
});

test('a server that hangs opens its own breaker, and no other', () => {
  const breakers = serverBreakers(hot, () => 0, () => 0);
  const keys = Array.from({ length: 50 }, (_, index) => `hangs:{${index}}`);
  const [hanging = ''] = keys;
  const others = keys.filter((key) => hot.serverName(key) !== hot.serverName(hanging));
  for (let calls = 0; calls < 5; calls += 1) breakers.of(hanging).failed();
  expect([breakers.of(hanging).allows(), breakers.state()]).toEqual([false, 'open']);
  expect(others.length).toBeGreaterThan(0);
  expect(others.every((key) => breakers.of(key).allows())).toBe(true);
});

test('a command without an answer is not sent again; other servers go on, and a restart is noticed', async () => {
  const key = 'lost:{c}';
  const server = await cluster.masterOf(slotOf(key));
  const elsewhere = Array.from({ length: 50 }, (_, index) => `lost:{${index}}`);
  const [before] = await hot.serversOf([key]);
  const connection = hot.connectionOf(key);
  await server.kill('SIGSTOP');
  const failure: unknown = await hot.eval(COUNT, 1, key).catch((error: unknown) => error);
  expect(isRedisAway(failure)).toBe(true);
  const others = elsewhere.filter((each) => hot.byServer([key, each], (name) => name).length === 2);
  expect(others.length).toBeGreaterThan(0);
  expect(await hot.eval(COUNT, 1, others[0] ?? '')).toBe(1);
  await server.kill('SIGCONT');
  await until('it answers', async () => hot.eval("return redis.call('GET', KEYS[1])", 1, key).then((count) => count === '1', () => false));
  await server.restart();
  await until('it is back', async () => hot.connectionOf(key) !== null && (await hot.readTexts([key]).catch(() => []))[0] === '1');
  expect(hot.connectionOf(key)).not.toBe(connection);
  expect(await hot.serversOf([key])).not.toEqual([before]);
}, TIMEOUT_MS);
