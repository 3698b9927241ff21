import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { compareStreamIds, fence, type Fence, type ShardRow, type ShardStore } from '../../src/ledger/fence.js';
import { keyspace, type Keyspace } from '../../src/ledger/keys.js';
import { hotPathOptions } from '../../src/redis/connect.js';
import { redisUrl } from '../support/servers.js';

/** One shard whose row a test can set as it likes. */
function storeWith(row: Omit<ShardRow, 'shard'>): ShardStore & { row: ShardRow } {
  let locked: Promise<unknown> = Promise.resolve();
  const store = {
    ledgerId: 'ours',
    row: { shard: 0, ...row } as ShardRow,
    readShards: () => Promise.resolve([store.row]),
    // One at a time, as the row lock makes it.
    withLocked: <T>(_shard: number, work: (row: ShardRow, raise: () => Promise<void>) => Promise<T>): Promise<T> => {
      const mine = locked.then(() => work(store.row, () => {
        store.row = { shard: 0, epoch: store.row.epoch + 1, lastId: '0-0' };
        return Promise.resolve();
      }));
      locked = mine.catch(() => undefined);
      return mine;
    },
  };
  return store;
}

let redis: Redis;
let keys: Keyspace;
let open: Fence[];
let complaints: string[];
beforeEach(async () => {
  redis = new Redis(redisUrl(), { ...hotPathOptions(5_000), lazyConnect: true });
  await redis.connect();
  keys = keyspace(`f${randomUUID().slice(0, 8)}`, 1);
  open = [];
  complaints = [];
});
afterEach(() => {
  for (const each of open) each.close();
  redis.disconnect();
});

async function opened(store: ShardStore): Promise<Fence> {
  const gate = fence({ redis, store, keys, log: { info: () => undefined, error: (_facts, message) => { complaints.push(message); } } });
  open.push(gate);
  await gate.opened();
  return gate;
}

const journal = (epoch: number): string => keys.shard(0, epoch).journal;
const fenceKey = (): Promise<string | null> => redis.get(keys.fence(0));

test('an empty Redis and a fresh Postgres begin with epoch 1', async () => {
  const gate = await opened(storeWith({ epoch: 1, lastId: '0-0' }));
  expect(gate.epochOf(0)).toEqual({ number: 1, fence: '1@ours' });
  expect(await fenceKey()).toBe('1@ours');
});

test('a Redis that has all that Postgres has, and more, goes on as it is', async () => {
  await redis.set(keys.fence(0), '3@ours');
  await redis.xadd(journal(3), '1000-5', 'a', 'b');
  const store = storeWith({ epoch: 3, lastId: '1000-4' });
  expect((await opened(store)).epochOf(0)?.number).toBe(3);
  expect(store.row.epoch).toBe(3);
});

test.each([
  ['is empty', async () => Promise.resolve()],
  ['lost the stream but kept the fence', async () => { await redis.set(keys.fence(0), '3@ours'); }],
  ['is behind', async () => {
    await redis.set(keys.fence(0), '3@ours');
    await redis.xadd(journal(3), '999-9', 'a', 'b');
  }],
  ['is an epoch behind, too', async () => {
    await redis.set(keys.fence(0), '2@ours');
    await redis.xadd(journal(2), '2000-0', 'a', 'b');
  }],
])('a Redis that %s while Postgres has entries is fenced, and the epoch raised', async (_case, arrange) => {
  await arrange();
  const store = storeWith({ epoch: 3, lastId: '1000-4' });
  expect((await opened(store)).epochOf(0)).toEqual({ number: 4, fence: '4@ours' });
  expect([store.row.epoch, await fenceKey()]).toEqual([4, '4@ours']);
});

test('a trimmed stream is not a lost one', async () => {
  await redis.set(keys.fence(0), '3@ours');
  await redis.xadd(journal(3), '1000-4', 'a', 'b');
  await redis.xtrim(journal(3), 'MAXLEN', 0);
  const store = storeWith({ epoch: 3, lastId: '1000-4' });
  await opened(store);
  expect(store.row.epoch).toBe(3);
});

test('a crash between the two halves of raising an epoch is finished by the next start', async () => {
  // Postgres has the new epoch; Redis still has the old fence, or none.
  await redis.set(keys.fence(0), '3@ours');
  await redis.xadd(journal(3), '999-9', 'a', 'b');
  expect((await opened(storeWith({ epoch: 4, lastId: '0-0' }))).epochOf(0)?.fence).toBe('4@ours');
  expect(await fenceKey()).toBe('4@ours');
});

test('the Redis of another ledger is not touched', async () => {
  await redis.set(keys.fence(0), '1@theirs');
  const gate = await opened(storeWith({ epoch: 1, lastId: '0-0' }));
  expect([gate.epochOf(0), gate.isOpen(), await fenceKey()]).toEqual([null, false, '1@theirs']);
  expect(complaints.join()).toContain('another ledger');
});

test('a Postgres that went back in time keeps the shard closed', async () => {
  await redis.set(keys.fence(0), '5@ours');
  const gate = await opened(storeWith({ epoch: 4, lastId: '0-0' }));
  expect([gate.epochOf(0), await fenceKey()]).toEqual([null, '5@ours']);
  expect(complaints.join()).toContain('back in time');
});

test('two gateways that find the same loss raise the epoch once', async () => {
  const store = storeWith({ epoch: 3, lastId: '1000-4' });
  const [one, two] = await Promise.all([opened(store), opened(store)]);
  expect(store.row.epoch).toBe(4);
  expect([one.epochOf(0)?.number, two.epochOf(0)?.number]).toEqual([store.row.epoch, store.row.epoch]);
});

test('a lost connection closes the gate until the server was looked at again', async () => {
  const gate = await opened(storeWith({ epoch: 1, lastId: '0-0' }));
  redis.disconnect(true);
  await new Promise((resolve) => { redis.once('close', resolve); });
  expect([gate.epochOf(0), gate.isOpen()]).toEqual([null, false]);
  while (!gate.isOpen()) await new Promise((resolve) => { setTimeout(resolve, 5); });
  expect(gate.epochOf(0)?.number).toBe(1);
});

test('a suspected shard opens again when there was nothing wrong', async () => {
  const gate = await opened(storeWith({ epoch: 1, lastId: '0-0' }));
  gate.suspect(0);
  expect(gate.epochOf(0)).toBeNull();
  while (!gate.isOpen()) await new Promise((resolve) => { setTimeout(resolve, 5); });
  expect(gate.epochOf(0)?.number).toBe(1);
});

test('stream ids are compared as numbers, not as text', () => {
  expect(compareStreamIds('999-9', '1000-0')).toBeLessThan(0);
  expect(compareStreamIds('1000-9', '1000-10')).toBeLessThan(0);
  expect(compareStreamIds('1763668800000-0', '1763668800000-0')).toBe(0);
});
