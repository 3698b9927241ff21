import type { Redis } from 'ioredis';
import { decodeEntry, type JournalEntry } from '../../../src/ledger/entry.js';
import type { Keyspace } from '../../../src/ledger/keys.js';

export type TappedEntry = Pick<JournalEntry, 'streamId' | 'accountId' | 'seq' | 'kind' | 'key' | 'holdId'> & {
  readonly shard: number; readonly epoch: number;
  /** When it was read. */
  readonly tappedMs: number;
};

type Raw = readonly (readonly [id: string, fields: readonly string[]])[];

type Tap = {
  /** Everything is deleted in the same step, so that no entry can be written in between. */
  readonly thenFlush: boolean;
  /** Of a Cluster: those that this server has. */
  readonly shards?: readonly number[];
};

/** What Redis still has of its journal, read by the hand that is about to lose it. */
export async function tapJournal(redis: Redis, keys: Keyspace, { thenFlush, shards }: Tap): Promise<TappedEntry[]> {
  const tapped = shards ?? Array.from({ length: keys.shards }, (_, shard) => shard);
  const asked = redis.pipeline();
  for (const shard of tapped) asked.get(keys.fence(shard));
  const fences = valuesOf(await asked.exec()) as (string | null)[];
  const epochs = fences.map((text) => Number((text ?? '1').split('@')[0]));
  // A server of a Cluster has no transactions over several shards. It runs what arrives in one piece without a pause.
  const step = shards === undefined ? redis.multi() : redis.pipeline();
  for (const [index, shard] of tapped.entries()) step.xrange(keys.shard(shard, epochs[index] ?? 1).journal, '-', '+');
  if (thenFlush) step.flushall();
  const replies = valuesOf(await step.exec());
  const tappedMs = Date.now();
  return tapped.flatMap((shard, index) => ((replies[index] ?? []) as Raw).map(([id, fields]): TappedEntry => {
    const { streamId, accountId, seq, kind, key, holdId } = decodeEntry(id, fields);
    return { streamId, accountId, seq, kind, key, holdId, shard, epoch: epochs[index] ?? 1, tappedMs };
  }));
}

/** @throws the first error: a journal that cannot be read must not pass for an empty one. */
function valuesOf(replies: readonly (readonly [error: Error | null, value: unknown])[] | null): unknown[] {
  return (replies ?? []).map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}
