import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** Writes to one server, and what it acknowledged. */
export type Writers = {
  /** Ends them. */
  stop(): void;
  /** Ends them too. Resolves with what of the acknowledged a server does not have. */
  missing(from: Redis): Promise<Missing>;
};

/** `ms`: from the acknowledgement of the first missing entry to the last acknowledgement of all. */
export type Missing = { readonly entries: number; readonly ms: number; readonly acknowledged: number; readonly perSecond: number };

type Ack = { readonly key: string; readonly number: number; readonly atMs: number };

const WRITERS = 8;
const EVERY_MS = 5;
/** What is answered later has an unknown outcome for the gateway (REDIS_TIMEOUT_MS). */
const DEADLINE_MS = 150;

/** Each writer appends to a stream of its own until its server answers with an error, or not at all. `prefix`: of its keys. */
export function startWriters(server: { readonly host: string; readonly port: number; readonly password: string }, prefix: string): Writers {
  const acks: Ack[] = [];
  const startedMs = performance.now();
  let isOver = false;
  const connections = Array.from({ length: WRITERS }, () => {
    const redis = new Redis({ ...server, retryStrategy: () => null, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false });
    redis.on('error', () => undefined); // the call fails as well
    return redis;
  });
  const write = async (redis: Redis, key: string): Promise<void> => {
    for (let number = 1; !isOver; number += 1) {
      const sentMs = performance.now();
      await redis.xadd(key, '*', 'n', number);
      const atMs = performance.now();
      if (atMs - sentMs <= DEADLINE_MS) acks.push({ key, number, atMs });
      await sleep(EVERY_MS);
    }
  };
  const keys = connections.map((_, index) => `${prefix}${index}`);
  const writing = Promise.allSettled(connections.map((redis, index) => write(redis, keys[index] ?? '')));
  const stop = (): void => {
    isOver = true;
    for (const redis of connections) redis.disconnect();
  };
  return {
    stop,
    async missing(from) {
      stop();
      await writing;
      const there = new Set<string>();
      for (const key of keys) for (const [, [, number]] of await from.xrange(key, '-', '+')) there.add(`${key} ${number ?? ''}`);
      const lost = acks.filter(({ key, number }) => !there.has(`${key} ${number}`));
      const lastMs = Math.max(...acks.map(({ atMs }) => atMs));
      return {
        entries: lost.length, ms: lost.length === 0 ? 0 : Math.round(lastMs - Math.min(...lost.map(({ atMs }) => atMs))),
        acknowledged: acks.length, perSecond: Math.round(acks.length / ((lastMs - startedMs) / 1_000)),
      };
    },
  };
}
