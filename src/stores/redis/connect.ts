import type { Redis, RedisOptions } from 'ioredis';
import type { ScriptClient } from './script.js';
import { ScriptCommand } from './script-command.js';

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

/**
 * Sends the scripts of one turn of the event loop in one write; each stays a separate command. ioredis' auto-pipelining
 * would do the same, but sends nothing more until every reply to the last write has arrived, and wraps each command once
 * more.
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
  const send = (name: 'evalsha' | 'eval', values: readonly (string | number)[]): Promise<unknown> => {
    cork();
    return redis.sendCommand(new ScriptCommand(name, values)) as Promise<unknown>;
  };
  return {
    evalsha: (...values) => send('evalsha', values),
    eval: (...values) => send('eval', values),
  };
}
