import type { Acknowledgement } from './acknowledged.js';
import type { Loss, ShardRow } from './judge-shard.js';
import type { StreamPosition } from './stream-position.js';

/** A position in the stream of a shard and an epoch, stored by the heartbeat. */
export type ShardMark = StreamPosition & { readonly shard: number; readonly epoch: number };

/** Changes to a shard whose row is locked, committed with the end of the work. */
export type LockedShard = {
  /** Starts the next epoch and records the loss of the old one. */
  readonly raise: (loss: Loss) => Promise<void>;
  /** As `ShardStore.depose`. */
  readonly depose: (replicationId: string) => Promise<void>;
  /** Forgets that this master was replaced, unless a process has used the shard on another one within this time. False: one has. */
  readonly reinstate: (replicationId: string, unusedMs: number) => Promise<boolean>;
};

/** A shard that is open in this process, and the master on which it is. */
export type ShardUse = { readonly shard: number; readonly replicationId: string };

/** The fence's access to Postgres. `withLocked` holds the shard's row lock, which drains take as well. */
export interface ShardStore {
  /** Identity of this ledger, created at the first start: distinguishes its Redis from that of another ledger. */
  readonly ledgerId: string;
  readShards(): Promise<readonly ShardRow[]>;
  /** The cursors of those of these shards to which no drain is writing at this moment. */
  readIdle(shards: readonly number[]): Promise<readonly Pick<ShardRow, 'shard' | 'epoch' | 'lastId' | 'deposed'>[]>;
  /**
   * Notes that this master was replaced, in the rows of those of these shards that are not locked. Later drains of them commit nothing
   * that they read from it.
   */
  depose(shards: readonly number[], replicationId: string): Promise<void>;
  /** Tells other processes that these shards are in use. Returns those whose master was replaced. */
  use(uses: readonly ShardUse[]): Promise<readonly number[]>;
  /** Waits for the lock. */
  withLocked<T>(shard: number, work: (row: ShardRow, change: LockedShard) => Promise<T>): Promise<T>;
  /** Stores how far streams have got. A mark never decreases. */
  mark(marks: readonly ShardMark[]): Promise<void>;
  /** Adds this process' acknowledgements to the loss of an epoch that another process ended. Returns the number of added entries. */
  addToLoss(shard: number, epoch: number, recent: readonly Acknowledgement[]): Promise<number>;
}
