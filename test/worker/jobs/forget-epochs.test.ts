import { expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { keyspace } from '../../../src/ledger/keys.js';
import { forgetEpochs } from '../../../src/worker/jobs/forget-epochs.js';
import { redisUrl } from '../../support/servers.js';
import { rawRedis, shardedRedis } from '../../support/redis-address.js';

test('deletes the keys of past epochs and nothing else', async () => {
  const redis = rawRedis(redisUrl());
  const sharded = await shardedRedis(redisUrl());
  try {
    const namespace = `e${randomUUID().slice(0, 8)}`;
    const keys = keyspace(namespace, 2);
    const account = ['a', 'b', 'c', 'd'].find((id) => keys.shardOf(id) === 1) ?? '';
    const kept = [
      keys.fence(1), keys.account(account, 3).account, keys.account(account, 3).hold('2:x'), keys.shard(0, 1).journal,
      `{${namespace}-bull}:ledger:1`,
    ];
    const over = [keys.account(account, 1).account, keys.account(account, 2).hold('h'), keys.shard(1, 2).holdsDue];
    for (const key of [...kept, ...over]) await redis.set(key, '1');
    const epochs: (number | undefined)[] = [undefined, 3];
    expect(await forgetEpochs({ redis: sharded, keys, epochOf: (shard) => epochs[shard] })).toEqual({ forgotten: 3 });
    expect(await redis.exists(...kept)).toBe(kept.length);
    expect(await redis.exists(...over)).toBe(0);
  } finally {
    sharded.close();
    redis.disconnect();
  }
});
