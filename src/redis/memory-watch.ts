import type { Redis } from 'ioredis';

/** Share of `maxmemory` at which new holds are refused, so that settles and the journal always fit (design §7). */
const HIGH_SHARE = 0.85;
const POLL_MS = 1_000;

export type Memory = { readonly usedBytes: number; /** 0: no limit. */ readonly maxBytes: number };

export interface MemoryWatch {
  readonly isHigh: () => boolean;
  /** The last reading; zeros before the first. */
  read(): Memory;
  stop(): void;
}

/** Watches how full Redis is. A reading that fails changes nothing: the breaker deals with a Redis that does not answer. */
export function memoryWatch(redis: Redis): MemoryWatch {
  let last: Memory = { usedBytes: 0, maxBytes: 0 };
  const poll = (): void => {
    redis.info('memory').then((text) => { last = parseMemory(text); }, () => undefined);
  };
  poll();
  const timer = setInterval(poll, POLL_MS).unref();
  return {
    isHigh: () => last.maxBytes > 0 && last.usedBytes >= last.maxBytes * HIGH_SHARE,
    read: () => last,
    stop: () => { clearInterval(timer); },
  };
}

export const parseMemory = (info: string): Memory => ({ usedBytes: field(info, 'used_memory'), maxBytes: field(info, 'maxmemory') });

const field = (info: string, name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);

/**
 * Refuses a Redis that may throw money away: any eviction policy but `noeviction` deletes keys when memory is short
 * (design §4). Where CONFIG is not allowed, the policy is read from INFO.
 */
export async function requireNoEviction(redis: Redis): Promise<void> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1];
  if (policy === 'noeviction') return;
  throw new Error(`Redis has maxmemory-policy ${policy ?? 'unknown'}: it would delete balances when memory is short. Set maxmemory-policy noeviction`);
}
