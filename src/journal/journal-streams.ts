/** The few commands the drainer sends, as ioredis' single client and its cluster both take them. */
export type RedisCommands = { call(command: string, ...args: (string | number)[]): Promise<unknown> };

/** One undecoded stream entry: its id, and its fields and values one after the other. */
export type RawEntry = readonly [id: string, fields: readonly string[]];

/** Where to read on: the stream's key and the last id that Postgres has. */
export type ReadFrom = { readonly key: string; readonly afterId: string };

/** `more`: the stream had at least as much as was asked for. */
export type StreamRead = { readonly entries: RawEntry[]; readonly more: boolean };

/** Rounds of one read: the first gives every stream its fair share, the next hand out what the quiet ones left. */
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

/** How far a stream is ahead of Postgres: entries that wait, and when Redis wrote the oldest of them. */
export type StreamLag = { readonly waiting: number; readonly oldestAtMs: number | null };

/** `drained`: how many entries of the stream Postgres has. */
export async function readLag(redis: RedisCommands, { key, afterId, drained }: ReadFrom & { readonly drained: number }): Promise<StreamLag> {
  const [first, added] = await Promise.all([
    redis.call('XRANGE', key, `(${afterId}`, '+', 'COUNT', 1) as Promise<RawEntry[]>,
    entriesAdded(redis, key),
  ]);
  const [oldest] = first;
  return oldest === undefined ? { waiting: 0, oldestAtMs: null } : { waiting: Math.max(1, added - drained), oldestAtMs: atMsOf(oldest[0]) };
}

/** How many entries a stream ever got, trimmed ones included. */
async function entriesAdded(redis: RedisCommands, key: string): Promise<number> {
  try {
    const info = await redis.call('XINFO', 'STREAM', key) as readonly unknown[];
    return Number(info[info.indexOf('entries-added') + 1]);
  } catch (error) {
    if (error instanceof Error && error.message.includes('no such key')) return 0;
    throw error;
  }
}

/** When Redis wrote an entry: the first half of a stream id is its clock. */
export const atMsOf = (streamId: string): number => Number(streamId.slice(0, streamId.indexOf('-')));
