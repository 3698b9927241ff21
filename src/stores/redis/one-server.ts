import { ReplyError, type ChainableCommander, type Redis } from 'ioredis';
import { oneWritePerTurn } from './connect.js';
import { DeadlineRedis } from './deadline-redis.js';
import { msOf, repliesOf, type PipelineReply } from './pipeline.js';
import type { IndexState, ShardedRedis, StreamEntry, StreamState } from './sharded-redis.js';

/** The port over one server, which has every shard. The caller owns the connection and may share it. */
export function oneServer(redis: Redis): ShardedRedis {
  const together = togetherOn(redis);
  return {
    ...oneWritePerTurn(redis),
    ...keysOn(redis, together),
    ...streamsOn(together),
    ...indexesOn(together),
    ...serversOn(redis),
    isReady: () => redis.status === 'ready',
    onConnection: ({ ready, lost }) => {
      if (ready !== undefined) redis.on('ready', ready);
      if (lost !== undefined) redis.on('close', lost);
      return () => {
        if (ready !== undefined) redis.off('ready', ready);
        if (lost !== undefined) redis.off('close', lost);
      };
    },
    oldestWaitMs: () => (redis instanceof DeadlineRedis ? redis.oldestWaitMs() : 0),
    close: () => { redis.disconnect(); },
  };
}

/** Sends the commands of a list in one write. This is where a Cluster would send one write to each server. */
type Together = <T>(items: readonly T[], add: (pipeline: ChainableCommander, item: T) => unknown) => Promise<PipelineReply[]>;

const togetherOn = (redis: Redis): Together => async (items, add) => {
  if (items.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const item of items) add(pipeline, item);
  return await pipeline.exec() ?? [];
};

type Keys = Pick<ShardedRedis, 'readTexts' | 'writeText' | 'addCounts' | 'remove'>;

const keysOn = (redis: Redis, together: Together): Keys => ({
  readTexts: async (keys) => repliesOf(await together(keys, (pipeline, key) => pipeline.get(key))) as (string | null)[],
  writeText: async (key, text) => { await redis.set(key, text); },
  addCounts: async (counts) => {
    const replies = repliesOf(await together(counts, (pipeline, { key, by, ttlMs }) => pipeline.incrby(key, by).pexpire(key, ttlMs)));
    return counts.map((_, index) => replies[2 * index] as number);
  },
  remove: async (keys) => (keys.length === 0 ? 0 : redis.unlink(...keys)),
});

type Streams = Pick<ShardedRedis, 'readStreams' | 'hasEntries' | 'streamStates' | 'trimStreams'>;

const streamsOn = (together: Together): Streams => ({
  readStreams: async (from, count) => repliesOf(await together(from, (pipeline, { key, afterId }) =>
    pipeline.xrange(key, `(${afterId}`, '+', 'COUNT', count))) as StreamEntry[][],
  hasEntries: async (key, ids) => repliesOf(await together(ids, (pipeline, id) => pipeline.xrange(key, id, id)))
    .map((found) => (found as StreamEntry[]).length > 0),
  streamStates: async (keys) => (await together(keys, (pipeline, key) => pipeline.xinfo('STREAM', key))).map(streamState),
  trimStreams: async (trims) => {
    repliesOf(await together(trims, (pipeline, { key, minId }) => pipeline.xtrim(key, 'MINID', minId)));
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

const indexesOn = (together: Together): Indexes => ({
  membersUpTo: async (from, max, limit) => repliesOf(await together(from, (pipeline, { key, skip }) =>
    pipeline.zrangebyscore(key, '-inf', max, 'LIMIT', skip, limit))) as string[][],
  indexStates: async (keys) => {
    const replies = repliesOf(await together(keys, (pipeline, key) => pipeline.zcard(key).zrange(key, 0, '0', 'WITHSCORES')));
    return keys.map((_, index): IndexState => {
      const [, score] = replies[2 * index + 1] as string[];
      return { members: replies[2 * index] as number, lowest: score === undefined ? null : Number(score) };
    });
  },
  countUpTo: async (keys, max) => repliesOf(await together(keys, (pipeline, key) => pipeline.zcount(key, '-inf', max))) as number[],
});

type Servers = Pick<ShardedRedis, 'scan' | 'serversOf' | 'timeMs' | 'infos' | 'writeRefusals'>;

/** Redis checks before a script whether it accepts writes, unless the script says that it does none. This one does none. */
const MIGHT_WRITE = '#!lua\nreturn 1';

const serversOn = (redis: Redis): Servers => ({
  scan: async (from, pattern, count) => {
    const [cursor, keys] = await redis.scan(from, 'MATCH', pattern, 'COUNT', count);
    return { cursor, keys };
  },
  serversOf: async (keys) => {
    const runId = /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1];
    if (runId === undefined) throw new Error('INFO server names no run_id');
    return keys.map(() => runId);
  },
  timeMs: async () => msOf(await redis.time() as [number, number]),
  infos: async (section) => [section === undefined ? await redis.info() : await redis.info(section)],
  writeRefusals: async () => [await redis.eval(MIGHT_WRITE, 0).then(() => null, (error: unknown) => {
    if (error instanceof ReplyError) return error as Error;
    throw error;
  })],
});
