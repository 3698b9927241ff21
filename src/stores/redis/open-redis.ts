import { Redis } from 'ioredis';
import { connectHotPath } from './connect.js';
import { DeadlineRedis } from './deadline-redis.js';
import { oneServer } from './one-server.js';
import type { ShardedRedis } from './sharded-redis.js';

/** The connection of requests: every command is sent at most once and fails within the deadline (connect.ts). */
export const openHotPath = (url: string, timeoutMs: number, onError: (error: Error) => void): ShardedRedis =>
  oneServer(connectHotPath(url, timeoutMs, onError));

/** A connection with a long deadline for whole batches, for command line tools. Connects in the background. */
export function openPatient(url: string, timeoutMs: number, onError: (error: Error) => void): ShardedRedis {
  const redis = new DeadlineRedis(url, { maxRetriesPerRequest: 1, timeoutMs });
  redis.on('error', onError);
  return oneServer(redis);
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
