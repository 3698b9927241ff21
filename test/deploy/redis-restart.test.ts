import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { micros } from '../../src/kit/money/micros.js';
import { acknowledged } from '../../src/ledger/acknowledged.js';
import { fence, type Fence } from '../../src/ledger/fence.js';
import { keyspace } from '../../src/ledger/keys.js';
import type { Ledger } from '../../src/ledger/ledger.js';
import { redisLedger } from '../../src/ledger/redis-ledger.js';
import type { ShardStore } from '../../src/ledger/shard-store.js';
import { hotPathOptions } from '../../src/stores/redis/connect.js';
import { DeadlineRedis } from '../../src/stores/redis/deadline-redis.js';
import { oneServer } from '../../src/stores/redis/one-server.js';
import { emptyImage, memoryShardStore } from '../support/ledger.js';
import { formerUsers, shippedRedis, shippedUsers, type ShippedRedis } from '../support/shipped-redis.js';

/**
 * Redis replays its append-only file as the user `default`. What a script wrote with two or more commands is a
 * transaction in that file, and a `default` without rights may not run it.
 */

let server: ShippedRedis;
let store: ShardStore;
let closing: (() => void)[] = [];
beforeEach(() => { store = memoryShardStore(4); });
afterEach(async () => {
  for (const close of closing) close();
  closing = [];
  await server.discard();
});

const ACCOUNTS = ['alice', 'bob', 'carol'];

/** The ledger as the gateway's user. */
async function openLedger(): Promise<Ledger> {
  const redis = new DeadlineRedis(server.gatewayUrl, hotPathOptions(10_000));
  redis.on('error', () => undefined); // while it is down
  const keys = keyspace('cg', 4);
  const told = acknowledged(4);
  const gate: Fence = fence({
    redis: oneServer(redis), store, keys, acknowledged: told, drainShard: () => Promise.resolve(true),
    log: { info: () => undefined, error: () => undefined },
  });
  closing.push(() => {
    gate.close();
    redis.disconnect();
  });
  await gate.opened();
  return redisLedger({
    client: redis, keys, fence: gate, acknowledged: told, recallMs: 20_000, unrecalled: () => undefined,
    source: {
      loadAccount: () => Promise.resolve(emptyImage), loadEndedHold: () => Promise.resolve(null),
      recallEndedHold: () => Promise.resolve(null),
    recallEndedHolds: (names) => Promise.resolve(names.map(() => null)), loadCharge: () => Promise.resolve(null),
    },
    correctionWindowMs: 86_400_000,
    written: () => undefined, observe: () => undefined, memory: () => 'normal', openHoldsMax: { account: 100_000, pool: 100_000 },
  });
}

/** Every kind of write that the gateway's scripts make: load, grant, set, place, settle, void, charge, remove, revoke, freeze. */
async function work(ledger: Ledger): Promise<void> {
  for (const accountId of ACCOUNTS) {
    const step = { accountId, about: '{}' };
    const key = (): string => `intent:${randomUUID()}`;
    const hold = {
      ...step, minimum: micros(5), desired: micros(5), leaseMs: 3_600_000, kind: 'test', expiryPolicy: 'release', price: 'p',
      fingerprint: 'f',
    } as const;
    await ledger.grantLot({ ...step, lotId: 'l1', amount: micros(1_000), expiresAtMs: null, key: key(), kind: 'grant' });
    await ledger.grantLot({ ...step, lotId: 'l2', amount: micros(50), expiresAtMs: Date.now() + 3_600_000, key: key(), kind: 'grant' });
    for (const holdId of ['settled', 'voided', 'open']) await ledger.placeHold({ ...hold, holdId });
    await ledger.settleHold({
      ...step, holdId: 'settled', cost: micros(7), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: '7',
    });
    await ledger.voidHold({ ...step, holdId: 'voided' });
    await ledger.charge({ ...step, amount: micros(3), key: { operation: 'use', caller: 'a', key: 'charge' }, fingerprint: 'f', price: '' });
    await ledger.remove({ ...step, amount: micros(2), key: key(), kind: 'remove' });
    await ledger.revokeLot({ ...step, lotId: 'l2', key: key() });
  }
  await ledger.setBalance({
    accountId: 'bob', about: '{}', lotId: 'l3', amount: micros(77), expiresAtMs: null, key: `intent:${randomUUID()}`,
  });
  await ledger.freeze({ accountId: 'carol', about: '{}' });
}

