import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../../src/stores/embedded/loopback-port.js';
import { startRedisServer, type RedisServer } from '../../../src/stores/embedded/redis-server.js';
import { memoryFolder, type Folder } from '../../support/servers.js';
import { cutProxy, type CutProxy } from './cut-proxy.js';
import { NAMESPACE, type RedisOfStage } from './stage.js';

/** A Redis and one that copies it, behind a proxy for each role. */
export type RedisPair = RedisOfStage & {
  /** The Redis that serves, and the one that copies it. They swap at a failover. */
  readonly redis: () => RedisServer;
  readonly replica: () => RedisServer;
  readonly proxies: readonly [ofApis: CutProxy, ofWorkers: CutProxy];
  /** Direct connections, for the hand that breaks things. */
  readonly direct: (server: RedisServer) => Redis;
  /** The replica serves from now on; the former master is its replica once it has been emptied (`resetReplica`). */
  promote(): void;
  /** Empties the former master and lets it copy the current one. */
  resetReplica(): Promise<void>;
};

const REPLICATING_TIMEOUT_MS = 60_000;

export async function openRedisPair(): Promise<RedisPair> {
  // On a slow disk each kill of Redis could lose what it has acknowledged: here only faults that are to lose something do.
  const folder = await memoryFolder();
  const [first, second] = await startPair(folder);
  const [portA, portB] = await Promise.all([freePort(), freePort()]);
  const proxies = [await cutProxy(portA, first.port), await cutProxy(portB, first.port)] as const;
  const [ofApis, ofWorkers] = proxies;
  const through = (url: string, { port }: CutProxy): string => url.replace(/:\d+$/, `:${port}`);
  let [master, copy] = [first, second];
  const connections = new Map<number, Redis>();
  return {
    redis: () => master, replica: () => copy, proxies,
    auditUrl: through(first.operatorUrl, ofWorkers),
    settingsOf: (role) => ({ REDIS_URL: through(first.url, role === 'api' ? ofApis : ofWorkers) }),
    logs: [first, second].map((_, index) => {
      const name = index === 0 ? 'redis-a' : 'redis-b';
      return { name, file: join(folder.path, name, 'redis.log') };
    }),
    direct: (server) => {
      const known = connections.get(server.port);
      if (known !== undefined) return known;
      const redis = new Redis(server.operatorUrl, { maxRetriesPerRequest: null });
      redis.on('error', () => undefined); // it is killed and restarted
      connections.set(server.port, redis);
      return redis;
    },
    promote() {
      [master, copy] = [copy, master];
      for (const proxy of proxies) proxy.retarget(master.port);
    },
    resetReplica: () => replicate(copy, master),
    stop: async () => {
      for (const redis of connections.values()) redis.disconnect();
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await Promise.allSettled([first.stop(), second.stop()]);
      folder.remove();
    },
  };
}

/** Two servers with the same passwords. The second copies the first. */
async function startPair(folder: Folder): Promise<readonly [RedisServer, RedisServer]> {
  const [dirA, dirB] = [join(folder.path, 'redis-a'), join(folder.path, 'redis-b')];
  const extraConfig = { 'repl-diskless-sync': 'yes', 'repl-diskless-sync-delay': '0', 'repl-backlog-size': '16mb' };
  const first = await startRedisServer({ dir: dirA, extraConfig, namespace: NAMESPACE });
  mkdirSync(dirB);
  for (const name of readdirSync(dirA).filter((each) => each.includes('password'))) cpSync(join(dirA, name), join(dirB, name));
  const second = await startRedisServer({ dir: dirB, extraConfig, namespace: NAMESPACE });
  await replicate(second, first);
  return [first, second];
}

async function replicate(copy: RedisServer, master: RedisServer): Promise<void> {
  const { username, password, port } = new URL(master.operatorUrl);
  const redis = new Redis(copy.operatorUrl, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  try {
    await redis.config('SET', 'masteruser', username);
    await redis.config('SET', 'masterauth', password);
    await redis.replicaof('127.0.0.1', Number(port));
    const deadline = Date.now() + REPLICATING_TIMEOUT_MS;
    while (!(await redis.info('replication')).includes('master_link_status:up')) {
      if (Date.now() > deadline) throw new Error('the replica does not copy the master');
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  } finally {
    redis.disconnect();
  }
}
