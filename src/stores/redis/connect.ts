import type { RedisOptions } from 'ioredis';

/**
 * How often a connection asks a Redis that loads its data whether it is done. By default ioredis believes Redis' estimate of the
 * rest, up to 10 s, in which Redis may have answered for long.
 */
export const LOADING_RETRY_MS = 100;

/**
 * The connection of the hot path. With ioredis' defaults a lost reply makes it send a script twice
 * (docs/reliability.md#f3); with these every command is sent at most once and fails within the deadline.
 */
export const hotPathOptions = (timeoutMs: number) =>
  ({
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    timeoutMs,
    connectTimeout: timeoutMs * 2,
    maxLoadingRetryTime: LOADING_RETRY_MS,
    // After a failover this may be connected to a replica: reconnect, and let the fence check the new server.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    retryStrategy: (attempt: number) => Math.min(50 * attempt, 500),
  }) satisfies RedisOptions & { timeoutMs: number };
