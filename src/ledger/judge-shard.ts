import { LOST_ACCOUNTS_NAMED_MAX } from '../kit/limits.js';
import type { ShardedRedis, StreamState } from '../stores/redis/sharded-redis.js';
import { furthest, type Acknowledgement, type ShardMemory } from './acknowledged.js';
import type { Keyspace } from './keys.js';
import { compareStreamIds, laterId, STREAM_START, type StreamPosition } from './stream-position.js';

/** How far a shard is drained and marked in Postgres. */
export type ShardRow = {
  readonly shard: number;
  readonly epoch: number;
  /** The cursor: the last entry that is in Postgres. */
  readonly lastId: string;
  /** Entries of this epoch that are in Postgres. */
  readonly drained: number;
  /** The last position that the heartbeat stored in this epoch; null: no beat yet. */
  readonly marked: StreamPosition | null;
  /** Replication ids of masters that were replaced: their servers must not be used for the shard any more. */
  readonly deposed: readonly string[];
};

/** Entries that Redis acknowledged and lost before Postgres got them. */
export type Loss = {
  readonly shard: number;
  /** The epoch that ends with it. */
  readonly epoch: number;
  /** The last entry before the loss that Postgres has; `0-0` when there is none. */
  readonly survivedId: string;
  /** The newest entry that is known to have been acknowledged. Ids begin with Redis' time in ms, so the two are the window. */
  readonly knownId: string;
  /**
   * The window where it is another one: other processes had written again when the loss was found, so what was lost is older than
   * the last entry that Postgres has.
   */
  readonly window?: { readonly fromId: string; readonly toId: string };
  /** Number of lost entries, at least: other processes may have got more acknowledgements. 0: Postgres has all of them. */
  readonly entries: number;
  /** Entries lost by account, as far as this process knows them: those acknowledged to it lately. */
  readonly accounts: Readonly<Record<string, number>>;
};

/** The entries that a loss lies between. */
export const windowOf = ({ survivedId, knownId, window }: Loss): NonNullable<Loss['window']> =>
  window ?? { fromId: survivedId, toId: knownId };

export type Judgement =
  | { readonly verdict: 'open' | 'set'; readonly stream: StreamPosition }
  | { readonly verdict: 'foreign' | 'ahead' | 'deposed' }
  /** Redis lost entries, and still has others that must be drained before the epoch ends. */
  | { readonly verdict: 'drain'; readonly known: StreamPosition }
  | { readonly verdict: 'raise'; readonly loss: Loss };

export type JudgeDeps = { readonly redis: ShardedRedis; readonly keys: Keyspace; readonly ledgerId: string };

/**
 * Compares one shard of Redis with what is known of it elsewhere: the cursor and the heartbeat's mark in Postgres, and
 * the acknowledgements to this process. The result is only certain under the row lock, while no drain is in progress.
 */
export async function judgeShard({ redis, keys, ledgerId }: JudgeDeps, row: ShardRow, told: ShardMemory | null): Promise<Judgement> {
  const { shard, epoch } = row;
  const memory = told?.epoch === epoch ? told : null;
  const { journal } = keys.shard(shard, epoch);
  // The entry is read before the stream, so that a trim in between is noticed.
  const [[found = null], [isThere = true], [stream = { ...STREAM_START, firstId: null, length: 0 }]] = await Promise.all([
    redis.readTexts([keys.fence(shard)]),
    redis.hasEntries(journal, memory === null || memory.recent().length === 0 ? [] : [memory.lastId]),
    redis.streamStates([journal]),
  ]);
  const [number, ledger] = found === null ? [] : found.split('@');
  if (found !== null && ledger !== ledgerId) return { verdict: 'foreign' };
  if (Number(number ?? 0) > epoch) return { verdict: 'ahead' };

  const known = knownPosition(row, memory);
  const hasRegrown = memory !== null && !isThere && isMissing(memory.lastId, row, stream);
  if (compareStreamIds(stream.lastId, known.lastId) >= 0 && !hasRegrown) {
    return { verdict: Number(number ?? 0) === epoch ? 'open' : 'set', stream: { lastId: stream.lastId, entries: stream.entries } };
  }
  if (compareStreamIds(stream.lastId, row.lastId) > 0) return { verdict: 'drain', known };

  const lost = await lostOf(redis, journal, row, stream, memory?.recent() ?? []);
  const [fromId, toId] = [lost[0]?.streamId, lost.at(-1)?.streamId];
  const isOlder = fromId !== undefined && toId !== undefined && compareStreamIds(known.lastId, row.lastId) <= 0;
  return {
    verdict: 'raise',
    loss: {
      shard, epoch, survivedId: row.lastId, knownId: known.lastId,
      // Processes count the entries since the last beat apart, so the counts may be too low for an entry that is known to be lost.
      entries: Math.max(known.entries - row.drained, lost.length, compareStreamIds(known.lastId, row.lastId) > 0 ? 1 : 0),
      accounts: countAccounts(lost), ...(isOlder ? { window: { fromId, toId } } : {}),
    },
  };
}

