import type { Acknowledgement } from './acknowledged.js';
import type { Loss, ShardRow } from './judge-shard.js';
import type { StreamPosition } from './stream-position.js';

/** A place in the stream of a shard and an epoch, for the heartbeat to store. */
export type ShardMark = StreamPosition & { readonly shard: number; readonly epoch: number };

/** What the fence needs of Postgres. `withLocked` holds the shard's row lock, the same one that drains take. */
export interface ShardStore {
  /** Identity of this ledger, made at first start: tells a Redis of another ledger from ours. */
  readonly ledgerId: string;
  readShards(): Promise<readonly ShardRow[]>;
  /** `raise` starts the next epoch and records what the old one lost. */
  withLocked<T>(shard: number, work: (row: ShardRow, raise: (loss: Loss) => Promise<void>) => Promise<T>): Promise<T>;
  /** Remembers how far streams have got. A mark never goes back. */
  mark(marks: readonly ShardMark[]): Promise<void>;
  /** Adds what only this process was told of an epoch that another process ended. Answers how many entries that were. */
  addToLoss(shard: number, epoch: number, recent: readonly Acknowledgement[]): Promise<number>;
}
