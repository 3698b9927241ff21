import { repliesOf, type PipelineReply } from './pipeline.js';
import type { IndexState, ShardedRedis, StreamEntry, StreamState } from './sharded-redis.js';

/** One command: its name and its arguments. */
export type Command = readonly [name: string, ...args: (string | number)[]];

/**
 * Sends the commands of each item to the server that has its key, all that go to one server in one write. The replies
 * are in the order of the items, those of one item next to each other.
 */
export type Together = <T>(
  items: readonly T[], keyOf: (item: T) => string, commandsOf: (item: T) => readonly Command[],
) => Promise<PipelineReply[]>;

type Keys = Pick<ShardedRedis, 'readTexts' | 'writeText' | 'readAndRenew' | 'addCounts' | 'remove'>;

const same = (key: string): string => key;
const keyIn = ({ key }: { readonly key: string }): string => key;

export const keysOn = (together: Together): Keys => ({
  readTexts: async (keys) => repliesOf(await together(keys, same, (key) => [['get', key]])) as (string | null)[],
  writeText: async (key, text, ttlSeconds) => {
    repliesOf(await together([key], same, () => [['set', key, text, ...(ttlSeconds === undefined ? [] : ['EX', ttlSeconds])]]));
  },
  readAndRenew: async (key, ttlSeconds) =>
    repliesOf(await together([key], same, () => [['get', key], ['expire', key, ttlSeconds]]))[0] as string | null,
  addCounts: async (counts) => {
    const replies = repliesOf(await together(counts, keyIn, ({ key, by, ttlMs }) => [['incrby', key, by], ['pexpire', key, ttlMs]]));
    return counts.map((_, index) => replies[2 * index] as number);
  },
  remove: async (keys) => (repliesOf(await together(keys, same, (key) => [['unlink', key]])) as number[])
    .reduce((total, each) => total + each, 0),
});

type Streams = Pick<ShardedRedis, 'readStreams' | 'hasEntries' | 'streamStates' | 'trimStreams'>;

export const streamsOn = (together: Together): Streams => ({
  readStreams: async (from, count) => repliesOf(await together(from, keyIn, ({ key, afterId }) =>
    [['xrange', key, `(${afterId}`, '+', 'COUNT', count]])) as StreamEntry[][],
  hasEntries: async (key, ids) => repliesOf(await together(ids, () => key, (id) => [['xrange', key, id, id]]))
    .map((found) => (found as StreamEntry[]).length > 0),
  streamStates: async (keys) => (await together(keys, same, (key) => [['xinfo', 'STREAM', key]])).map(streamState),
  trimStreams: async (trims) => {
    repliesOf(await together(trims, keyIn, ({ key, minId }) => [['xtrim', key, 'MINID', minId]]));
  },
});

const NO_STREAM: StreamState = { lastId: '0-0', entries: 0, firstId: null, length: 0 };

function streamState([error, info]: PipelineReply): StreamState {
  if (error?.message.includes('no such key') === true) return NO_STREAM;
  if (error !== null) throw error;
  const words = info as readonly unknown[];
  const valueOf = (name: string): unknown => words[words.indexOf(name) + 1];
  const [lastId, firstId, entries, length] =
    ['last-generated-id', 'recorded-first-entry-id', 'entries-added', 'length'].map(valueOf);
  if (typeof lastId !== 'string' || typeof firstId !== 'string') throw new Error('XINFO STREAM names no ids: is this Redis 7?');
  return { lastId, entries: Number(entries), firstId: firstId === NO_STREAM.lastId ? null : firstId, length: Number(length) };
}

type Indexes = Pick<ShardedRedis, 'membersUpTo' | 'indexStates' | 'countUpTo'>;

export const indexesOn = (together: Together): Indexes => ({
  membersUpTo: async (from, max, limit) => repliesOf(await together(from, keyIn, ({ key, skip }) =>
    [['zrangebyscore', key, '-inf', max, 'LIMIT', skip, limit]])) as string[][],
  indexStates: async (keys) => {
    const replies = repliesOf(await together(keys, same, (key) => [['zcard', key], ['zrange', key, 0, 0, 'WITHSCORES']]));
    return keys.map((_, index): IndexState => {
      const [, score] = replies[2 * index + 1] as string[];
      return { members: replies[2 * index] as number, lowest: score === undefined ? null : Number(score) };
    });
  },
  countUpTo: async (keys, max) => repliesOf(await together(keys, same, (key) => [['zcount', key, '-inf', max]])) as number[],
});
