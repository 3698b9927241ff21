import { Redis } from 'ioredis';
import { LOADING_RETRY_MS } from './connect.js';
import { driverOptions } from './driver-options.js';
import type { RedisLocation } from './location.js';
import { oneServer } from './one-server.js';
import { openConnection, openSharded } from './open-redis.js';
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
export function connectQueue(location: RedisLocation, namespace: string, onError: (error: Error) => void): QueueConnections {
  const producerOptions = {
    maxRetriesPerRequest: 0, enableOfflineQueue: false, autoResendUnfulfilledCommands: false,
    timeoutMs: ADD_TIMEOUT_MS, ...kept,
  };
  const worker = openWorkerConnection(location, namespace);
  const producer = openConnection(location, queueKey(namespace), producerOptions, onError);
  worker.on('error', onError);
  // In a Cluster BullMQ's keys are on one server, and the shards on all of them.
  const bulk = location.kind === 'cluster'
    ? openSharded(location, { ...producerOptions, followsMoves: true }, onError) : oneServer(producer);
  return {
    producer,
    worker,
    bulk,
    close: () => {
      bulk.close();
      producer.disconnect();
      worker.disconnect();
    },
  };
}

/** A connection for a command line tool: it waits for Redis and reports why. */
export function connectQueueOnce(
  location: RedisLocation, namespace: string, onError: (error: Error) => void,
): { readonly connection: QueueConnection; readonly close: () => void } {
  const connection = openWorkerConnection(location, namespace);
  connection.on('error', onError);
  return { connection, close: () => { connection.disconnect(); } };
}

const kept = {
  retryStrategy: (attempt: number) => Math.min(100 * attempt, RETRY_DELAY_MS_MAX),
  maxLoadingRetryTime: LOADING_RETRY_MS,
  // After a failover this may be connected to a replica, or to a server of a Cluster that has lost the slot of the queues.
  reconnectOnError: (error: Error) => /^(READONLY|MOVED|ASK) /.test(error.message),
};

function openWorkerConnection(location: RedisLocation, namespace: string): Redis {
  const { url, options } = driverOptions(location, queueKey(namespace));
  return new Redis(url, { maxRetriesPerRequest: null, ...kept, ...options });
}

/** Keys of the queue. Its own hash tag keeps BullMQ's scripts in one slot of a cluster, apart from every shard. */
export const queuePrefix = (namespace: string): string => `{${namespace}-bull}`;

/** Any key of the queues: all have the same slot. */
const queueKey = (namespace: string): string => `${queuePrefix(namespace)}:`;

export const QUEUE_NAME = 'ledger';

/**
 * How long, in seconds, a worker waits in one command for a job, which ends the wait when it is added. It is the longest wait that BullMQ
 * itself uses; by default a worker without a job asks twice as often.
 */
export const WAIT_SECONDS = 10;

/** Runs that send webhooks: a queue of their own, so that slow servers of others delay nothing of the ledger. */
export const WEBHOOK_QUEUE_NAME = 'webhooks';
