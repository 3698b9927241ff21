import { Redis } from 'ioredis';
import { isReplica, LOADING_RETRY_MS } from './connect.js';
import { DeadlineRedis } from './deadline-redis.js';
import { oneServer } from './one-server.js';
import type { ShardedRedis } from './sharded-redis.js';

/** A connection for BullMQ, passed to its queues and workers. Other code reads its status, and the bytes of a job. */
export type QueueConnection = Redis;

/** BullMQ's own connections, separate from the hot path's: one of them blocks, and all may queue commands. */
export type QueueConnections = {
  readonly producer: QueueConnection;
  readonly worker: QueueConnection;
  /** The producer's connection for calls that may take longer than a request: whole batches, scans, measurements. */
  readonly bulk: ShardedRedis;
  readonly close: () => void;
};

/** Deadline for adding a job; if it fails, the next scheduled job does its work. */
const ADD_TIMEOUT_MS = 2_000;
/** As on the hot path: the drain and the ends of leases go on when Redis is back. */
const RETRY_DELAY_MS_MAX = 500;

/**
 * Connects in the background and retries without limit. Every error goes to `onError`: without a listener an outage of
 * Redis would end the process. The worker's connection waits for Redis without limit, as BullMQ requires; the producer's
 * fails at once, so that nothing accumulates in the gateway.
 */
export function connectQueue(redisUrl: string, onError: (error: Error) => void): QueueConnections {
  const retryStrategy = (attempt: number): number => Math.min(100 * attempt, RETRY_DELAY_MS_MAX);
  const always = { retryStrategy, maxLoadingRetryTime: LOADING_RETRY_MS, reconnectOnError: isReplica };
  const worker = new Redis(redisUrl, { ...always, maxRetriesPerRequest: null });
  const producer = new DeadlineRedis(redisUrl, {
    ...always, maxRetriesPerRequest: 0, enableOfflineQueue: false, autoResendUnfulfilledCommands: false, timeoutMs: ADD_TIMEOUT_MS,
  });
  worker.on('error', onError);
  producer.on('error', onError);
  return {
    producer,
    worker,
    bulk: oneServer(producer),
    close: () => {
      producer.disconnect();
      worker.disconnect();
    },
  };
}

/** A connection for a command line tool: it waits for Redis and reports why. */
export function connectQueueOnce(
  redisUrl: string, onError: (error: Error) => void,
): { readonly connection: QueueConnection; readonly close: () => void } {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  connection.on('error', onError);
  return { connection, close: () => { connection.disconnect(); } };
}

/** Keys of the queue. Its own hash tag keeps BullMQ's scripts in one slot of a cluster, apart from every shard. */
export const queuePrefix = (namespace: string): string => `{${namespace}-bull}`;

export const QUEUE_NAME = 'ledger';

/** Runs that send webhooks: a queue of their own, so that slow servers of others delay nothing of the ledger. */
export const WEBHOOK_QUEUE_NAME = 'webhooks';
