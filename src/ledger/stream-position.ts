import type { Redis } from 'ioredis';

/** A place in a shard's stream: an entry's id, and how many entries the epoch has had up to it. */
export type StreamPosition = { readonly lastId: string; readonly entries: number };

/** A stream as Redis has it. `firstId` null: nothing is left in it, because it is new or was trimmed to nothing. */
export type StreamState = StreamPosition & { readonly firstId: string | null };

export const STREAM_START: StreamPosition = { lastId: '0-0', entries: 0 };

/** The highest id a stream ever gave and how many entries it ever got, trimmed ones included; the start for one that does not exist. */
export async function readStream(redis: Redis, stream: string): Promise<StreamState> {
  try {
    const info = (await redis.xinfo('STREAM', stream)) as readonly unknown[];
    const valueOf = (name: string): unknown => info[info.indexOf(name) + 1];
    const [lastId, firstId, entries] = ['last-generated-id', 'recorded-first-entry-id', 'entries-added'].map(valueOf);
    if (typeof lastId !== 'string' || typeof firstId !== 'string') throw new Error('XINFO STREAM names no ids: is this Redis 7?');
    return { lastId, firstId: firstId === STREAM_START.lastId ? null : firstId, entries: Number(entries) };
  } catch (error) {
    if (error instanceof Error && error.message.includes('no such key')) return { ...STREAM_START, firstId: null };
    throw error;
  }
}

/** Negative when stream id `a` comes before `b`. Ids are `<ms>-<counter>`, both of which pass 2^32. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs = '0', aCounter = '0'] = a.split('-');
  const [bMs = '0', bCounter = '0'] = b.split('-');
  return Number(aMs) - Number(bMs) || Number(aCounter) - Number(bCounter);
}

export const laterId = (a: string, b: string): string => (compareStreamIds(a, b) < 0 ? b : a);

/** When Redis wrote an entry, by its own clock: the first part of the id. */
export const atMsOf = (streamId: string): number => Number(streamId.slice(0, streamId.indexOf('-')));
