import type { Redis } from 'ioredis';
import { atMsOf } from '../ledger/stream-position.js';
import { msOf, repliesOf, type RedisTime } from '../stores/redis/pipeline.js';

/** The few commands the drainer sends, as ioredis' single client and its cluster both take them. */
export type RedisCommands = { call(command: string, ...args: (string | number)[]): Promise<unknown> };

/** One undecoded stream entry: its id, and its fields and values one after the other. */
export type RawEntry = readonly [id: string, fields: readonly string[]];

/** Where to read on: the stream's key and the last id that Postgres has. */
export type ReadFrom = { readonly key: string; readonly afterId: string };

/** `more`: the stream had at least as much as was asked for. */
export type StreamRead = { readonly entries: RawEntry[]; readonly more: boolean };

/** Rounds of one read: the first gives every stream an equal share, the next distribute what is left of the limit. */
const ROUNDS_MAX = 4;

/**
 * Reads about `limit` entries from several streams at once. No busy stream can starve another, and one that is alone
 * gets all of the limit. The commands of a round leave together, so a round costs one round trip.
 */
export async function readStreams(redis: RedisCommands, from: readonly ReadFrom[], limit: number): Promise<StreamRead[]> {
  const streams = from.map(({ key, afterId }) => ({ key, afterId, entries: [] as RawEntry[], more: true }));
  let left = limit;
  for (let round = 0; round < ROUNDS_MAX && left > 0; round += 1) {
    const busy = streams.filter(({ more }) => more);
    if (busy.length === 0) break;
    const share = Math.ceil(left / busy.length);
    const replies = await Promise.all(busy.map(({ key, afterId }) => redis.call('XRANGE', key, `(${afterId}`, '+', 'COUNT', share)));
    for (const [index, stream] of busy.entries()) {
      const entries = replies[index] as RawEntry[];
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
export type LagFrom = ReadFrom & { readonly drained: number };

/** The lag of each stream, and the time on Redis' clock: one round trip for all, another for those that have something. */
export async function readLags(redis: Redis, from: readonly LagFrom[]): Promise<{ readonly nowMs: number; readonly lags: StreamLag[] }> {
  const first = redis.pipeline().time();
  for (const { key, afterId } of from) first.xrange(key, `(${afterId}`, '+', 'COUNT', 1);
  const [time, ...ranges] = await repliesOf(first);
  const oldest = ranges.map((range) => (range as RawEntry[])[0]?.[0]);

  const waiting = from.filter((_, index) => oldest[index] !== undefined);
  const second = redis.pipeline();
  for (const { key } of waiting) second.xinfo('STREAM', key);
  const added = new Map((await repliesOf(second)).map((info, index) => [waiting[index]?.key, entriesAdded(info as readonly unknown[])]));

  const lags = from.map(({ key, drained }, index): StreamLag => {
    const id = oldest[index];
    return id === undefined ? { waiting: 0, oldestAtMs: null } : {
      waiting: Math.max(1, (added.get(key) ?? 0) - drained), oldestAtMs: atMsOf(id),
    };
  });
  return { nowMs: msOf(time as RedisTime), lags };
}

/** How many entries a stream ever got, trimmed ones included. */
const entriesAdded = (info: readonly unknown[]): number => Number(info[info.indexOf('entries-added') + 1]);
