import type { Redis } from 'ioredis';
import { decodeEntry, type JournalEntry } from '../../../src/ledger/entry.js';
import type { Keyspace } from '../../../src/ledger/keys.js';

/** The journal of one shard as Redis had it when it was about to lose it. */
export type Tap = {
  readonly shard: number; readonly epoch: number;
  /** When it was read. */
  readonly tappedMs: number;
  /** Whether nothing could be written between this read and the loss. */
  readonly isFinal: boolean;
  readonly entries: readonly TappedEntry[];
};

export type TappedEntry = Pick<JournalEntry, 'streamId' | 'accountId' | 'seq' | 'kind' | 'key' | 'holdId' | 'about'>;

type Raw = readonly (readonly [id: string, fields: readonly string[]])[];
export type TapOptions = {
  /** Everything is deleted in the same step, so that no entry can be written in between. */
  readonly thenFlush?: boolean;
  readonly isFinal: boolean;
};

/** What Redis still has of its journal, read by the hand that is about to lose it. Shards that are closed are left out. */
export async function tapJournal(redis: Redis, keys: Keyspace, { thenFlush = false, isFinal }: TapOptions): Promise<Tap[]> {
  const shards = Array.from({ length: keys.shards }, (_, shard) => shard);
  const fences = await redis.mget(shards.map((shard) => keys.fence(shard)));
  const open = shards.flatMap((shard) => {
    const fence = fences[shard];
    return fence == null ? [] : [{ shard, epoch: Number(fence.split('@')[0]) }];
  });
  const step = redis.multi();
  for (const { shard, epoch } of open) step.xrange(keys.shard(shard, epoch).journal, '-', '+');
  if (thenFlush) step.flushall();
  const replies = await step.exec() ?? [];
  const tappedMs = Date.now();
  return open.map(({ shard, epoch }, index): Tap => {
    const [, entries] = replies[index] ?? [];
    return {
      shard, epoch, tappedMs, isFinal,
      entries: ((entries ?? []) as Raw).map(([id, fields]) => {
        const { streamId, accountId, seq, kind, key, holdId, about } = decodeEntry(id, fields);
        return { streamId, accountId, seq, kind, key, holdId, about };
      }),
    };
  });
}
