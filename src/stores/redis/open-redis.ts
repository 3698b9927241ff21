import { Redis } from 'ioredis';
import { clusterNodes } from './cluster-nodes.js';
import { hotPathOptions } from './connect.js';
import { DeadlineRedis } from './deadline-redis.js';
import { driverOptions } from './driver-options.js';
import type { RedisLocation } from './location.js';
import { manyServers } from './many-servers.js';
import { NO_URL, nodeOptions, type Options } from './node-options.js';
import { oneServer } from './one-server.js';
import type { ShardedRedis } from './sharded-redis.js';
import { readSlotMap } from './slot-map.js';

type OnError = (error: Error) => void;
type WithDeadline = Options & { readonly timeoutMs: number };

/** The connection of requests: every command is sent at most once and fails within the deadline (connect.ts). */
export const openHotPath = (location: RedisLocation, timeoutMs: number, onError: OnError): ShardedRedis =>
  openSharded(location, { ...hotPathOptions(timeoutMs), followsMoves: false }, onError);

/** A connection with a long deadline for whole batches, for command line tools. Connects in the background. */
export const openPatient = (location: RedisLocation, timeoutMs: number, onError: OnError): ShardedRedis =>
  openSharded(location, { maxRetriesPerRequest: 1, timeoutMs, followsMoves: true }, onError);

/** Connects in the background, to one server or to all of a Cluster. */
export function openSharded(
  location: RedisLocation, { followsMoves, ...options }: WithDeadline & { readonly followsMoves: boolean }, onError: OnError,
): ShardedRedis {
  if (location.kind !== 'cluster') return oneServer(openConnection(location, '', options, onError));
  const listened = (redis: DeadlineRedis): DeadlineRedis => redis.on('error', onError);
  const nodes = clusterNodes({
    open: (address) => listened(new DeadlineRedis(NO_URL, { ...options, ...nodeOptions(location, address) })),
    read: (known) => readSlotMap(location, known).catch(() => readSlotMap(location, location.nodes)),
    onError,
  });
  return manyServers(nodes, { timeoutMs: options.timeoutMs, followsMoves });
}

/** One connection: to the server, to the master that the Sentinels name, or to the node of a Cluster that has `key`. */
export function openConnection(location: RedisLocation, key: string, options: WithDeadline, onError: OnError): DeadlineRedis {
  const target = driverOptions(location, key);
  return new DeadlineRedis(target.url, { ...options, ...target.options }).on('error', onError);
}

/** Whether a Redis answers there now. One attempt; never throws. */
export async function redisAnswers(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.ping();
    return true;
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}
