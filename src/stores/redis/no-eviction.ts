import type { Redis } from 'ioredis';

/**
 * Refuses a Redis that may lose money: every eviction policy except `noeviction` deletes keys when memory is short
 * (design §4). Where CONFIG is not allowed, the policy is read from INFO.
 */
export async function requireNoEviction(redis: Redis): Promise<void> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1];
  if (policy === 'noeviction') return;
  throw new Error(
    `Redis has maxmemory-policy ${policy ?? 'unknown'}: it would delete balances when memory is short. Set maxmemory-policy noeviction`,
  );
}
