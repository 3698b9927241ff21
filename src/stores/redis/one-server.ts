import type { Redis } from 'ioredis';
import { indexesOn, keysOn, streamsOn, type Together } from './commands.js';
import { DeadlineRedis } from './deadline-redis.js';
import { msOf } from './pipeline.js';
import { scriptsOn } from './script-command.js';
import { writeRefusal } from './write-refusal.js';
import { readIdentity } from './server-identity.js';
import type { ShardedRedis } from './sharded-redis.js';

/** The port over one server, which has every shard. The caller owns the connection and may share it. */
export function oneServer(redis: Redis): ShardedRedis {
  const together: Together = async (items, _keyOf, commandsOf) =>
    (items.length === 0 ? [] : await redis.pipeline(items.flatMap((item) => commandsOf(item).map((command) => [...command]))).exec() ?? []);
  let connections = redis.status === 'ready' ? 1 : 0;
  redis.on('ready', () => { connections += 1; });
  return {
    ...scriptsOn(redis),
    ...keysOn(together),
    ...streamsOn(together),
    ...indexesOn(together),
    ...serversOn(redis),
    serverName: () => 'redis',
    connectionOf: () => (redis.status === 'ready' ? connections : null),
    isReady: () => redis.status === 'ready',
    onConnection: ({ ready, lost }) => {
      if (ready !== undefined) redis.on('ready', ready);
      if (lost !== undefined) redis.on('close', lost);
      return () => {
        if (ready !== undefined) redis.off('ready', ready);
        if (lost !== undefined) redis.off('close', lost);
      };
    },
    oldestWaitMs: () => (redis instanceof DeadlineRedis ? redis.oldestWaitMs() : 0),
    expectedMs: () => (redis instanceof DeadlineRedis ? redis.expectedMs() : 0),
    close: () => { redis.disconnect(); },
  };
}

type Servers = Pick<ShardedRedis, 'scan' | 'serversOf' | 'byServer' | 'timeMs' | 'infos' | 'writeRefusals'>;

const serversOn = (redis: Redis): Servers => ({
  scan: async (from, pattern, count) => {
    const [cursor, keys] = await redis.scan(from, 'MATCH', pattern, 'COUNT', count);
    return { cursor, keys };
  },
  serversOf: async (keys) => {
    const identity = await readIdentity(redis);
    return keys.map(() => identity);
  },
  byServer: (items) => (items.length === 0 ? [] : [items]),
  timeMs: async () => msOf(await redis.time() as [number, number]),
  infos: async (section) => [section === undefined ? await redis.info() : await redis.info(section)],
  writeRefusals: async () => [await writeRefusal(redis)],
});
