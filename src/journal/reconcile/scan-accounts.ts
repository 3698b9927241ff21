import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';
import type { InspectDeps } from './inspect-account.js';

/** Keys that one step of the scan reads: about a millisecond of Redis. */
const SCAN_COUNT = 2_000;

export type ScanDeps = Pick<InspectDeps, 'keys' | 'fence'> & { readonly redis: Pick<ShardedRedis, 'scan'> };

/** Accounts in Redis that one step of a scan over its keys finds; `cursor` '0' is the end. */
export async function scanAccounts(
  { redis, keys, fence }: ScanDeps, from: string,
): Promise<{ readonly cursor: string; readonly accountIds: string[] }> {
  const { cursor, keys: found } = await redis.scan(from, keys.anyAccountKey, SCAN_COUNT);
  const accountIds = found.flatMap((key) => {
    const named = keys.accountIn(key);
    return named !== null && fence.epochOf(keys.shardOf(named.accountId))?.number === named.epoch ? [named.accountId] : [];
  });
  return { cursor, accountIds };
}
