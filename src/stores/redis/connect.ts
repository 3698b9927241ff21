import type { Redis, RedisOptions } from 'ioredis';
import { DeadlineRedis } from './deadline-redis.js';
import type { ScriptClient } from './script.js';

/**
 * The connection of the hot path. With ioredis' defaults a lost reply makes it send a script twice (reliability
 * finding 3); with these every command is sent at most once and fails within the deadline.
 */
export const hotPathOptions = (timeoutMs: number) =>
  ({
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    timeoutMs,
    connectTimeout: timeoutMs * 2,
    // A failover leaves us talking to a replica: reconnect, and let the fence look at who answers now.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
  }) satisfies RedisOptions & { timeoutMs: number };

/** Connects in the background. Errors are the caller's to observe through `onError`; without a listener they would crash. */
export function connectHotPath(url: string, timeoutMs: number, onError: (error: Error) => void): DeadlineRedis {
  const redis = new DeadlineRedis(url, hotPathOptions(timeoutMs));
  redis.on('error', onError);
  return redis;
}

/**
 * Scripts of one turn of the event loop leave in one write; each stays a command of its own. ioredis' auto-pipelining
 * would do that too, but it sends nothing more until every answer to the last write has come, and wraps each command
 * once more.
 */
export function oneWritePerTurn(redis: Redis): ScriptClient {
  let isCorked = false;
  const cork = (): void => {
    const stream = redis.stream as Redis['stream'] | undefined; // none before the first connection
    if (isCorked || stream === undefined) return;
    isCorked = true;
    stream.cork();
    setImmediate(() => {
      isCorked = false;
      stream.uncork();
    });
  };
  return {
    evalsha: (sha1, keyCount, ...values) => {
      cork();
      return redis.evalsha(sha1, keyCount, ...values);
    },
    eval: (text, keyCount, ...values) => {
      cork();
      return redis.eval(text, keyCount, ...values);
    },
  };
}
