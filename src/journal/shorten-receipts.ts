import { intentIdOf } from '../books/money-in.table.js';
import { RECEIPT_TTL_SECONDS } from '../kit/limits.js';
import type { Keyspace } from '../ledger/keys.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import type { Batch } from './drain-batch.js';

/**
 * Lets go of the receipts of charges that Postgres knows from now on. A receipt that is missed here, because the process
 * dies or Redis does not answer, only lives longer (UNDRAINED_RECEIPT_TTL_SECONDS): nothing to fail for.
 */
export async function shortenReceipts(
  redis: Pick<ShardedRedis, 'expireSooner'>, keys: Keyspace, { cursors, written }: Pick<Batch, 'cursors' | 'written'>,
): Promise<void> {
  const epochs = new Map(cursors.map(({ shard, epoch }) => [shard, epoch]));
  const receipts = written.fresh.flatMap(({ entry: { accountId, key } }) => {
    const epoch = epochs.get(keys.shardOf(accountId));
    return key === '' || intentIdOf(key) !== null || epoch === undefined ? [] : [keys.account(accountId, epoch).receipt(key)];
  });
  await redis.expireSooner(receipts, RECEIPT_TTL_SECONDS).catch(() => undefined);
}
