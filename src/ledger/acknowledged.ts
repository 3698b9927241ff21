import { ACKNOWLEDGED_KEPT_MAX } from '../kit/limits.js';
import { compareStreamIds, laterId, STREAM_START, type StreamPosition } from './stream-position.js';

/** One entry that Redis acknowledged to this process. */
export type Acknowledgement = { readonly streamId: string; readonly accountId: string };

/** What this process knows of one shard's stream in one epoch. */
export type ShardMemory = {
  readonly epoch: number;
  /** The newest entry that Redis acknowledged to this process; `0-0`: none yet. */
  readonly lastId: string;
  /** Its newest acknowledgements then, oldest first, ACKNOWLEDGED_KEPT_MAX at most. */
  readonly recent: () => readonly Acknowledgement[];
  /** The last known position of the stream, with the entries of all processes: read when the shard opened, then by each beat. */
  readonly seen: StreamPosition;
};

/**
 * The entries that Redis acknowledged to this process, per shard. Redis may lose them before Postgres gets them, so after
 * Redis was down the fence compares them with both (judge-shard.ts).
 */
export interface Acknowledged {
  /** Notes an entry that a script wrote. On the hot path, so it only stores two texts. */
  note(shard: number, epoch: number, accountId: string, streamId: string): void;
  /** Null: the shard has not been opened yet, or its last epoch was forgotten. */
  of(shard: number): ShardMemory | null;
  /** Shards with acknowledgements that the heartbeat has not stored yet. */
  unstored(): readonly number[];
  /** Notes a position that was read from the stream. */
  seen(shard: number, epoch: number, position: StreamPosition): void;
  /** Notes that Postgres has a mark of the shard at this entry. */
  stored(shard: number, epoch: number, lastId: string): void;
  /** Forgets an ended epoch whose loss was recorded. */
  forget(shard: number, epoch: number): void;
}

type Kept = { epoch: number; count: number; ids: string[]; accounts: string[]; seen: StreamPosition; storedId: string };

export function acknowledged(shards: number): Acknowledged {
  const kept = new Array<Kept | undefined>(shards);

  const lastIdOf = ({ ids, count }: Kept): string => ids[(count - 1) % ACKNOWLEDGED_KEPT_MAX] ?? STREAM_START.lastId;
  const begin = (shard: number, epoch: number): Kept =>
    (kept[shard] = { epoch, count: 0, ids: [], accounts: [], seen: STREAM_START, storedId: STREAM_START.lastId });
  const inEpoch = (shard: number, epoch: number): Kept | undefined => (kept[shard]?.epoch === epoch ? kept[shard] : undefined);

  return {
    note(shard, epoch, accountId, streamId) {
      let mine = kept[shard];
      if (mine?.epoch !== epoch) {
        // A reply that arrives after its epoch has ended says nothing about the current one.
        if (mine !== undefined && mine.epoch > epoch) return;
        mine = begin(shard, epoch);
      }
      const index = mine.count % ACKNOWLEDGED_KEPT_MAX;
      mine.ids[index] = streamId;
      mine.accounts[index] = accountId;
      mine.count += 1;
    },
    of(shard) {
      const mine = kept[shard];
      if (mine === undefined) return null;
      // Each beat asks for every busy shard, and hardly ever for what is recent: copies of two lists cost far less than its objects.
      const [count, ids, accounts] = [mine.count, mine.ids.slice(), mine.accounts.slice()];
      const from = Math.max(0, count - ACKNOWLEDGED_KEPT_MAX);
      const recent = (): readonly Acknowledgement[] => Array.from({ length: count - from }, (_, offset) => {
        const index = (from + offset) % ACKNOWLEDGED_KEPT_MAX;
        return { streamId: ids[index] ?? '', accountId: accounts[index] ?? '' };
      });
      return { epoch: mine.epoch, lastId: lastIdOf(mine), recent, seen: mine.seen };
    },
    unstored: () => kept.flatMap((mine, shard) => (mine !== undefined && mine.storedId !== lastIdOf(mine) ? [shard] : [])),
    seen(shard, epoch, position) {
      const mine = kept[shard];
      // Acknowledgements of an older epoch are kept until its loss has been recorded.
      if (mine === undefined || mine.epoch === epoch) (mine ?? begin(shard, epoch)).seen = position;
    },
    stored(shard, epoch, lastId) {
      const mine = inEpoch(shard, epoch);
      if (mine !== undefined) mine.storedId = lastId;
    },
    forget(shard, epoch) {
      if (inEpoch(shard, epoch) !== undefined) kept[shard] = undefined;
    },
  };
}

/**
 * The furthest position that the stream is known to have reached: to each base, this process adds its later
 * acknowledgements. Other processes may know more, so `entries` is a lower bound; with one process it is exact.
 */
export function furthest(bases: readonly StreamPosition[], recent: readonly Acknowledgement[]): StreamPosition {
  const reached = bases.map(({ lastId, entries }): StreamPosition => {
    const beyond = recent.filter(({ streamId }) => compareStreamIds(streamId, lastId) > 0);
    return { lastId: beyond.at(-1)?.streamId ?? lastId, entries: entries + beyond.length };
  });
  return reached.reduce((a, b) => ({ lastId: laterId(a.lastId, b.lastId), entries: Math.max(a.entries, b.entries) }));
}