/** Every key with its whole value; times to live to the minute, because they run. */
async function everything(): Promise<Record<string, unknown>> {
  const { operator } = server;
  const names = (await operator.keys('*')).sort();
  const valueOf = async (name: string): Promise<unknown> => {
    switch (await operator.type(name)) {
      case 'string': return operator.get(name);
      case 'hash': return Object.entries(await operator.hgetall(name)).sort();
      case 'zset': return operator.zrange(name, '0', '-1', 'WITHSCORES');
      case 'stream': return operator.xrange(name, '-', '+');
      default: throw new Error(`${name} is of a type that the ledger does not use`);
    }
  };
  const entries = await Promise.all(names.map(async (name) => {
    const ttlMs = await operator.pttl(name);
    return [name, [await valueOf(name), ttlMs < 0 ? ttlMs : Math.round(ttlMs / 600_000)]] as const;
  }));
  return Object.fromEntries(entries);
}

const refusals = (): string[] => server.log().split('\n').filter((line) => line.includes('NOPERM'));

test.each(['SIGTERM', 'SIGKILL'] as const)('after %s and a start nothing is missing, and nothing was refused', async (signal) => {
  server = await shippedRedis();
  await work(await openLedger());
  const before = await everything();
  expect(Object.keys(before).length).toBeGreaterThan(20);
  await server.stop(signal);
  await server.start();
  expect(refusals()).toEqual([]);
  expect(await everything()).toEqual(before);
}, 60_000);

/** The file is rewritten by a child of Redis, which then swaps it in. */
async function rewriteFile(): Promise<void> {
  await server.operator.bgrewriteaof();
  const isRewritten = async (): Promise<boolean> => {
    const info = await server.operator.info('persistence');
    return ['aof_rewrite_in_progress:0', 'aof_rewrite_scheduled:0', 'aof_last_bgrewrite_status:ok'].every((line) => info.includes(line));
  };
  while (!(await isRewritten())) await new Promise((resolve) => { setTimeout(resolve, 20); });
}

/** A system that has run with the former list for a while: it worked, was restarted, which lost something, and worked on. */
async function formerSystem(): Promise<Record<string, unknown>> {
  server = await shippedRedis(formerUsers());
  await work(await openLedger());
  // Its fence would notice the loss and raise the epoch; what the file does is to be seen alone.
  for (const close of closing) close();
  closing = [];
  const before = Object.keys(await everything()).length;
  await server.stop();
  await server.start();
  expect(refusals().length).toBeGreaterThan(0);
  expect(Object.keys(await everything()).length).toBeLessThan(before);
  await work(await openLedger());
  return everything();
}

async function chargeAgain(): Promise<void> {
  await (await openLedger()).charge({
    accountId: 'alice', about: '{}', amount: micros(1), key: { operation: 'use', caller: 'a', key: 'another' }, fingerprint: 'f', price: '',
  });
}

test('an upgrade from the former list keeps everything when the file is rewritten while the former Redis still runs', async () => {
  await formerSystem();
  await rewriteFile();
  await chargeAgain(); // the gateways go on meanwhile
  const before = await everything();
  await server.stop();
  await server.start(shippedUsers());
  expect(refusals().length).toBeGreaterThan(0); // of the former restart; none is new
  const told = refusals().length;
  expect(await everything()).toEqual(before);
  await server.stop();
  await server.start();
  expect(await everything()).toEqual(before);
  expect(refusals().length).toBe(told);
}, 60_000);

test('without the rewrite, what the former restart had dropped comes back and mixes with what was written since', async () => {
  const before = await formerSystem();
  await server.stop();
  await server.start(shippedUsers());
  expect(await everything()).not.toEqual(before);
}, 60_000);
