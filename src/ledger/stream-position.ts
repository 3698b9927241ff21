/** A position in a shard's stream: an entry's id, and the number of entries in the epoch up to it. */
export type StreamPosition = { readonly lastId: string; readonly entries: number };

export const STREAM_START: StreamPosition = { lastId: '0-0', entries: 0 };

/** Negative when stream id `a` comes before `b`. Ids are `<ms>-<counter>`; both numbers may exceed 2^32. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs = '0', aCounter = '0'] = a.split('-');
  const [bMs = '0', bCounter = '0'] = b.split('-');
  return Number(aMs) - Number(bMs) || Number(aCounter) - Number(bCounter);
}

export const laterId = (a: string, b: string): string => (compareStreamIds(a, b) < 0 ? b : a);

/** When Redis wrote an entry, by its own clock: the first part of the id. */
export const atMsOf = (streamId: string): number => Number(streamId.slice(0, streamId.indexOf('-')));
