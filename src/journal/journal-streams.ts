import { atMsOf } from '../ledger/stream-position.js';
import type { ShardedRedis, StreamEntry, StreamFrom } from '../stores/redis/sharded-redis.js';

/** `more`: the stream had at least as many entries as requested. */
export type StreamRead = { readonly entries: StreamEntry[]; readonly more: boolean };

/** Rounds of one read: the first gives every stream an equal share, the next distribute what is left of the limit. */
const ROUNDS_MAX = 4;

/**
 * Reads about `limit` entries from several streams. A busy stream cannot starve another, and a single stream gets the
 * whole limit.
 */
export async function readStreams(
  redis: Pick<ShardedRedis, 'readStreams'>, from: readonly StreamFrom[], limit: number,
): Promise<StreamRead[]> {
  const streams = from.map(({ key, afterId }) => ({ key, afterId, entries: [] as StreamEntry[], more: true }));
  let left = limit;
  for (let round = 0; round < ROUNDS_MAX && left > 0; round += 1) {
    const busy = streams.filter(({ more }) => more);
    if (busy.length === 0) break;
    const share = Math.ceil(left / busy.length);
    const replies = await redis.readStreams(busy, share);
    for (const [index, stream] of busy.entries()) {
      const entries = replies[index] ?? [];
      for (const entry of entries) stream.entries.push(entry);
      stream.afterId = entries.at(-1)?.[0] ?? stream.afterId;
      stream.more = entries.length >= share;
      left -= entries.length;
    }
  }
  return streams.map(({ entries, more }) => ({ entries, more }));
}

/** How far Postgres is behind a stream: the number of waiting entries, and when Redis wrote the oldest. */
export type StreamLag = { readonly waiting: number; readonly oldestAtMs: number | null };

/** `drained`: how many entries of the stream Postgres has. */
export type LagFrom = StreamFrom & { readonly drained: number };

/** The lag of each stream, and the time of Redis' clock: one round trip for all, another for those with waiting entries. */
export async function readLags(
  redis: Pick<ShardedRedis, 'readStreams' | 'streamStates' | 'timeMs'>, from: readonly LagFrom[],
): Promise<{ readonly nowMs: number; readonly lags: StreamLag[] }> {
  // The time is read first, so that an entry written in between has no negative age.
  const [nowMs, ranges] = await Promise.all([redis.timeMs(from[0]?.key ?? ''), redis.readStreams(from, 1)]);
  const oldest = ranges.map(([entry]) => entry?.[0]);

  const waiting = from.filter((_, index) => oldest[index] !== undefined);
  const states = await redis.streamStates(waiting.map(({ key }) => key));
  const added = new Map(states.map(({ entries }, index) => [waiting[index]?.key, entries]));

  const lags = from.map(({ key, drained }, index): StreamLag => {
    const id = oldest[index];
    return id === undefined ? { waiting: 0, oldestAtMs: null } : {
      waiting: Math.max(1, (added.get(key) ?? 0) - drained), oldestAtMs: atMsOf(id),
    };
  });
  return { nowMs, lags };
}