/** The loss of all that is not in Postgres, whether Redis has it or not. */
export function lossBeyondCursor(row: ShardRow, told: ShardMemory | null): Loss {
  const { shard, epoch, lastId, drained } = row;
  const memory = told?.epoch === epoch ? told : null;
  const known = knownPosition(row, memory);
  const lost = (memory?.recent() ?? []).filter(({ streamId }) => compareStreamIds(streamId, lastId) > 0);
  return {
    shard, epoch, survivedId: lastId, knownId: known.lastId,
    entries: Math.max(known.entries - drained, lost.length, compareStreamIds(known.lastId, lastId) > 0 ? 1 : 0),
    accounts: countAccounts(lost),
  };
}

/** The furthest known position of the stream, from Postgres and from this process. */
export const knownPosition = ({ lastId, drained, marked }: ShardRow, memory: ShardMemory | null): StreamPosition =>
  furthest([{ lastId, entries: drained }, marked ?? STREAM_START, memory?.seen ?? STREAM_START], memory?.recent() ?? []);

/**
 * Whether an acknowledged entry is missing in the stream: it was lost, unless it was trimmed, which removes only the
 * start of the stream and only what Postgres has. This detects a loss even after another process has written again.
 */
const isMissing = (streamId: string, row: ShardRow, { firstId }: StreamState): boolean =>
  compareStreamIds(streamId, row.lastId) > 0 || (firstId !== null && compareStreamIds(firstId, streamId) < 0);

/** Those of this process' acknowledgements that neither Redis nor Postgres has. */
async function lostOf(
  redis: ShardedRedis, journal: string, row: ShardRow, stream: StreamState, recent: readonly Acknowledgement[],
): Promise<Acknowledgement[]> {
  // If the stream ends before the cursor, Postgres has everything up to the cursor.
  const isBehind = compareStreamIds(stream.lastId, row.lastId) < 0;
  const missing = recent.filter(({ streamId }) => isMissing(streamId, row, isBehind ? { ...stream, firstId: null } : stream));
  const areThere = await redis.hasEntries(journal, missing.map(({ streamId }) => streamId));
  return missing.filter((_, index) => areThere[index] === false);
}

/** Entries by account, of as many accounts as a record names. */
export function countAccounts(lost: readonly Acknowledgement[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { accountId } of lost) {
    if (counts.has(accountId) || counts.size < LOST_ACCOUNTS_NAMED_MAX) counts.set(accountId, (counts.get(accountId) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}

/** Acknowledgements that a recorded loss does not include: for a process that detects the loss after another. */
export const notCounted = (recent: readonly Acknowledgement[], counted: Pick<Loss, 'survivedId' | 'knownId'>): Acknowledgement[] =>
  recent.filter(({ streamId }) => compareStreamIds(streamId, laterId(counted.survivedId, counted.knownId)) > 0);
