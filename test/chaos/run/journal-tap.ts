import type { Redis } from 'ioredis';
import { decodeEntry, type JournalEntry } from '../../../src/ledger/entry.js';
import type { Keyspace } from '../../../src/ledger/keys.js';

/** The journal of one shard as Redis had it when it was about to lose it. */
export type Tap = {
  readonly shard: number; readonly epoch: number;
  /** It was read between these times. */
  readonly beganMs: number;
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
  /** Of a Cluster: those that this server has. */
  readonly shards?: readonly number[];
};

/** What Redis still has of its journal, read by the hand that is about to lose it. Shards that are closed are left out. */
export async function tapJournal(redis: Redis, keys: Keyspace, { thenFlush = false, isFinal, shards }: TapOptions): Promise<Tap[]> {
  const asked = shards ?? Array.from({ length: keys.shards }, (_, shard) => shard);
  const reading = redis.pipeline();
  for (const shard of asked) reading.get(keys.fence(shard));
  const fences = valuesOf(await reading.exec()) as (string | null)[];
  const open = asked.flatMap((shard, index) => {
    const fence = fences[index];
    return fence == null ? [] : [{ shard, epoch: Number(fence.split('@')[0]) }];
  });
  const beganMs = Date.now();
  // A server of a Cluster has no transactions over several shards. It runs what arrives in one piece without a pause.
  const step = shards === undefined ? redis.multi() : redis.pipeline();
  for (const { shard, epoch } of open) step.xrange(keys.shard(shard, epoch).journal, '-', '+');
  if (thenFlush) step.flushall();
  const journals = valuesOf(await step.exec()) as Raw[];
  const tappedMs = Date.now();
  return open.map(({ shard, epoch }, index): Tap => ({
    shard, epoch, beganMs, tappedMs, isFinal,
    entries: (journals[index] ?? []).map(([id, fields]) => {
      const { streamId, accountId, seq, kind, key, holdId, about } = decodeEntry(id, fields);
      return { streamId, accountId, seq, kind, key, holdId, about };
    }),
  }));
}

/** @throws the first error: a journal that cannot be read must not pass for an empty one. */
function valuesOf(replies: readonly (readonly [error: Error | null, value: unknown])[] | null): unknown[] {
  return (replies ?? []).map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}
