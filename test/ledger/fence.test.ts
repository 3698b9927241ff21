import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { acknowledged, type Acknowledged } from '../../src/ledger/acknowledged.js';
import { fence, type Fence } from '../../src/ledger/fence.js';
import type { Loss, ShardRow } from '../../src/ledger/judge-shard.js';
import { keyspace, type Keyspace } from '../../src/ledger/keys.js';
import type { LockedShard, ShardMark, ShardStore } from '../../src/ledger/shard-store.js';
import { compareStreamIds } from '../../src/ledger/stream-position.js';
import { oneServer } from '../../src/stores/redis/one-server.js';
import type { ShardedRedis } from '../../src/stores/redis/sharded-redis.js';
import { until } from '../chaos/lab.js';
import { onOneServer } from '../support/on-one-server.js';
import { rawRedis, shardedRedis } from '../support/redis-address.js';
import { redisUrl } from '../support/servers.js';

type FakeStore = ShardStore & { row: ShardRow; readonly losses: Loss[]; readonly marks: ShardMark[] };

/** One shard whose row a test can set. */
function storeWith(row: Pick<ShardRow, 'epoch' | 'lastId'> & Partial<ShardRow>): FakeStore {
  let locked: Promise<unknown> = Promise.resolve();
  const store: FakeStore = {
    ledgerId: 'ours',
    row: { shard: 0, drained: 0, marked: null, deposed: [], ...row },
    losses: [],
    marks: [],
    readShards: () => Promise.resolve([store.row]),
    readIdle: () => Promise.resolve([store.row]),
    depose: () => Promise.resolve(),
    use: () => Promise.resolve([]),
    // One at a time, like the row lock.
    withLocked: <T>(_shard: number, work: (row: ShardRow, change: LockedShard) => Promise<T>): Promise<T> => {
      const mine = locked.then(() => work(store.row, {
        raise: (loss) => {
          store.losses.push(loss);
          store.row = { shard: 0, epoch: store.row.epoch + 1, lastId: '0-0', drained: 0, marked: null, deposed: [] };
          return Promise.resolve();
        },
        depose: () => Promise.resolve(),
        reinstate: () => Promise.resolve(false),
      }));
      locked = mine.catch(() => undefined);
      return mine;
    },
    mark: (marks) => {
      store.marks.push(...marks);
      return Promise.resolve();
    },
    addToLoss: () => Promise.resolve(0),
  };
  return store;
}

let redis: Redis;
let sharded: ShardedRedis;
let keys: Keyspace;
let open: Fence[];
let complaints: string[];
beforeEach(async () => {
  open = [];
  complaints = [];
  redis = rawRedis(redisUrl());
  sharded = await shardedRedis(redisUrl());
  keys = keyspace(`f${randomUUID().slice(0, 8)}`, 1);
});
afterEach(() => {
  for (const each of open) each.close();
  sharded.close();
  redis.disconnect();
});

type Options = { readonly onConnection?: ShardedRedis; readonly told?: Acknowledged; readonly drainShard?: () => Promise<boolean> };

async function opened(
  store: ShardStore,
  {
    onConnection = sharded, told = acknowledged(1), drainShard = () => Promise.reject(new Error('there is nothing to drain')),
  }: Options = {},
): Promise<Fence> {
  const gate = fence({
    redis: onConnection, store, keys, acknowledged: told, drainShard,
    log: { info: () => undefined, error: (_facts, message) => { complaints.push(message); } },
  });
  open.push(gate);
  await gate.opened();
  return gate;
}

const journal = (epoch: number): string => keys.shard(0, epoch).journal;
const fenceKey = (): Promise<string | null> => redis.get(keys.fence(0));

test('an empty Redis and a fresh Postgres start with epoch 1', async () => {
  const gate = await opened(storeWith({ epoch: 1, lastId: '0-0' }));
  expect(gate.epochOf(0)).toEqual({ number: 1, fence: '1@ours' });
  expect(await fenceKey()).toBe('1@ours');
});

