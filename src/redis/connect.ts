import { Redis, type RedisOptions } from 'ioredis';

/**
 * The connection of the hot path. With ioredis' defaults a lost reply makes it send a script twice (reliability
 * finding 3); with these every command is sent at most once and fails within the deadline.
 */
export const hotPathOptions = (timeoutMs: number) =>
  ({
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs * 2,
    // Commands of one turn of the event loop leave in one write; each stays a command of its own.
    enableAutoPipelining: true,
    // A failover leaves us talking to a replica: reconnect, and let the fence look at who answers now.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
  }) satisfies RedisOptions;

/** Connects in the background. Errors are the caller's to observe through `onError`; without a listener they would crash. */
export function connectHotPath(url: string, timeoutMs: number, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, hotPathOptions(timeoutMs));
  redis.on('error', onError);
  return redis;
}
