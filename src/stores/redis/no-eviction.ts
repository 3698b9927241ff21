import type { ShardedRedis } from './sharded-redis.js';

/**
 * Refuses a Redis that may lose money: every eviction policy except `noeviction` deletes keys when memory is short
 * (docs/architecture.md#redis-keys). Where CONFIG is not allowed, the policy is read from INFO.
 */
export async function requireNoEviction(redis: Pick<ShardedRedis, 'infos'>): Promise<void> {
  for (const info of await redis.infos('memory')) {
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy !== 'noeviction') {
      throw new Error(
        `Redis has maxmemory-policy ${policy ?? 'unknown'}: it would delete balances when memory is short. Set maxmemory-policy noeviction`,
      );
    }
  }
}