test('a Redis with all entries of Postgres, or more, continues unchanged', async () => {
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

test('a trimmed stream is no loss', async () => {
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

test('a shard that cannot be compared keeps no other one closed', async () => {
  keys = keyspace(`f${randomUUID().slice(0, 8)}`, 3);
  const rows = [0, 1, 2].map((shard): ShardRow => ({ shard, epoch: 1, lastId: '0-0', drained: 0, marked: null, deposed: [] }));
  for (const { shard } of rows) await redis.set(keys.fence(shard), '1@ours');
  let isLate = true;
  const gate = fence({
    redis: {
      ...sharded,
      streamStates: (journals) => (isLate && journals.includes(keys.shard(1, 1).journal) ? Promise.reject(new Error('Command timed out'))
        : sharded.streamStates(journals)),
    },
    store: {
      ...storeWith({ epoch: 1, lastId: '0-0' }), readShards: () => Promise.resolve(rows), readIdle: () => Promise.resolve(rows),
    },
    keys, acknowledged: acknowledged(3), drainShard: () => Promise.resolve(true),
    log: { info: () => undefined, error: (_facts, message) => { complaints.push(message); } },
  });
  open.push(gate);
  await until('it was tried', () => complaints.length > 0);
  expect([0, 1, 2].map((shard) => gate.epochOf(shard)?.number)).toEqual([1, undefined, 1]);
  isLate = false;
  await gate.opened();
  expect(gate.isOpen()).toBe(true);
});

test('a shard that another process has locked keeps no other one closed', async () => {
  keys = keyspace(`f${randomUUID().slice(0, 8)}`, 8);
  const all = Array.from({ length: keys.shards }, (_, shard) => shard);
  const rows = all.map((shard): ShardRow => ({ shard, epoch: 1, lastId: '0-0', drained: 0, marked: null, deposed: [] }));
  let isLocked = true;
  const store: ShardStore = {
    ...storeWith({ epoch: 1, lastId: '0-0' }), readShards: () => Promise.resolve(rows), readIdle: () => Promise.resolve([]),
    withLocked: async (shard, work) => {
      const row = rows[shard];
      if (row === undefined || (isLocked && shard % 2 === 1)) throw new Error('canceling statement due to statement timeout');
      return work(row, {
        raise: () => Promise.resolve(), depose: () => Promise.resolve(), reinstate: () => Promise.resolve(false),
      });
    },
  };
  const gate = fence({
    redis: sharded, store, keys, acknowledged: acknowledged(keys.shards), drainShard: () => Promise.resolve(true),
    log: { info: () => undefined, error: (_facts, message) => { complaints.push(message); } },
  });
  open.push(gate);
  await until('it was tried', () => complaints.length > 0);
  expect(all.map((shard) => gate.epochOf(shard)?.number)).toEqual(all.map((shard) => (shard % 2 === 1 ? undefined : 1)));
  isLocked = false;
  await gate.opened();
  expect(gate.isOpen()).toBe(true);
});

test('the Redis of another ledger is not touched', async () => {
  await redis.set(keys.fence(0), '1@theirs');
  const gate = await opened(storeWith({ epoch: 1, lastId: '0-0' }));
  expect([gate.epochOf(0), gate.isOpen(), await fenceKey()]).toEqual([null, false, '1@theirs']);
  expect(complaints.join()).toContain('another ledger');
});

test('a Postgres restored to an older state keeps the shard closed', async () => {
  await redis.set(keys.fence(0), '5@ours');
  const gate = await opened(storeWith({ epoch: 4, lastId: '0-0' }));
  expect([gate.epochOf(0), await fenceKey()]).toEqual([null, '5@ours']);
  expect(complaints.join()).toContain('back in time');
});

describe('acknowledged entries that Postgres does not have', () => {
  /** Three entries, of which Postgres has the first. */
  const row = { epoch: 3, lastId: '1000-0', drained: 1 };
  const toldOf = (...entries: readonly (readonly [string, string])[]): Acknowledged => {
    const told = acknowledged(1);
    for (const [accountId, streamId] of entries) told.note(0, 3, accountId, streamId);
    return told;
  };
  const streamOf = async (...ids: readonly string[]): Promise<void> => {
    await redis.set(keys.fence(0), '3@ours');
    for (const id of ids) await redis.xadd(journal(3), id, 'a', 'b');
  };

  test('are detected by the process that got the acknowledgements: new epoch, loss counted, accounts named', async () => {
    await streamOf('1000-0');
    const store = storeWith(row);
    const gate = await opened(store, { told: toldOf(['alice', '1001-0'], ['bob', '1002-0'], ['alice', '1003-0']) });
    expect(gate.epochOf(0)?.number).toBe(4);
    expect(store.losses).toEqual([
      { shard: 0, epoch: 3, survivedId: '1000-0', knownId: '1003-0', entries: 3, accounts: { alice: 2, bob: 1 } },
    ]);
    expect(complaints.join()).toContain('Redis lost entries that it had acknowledged');
  });

  test('are detected by another process from the mark in Postgres; the accounts are then unknown', async () => {
    await streamOf('1000-0');
    const store = storeWith({ ...row, marked: { lastId: '1002-0', entries: 48 } });
    await opened(store);
    expect(store.losses).toEqual([{ shard: 0, epoch: 3, survivedId: '1000-0', knownId: '1002-0', entries: 47, accounts: {} }]);
  });

  test('are counted from the mark plus the later acknowledgements', async () => {
    await streamOf('1000-0');
    const store = storeWith({ ...row, marked: { lastId: '1002-0', entries: 48 } });
    await opened(store, { told: toldOf(['alice', '1002-0'], ['alice', '1003-0']) });
    expect(store.losses).toMatchObject([{ knownId: '1003-0', entries: 48, accounts: { alice: 2 } }]);
  });

  test('are named although the mark counts too few: each process counts those since the last beat for itself', async () => {
    await streamOf('1000-0');
    const store = storeWith({ ...row, marked: { lastId: '1002-0', entries: row.drained } });
    await opened(store);
    expect(store.losses).toMatchObject([{ knownId: '1002-0', entries: 1 }]);
  });

  test('may be partly left in Redis: those are drained first, while the fence is closed', async () => {
    await streamOf('1000-0', '1001-0');
    const store = storeWith(row);
    let fenceWhileDraining: string | null = 'not drained';
    const drainShard = async (): Promise<boolean> => {
      fenceWhileDraining = await fenceKey();
      expect(store.marks).toEqual([{ shard: 0, epoch: 3, lastId: '1002-0', entries: 3 }]);
      store.row = { ...store.row, lastId: '1001-0', drained: 2 };
      return true;
    };
    await opened(store, { told: toldOf(['alice', '1001-0'], ['bob', '1002-0']), drainShard });
    expect(fenceWhileDraining).toBeNull();
    expect(store.losses).toEqual([{ shard: 0, epoch: 3, survivedId: '1001-0', knownId: '1002-0', entries: 1, accounts: { bob: 1 } }]);
  });

  test('keep a stopped shard closed until it is resumed, because its remaining entries cannot be drained', async () => {
    await streamOf('1000-0', '1001-0');
    const store = storeWith(row);
    let isStopped = true;
    const drainShard = (): Promise<boolean> => {
      if (!isStopped) store.row = { ...store.row, lastId: '1001-0', drained: 2 };
      return Promise.resolve(!isStopped);
    };
    const gate = await opened(store, { told: toldOf(['bob', '1002-0']), drainShard });
    expect([gate.epochOf(0), await fenceKey(), store.row.epoch]).toEqual([null, null, 3]);
    isStopped = false;
    while (!gate.isOpen()) await new Promise((resolve) => { setTimeout(resolve, 5); });
    expect(store.losses).toMatchObject([{ entries: 1 }]);
    expect(complaints.filter((line) => line.includes('stopped'))).toHaveLength(1);
  });

  test('are detected even after another process has written again', async () => {
    await streamOf('1000-0', '2000-0');
    const store = storeWith(row);
    const drainShard = (): Promise<boolean> => {
      store.row = { ...store.row, lastId: '2000-0', drained: 2 };
      return Promise.resolve(true);
    };
    await opened(store, { told: toldOf(['alice', '1001-0'], ['bob', '1002-0']), drainShard });
    expect(store.losses).toMatchObject([{ epoch: 3, entries: 2, accounts: { alice: 1, bob: 1 } }]);
    // Not the time of the last entry that Postgres has: that one is newer than what was lost.
    expect(store.losses).toMatchObject([{ survivedId: '2000-0', window: { fromId: '1001-0', toId: '1002-0' } }]);
  });

  test('do not exist when Redis only lost drained entries', async () => {
    await streamOf('999-0');
    const store = storeWith({ ...row, marked: { lastId: '1000-0', entries: 1 } });
    await opened(store, { told: toldOf(['alice', '1000-0']) });
    expect(store.losses).toMatchObject([{ entries: 0, accounts: {} }]);
    expect(complaints.join()).toContain('Redis is behind Postgres');
  });
});

describe('no false alarm', () => {
  const row = { epoch: 3, lastId: '1001-0', drained: 2, marked: { lastId: '1001-0', entries: 2 } };
  const isUntouched = async (store: FakeStore): Promise<void> => {
    const told = acknowledged(1);
    told.note(0, 3, 'alice', '1001-0');
    expect((await opened(store, { told })).epochOf(0)?.number).toBe(3);
    expect([store.losses, complaints]).toEqual([[], []]);
  };

  test('when everything was replayed', async () => {
    await redis.set(keys.fence(0), '3@ours');
    for (const id of ['1000-0', '1001-0']) await redis.xadd(journal(3), id, 'a', 'b');
    await isUntouched(storeWith(row));
    await isUntouched(storeWith({ ...row, lastId: '0-0', drained: 0 }));
  });

  test('when it was drained and trimmed, all of it or up to newer entries', async () => {
    await redis.set(keys.fence(0), '3@ours');
    for (const id of ['1000-0', '1001-0']) await redis.xadd(journal(3), id, 'a', 'b');
    await redis.xtrim(journal(3), 'MAXLEN', 0);
    await isUntouched(storeWith(row));
    await redis.xadd(journal(3), '1002-0', 'a', 'b');
    await isUntouched(storeWith(row));
  });

  test('when Postgres has no marks yet, as after an upgrade', async () => {
    await redis.set(keys.fence(0), '3@ours');
    for (const id of ['1000-0', '1001-0']) await redis.xadd(journal(3), id, 'a', 'b');
    await isUntouched(storeWith({ ...row, marked: null }));
  });
});

test('two gateways that find the same loss raise the epoch once', async () => {
  const store = storeWith({ epoch: 3, lastId: '1000-4' });
  const [one, two] = await Promise.all([opened(store), opened(store)]);
  expect(store.row.epoch).toBe(4);
  expect([one.epochOf(0)?.number, two.epochOf(0)?.number]).toEqual([store.row.epoch, store.row.epoch]);
});

onOneServer('it cuts the one connection')('a lost connection closes the gate until the server was checked again', async () => {
  const gate = await opened(storeWith({ epoch: 1, lastId: '0-0' }), { onConnection: oneServer(redis) });
  redis.disconnect(true);
  await new Promise((resolve) => { redis.once('close', resolve); });
  expect([gate.epochOf(0), gate.isOpen()]).toEqual([null, false]);
  while (!gate.isOpen()) await new Promise((resolve) => { setTimeout(resolve, 5); });
  expect(gate.epochOf(0)?.number).toBe(1);
});

test('a suspected shard opens again when the check finds no fault', async () => {
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
