import { Readable } from 'node:stream';
import { Cluster, Redis } from 'ioredis';
import type { Options } from '../../src/stores/redis/node-options.js';
import { openSharded } from '../../src/stores/redis/open-redis.js';
import { addressOf, redisAt, textOf, type RedisLocation } from '../../src/stores/redis/location.js';
import type { ShardedRedis } from '../../src/stores/redis/sharded-redis.js';

/**
 * Where a Redis of the tests is, as one text: `redis://…`, `rediss://…`, `cluster://:password@host:port,host:port`, or
 * `sentinel://:password@host:port,host:port/name`.
 */
const LISTED = /^(cluster|sentinel):\/\/(?::([^@]*)@)?([^/]+)(?:\/(.*))?$/;

export function locationOf(url: string): RedisLocation {
  const match = LISTED.exec(url);
  if (match === null) return redisAt(url);
  const [, kind, password, list = '', name = ''] = match;
  const addresses = list.split(',').map(addressOf).filter((each) => each !== null);
  const access = password === undefined ? {} : { password };
  return kind === 'cluster' ? { kind: 'cluster', nodes: addresses, ...access }
    : { kind: 'sentinel', sentinels: addresses, name, ...access };
}

/** The settings by which a gateway finds it. */
export function redisSettings(url: string): Readonly<Record<string, string>> {
  const location = locationOf(url);
  const login = location.password === undefined ? {} : { REDIS_PASSWORD: location.password };
  switch (location.kind) {
    case 'server': return { REDIS_URL: url };
    case 'cluster': return { REDIS_CLUSTER_NODES: location.nodes.map(textOf).join(), ...login };
    case 'sentinel': return { REDIS_SENTINELS: location.sentinels.map(textOf).join(), REDIS_SENTINEL_NAME: location.name, ...login };
  }
}

/**
 * The driver's own client, for looking at keys from outside. Of a Cluster it has the commands that name one key, and KEYS,
 * DEL, EXISTS and scanStream of any; a pipeline must stay within one server.
 */
export function rawRedis(url: string, options: Options = {}): Redis {
  const location = locationOf(url);
  const { password } = location;
  const login = password === undefined ? {} : { password };
  switch (location.kind) {
    case 'server': return new Redis(url, options);
    case 'sentinel': return new Redis({
      sentinels: location.sentinels.map((each) => ({ ...each })), name: location.name, ...login, ...options,
    });
    case 'cluster': {
      const cluster = new Cluster(location.nodes.map((each) => ({ ...each })), {
        redisOptions: { ...login, ...options }, slotsRefreshInterval: 1_000,
      });
      cluster.on('error', () => undefined);
      return ofAllServers(cluster);
    }
  }
}

function ofAllServers(cluster: Cluster): Redis {
  const eachOf = (command: 'del' | 'exists') => async (...keys: readonly string[]): Promise<number> => {
    const counts = await Promise.all(keys.map((key) => cluster.call(command, key) as Promise<number>));
    return counts.reduce((total, each) => total + each, 0);
  };
  const masters = async (): Promise<Redis[]> => {
    if (cluster.nodes('master').length === 0) await new Promise((resolve) => { cluster.once('ready', resolve); });
    return cluster.nodes('master');
  };
  return Object.assign(cluster as unknown as Redis, {
    keys: async (pattern: string): Promise<string[]> =>
      (await Promise.all((await masters()).map((node) => node.keys(pattern)))).flat(),
    scanStream: (options: Parameters<Redis['scanStream']>[0]) => Readable.from((async function* pages() {
      for (const node of await masters()) yield* node.scanStream(options) as AsyncIterable<string[]>;
    })()),
    del: eachOf('del'),
    exists: eachOf('exists'),
  });
}

/** The same as the gateway uses it, with a long deadline. Resolves when it is connected. */
export async function shardedRedis(url: string, timeoutMs = 60_000): Promise<ShardedRedis> {
  const redis = openSharded(locationOf(url), {
    autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0, enableOfflineQueue: false, timeoutMs, followsMoves: false,
  }, () => undefined);
  if (!redis.isReady()) {
    await new Promise<void>((resolve) => {
      const stop = redis.onConnection({
        ready: () => {
          if (!redis.isReady()) return;
          stop();
          resolve();
        },
      });
    });
  }
  return redis;
}
