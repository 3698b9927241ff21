import type { Redis } from 'ioredis';
import { decodeEntry, type JournalEntry } from '../../../src/ledger/entry.js';
import type { Keyspace } from '../../../src/ledger/keys.js';

export type TappedEntry = Pick<JournalEntry, 'streamId' | 'accountId' | 'seq' | 'kind' | 'key' | 'holdId'> & {
  readonly shard: number; readonly epoch: number;
  /** When it was read. */
  readonly tappedMs: number;
};

type Raw = readonly (readonly [id: string, fields: readonly string[]])[];

/**
 * What Redis still has of its journal, read by the hand that is about to lose it. `thenFlush`: everything is deleted in the
 * same step, so that no entry can be written in between.
 */
export async function tapJournal(redis: Redis, keys: Keyspace, { thenFlush }: { readonly thenFlush: boolean }): Promise<TappedEntry[]> {
  const shards = Array.from({ length: keys.shards }, (_, shard) => shard);
  const fences = await redis.mget(shards.map((shard) => keys.fence(shard)));
  const epochs = fences.map((text) => Number((text ?? '1').split('@')[0]));
  const step = redis.multi();
  for (const shard of shards) step.xrange(keys.shard(shard, epochs[shard] ?? 1).journal, '-', '+');
  if (thenFlush) step.flushall();
  const replies = await step.exec() ?? [];
  const tappedMs = Date.now();
  return shards.flatMap((shard) => {
    const [, entries] = replies[shard] ?? [];
    return ((entries ?? []) as Raw).map(([id, fields]): TappedEntry => {
      const { streamId, accountId, seq, kind, key, holdId } = decodeEntry(id, fields);
      return { streamId, accountId, seq, kind, key, holdId, shard, epoch: epochs[shard] ?? 1, tappedMs };
    });
  });
}
