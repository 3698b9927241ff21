import { Redis } from 'ioredis';
import { settleWithin } from '../../kit/settle-within.js';
import { within } from '../../kit/within.js';
import { nodeOptions } from './node-options.js';
import { textOf, type Address, type RedisLocation } from './location.js';
import { SLOTS } from './slots.js';

/**
 * Slots from `first` to `last` and the servers that have them. `epoch`: the configuration epoch of the master, which grows
 * whenever a slot gets another one; 0 when the node does not tell it.
 */
export type SlotRange = {
  readonly first: number; readonly last: number; readonly epoch: number; readonly master: Address; readonly replicas: readonly Address[];
};

/** How long one node may take to tell the map. */
const ASK_TIMEOUT_MS = 1_000;
/** Nodes that are asked at once: one may hang, another may be cut off from the rest. */
const ASKED_MAX = 3;
/** How long the first answer waits for the others, which may know a newer map. */
const OTHERS_WAIT_MS = 100;

type Asker = { readonly cluster: ((subcommand: 'SLOTS') => Promise<unknown>) & ((subcommand: 'NODES') => Promise<unknown>) };

/** The map as a node of the cluster knows it. `host`: where that node was reached, for a node that does not know its own address. */
export async function askSlots(redis: Asker, host: string): Promise<SlotRange[]> {
  const [reply, epochs] = await within(ASK_TIMEOUT_MS, 'reading the slots of the cluster', Promise.all([
    redis.cluster('SLOTS') as Promise<readonly SlotsRow[]>, askEpochs(redis),
  ]));
  const at = ([name, port]: NodeRow): Address => ({ host: name === null || name === '' || name === '?' ? host : name, port });
  return reply.map(([first, last, master, ...replicas]) => (
    { first, last, epoch: epochs.get(master[2] ?? '') ?? 0, master: at(master), replicas: replicas.map(at) }));
}

type NodeRow = readonly [host: string | null, port: number, id?: string, ...rest: unknown[]];
type SlotsRow = readonly [first: number, last: number, master: NodeRow, ...replicas: NodeRow[]];

/** The configuration epoch of each node, by its id. Empty when the user may not ask, as with an older list of rights. */
async function askEpochs(redis: Asker): Promise<ReadonlyMap<string, number>> {
  const text = await redis.cluster('NODES').catch((error: unknown) => {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return '';
    throw error;
  }) as string;
  // `<id> <address> <flags> <master or -> <ping> <pong> <config epoch> …`
  return new Map(text.split('\n').map((line) => line.split(' ')).map((words) => [words[0] ?? '', Number(words[6] ?? 0)]));
}

/** The newest map that these nodes tell (`newestOf`), over connections of their own. Throws when none does. */
export async function readSlotMap(location: RedisLocation, addresses: readonly Address[]): Promise<SlotRange[]> {
  return newestOf(addresses, async (address) => {
    const redis = new Redis({
      ...nodeOptions(location, address), lazyConnect: true, enableReadyCheck: false, maxRetriesPerRequest: 0,
      connectTimeout: ASK_TIMEOUT_MS, retryStrategy: () => null,
    });
    redis.on('error', () => undefined); // the call fails as well
    try {
      return await askSlots(redis, address.host);
    } finally {
      redis.disconnect();
    }
  });
}

/**
 * What `ASKED_MAX` of these say, asked at once and in random order: of two answers about a slot the one with the higher
 * configuration epoch counts, as for the nodes themselves, because a node that is cut off or was deposed tells an old map. The
 * first answer does not wait long for the others. If none of them answers, the next ones are asked.
 */
export async function newestOf<T>(from: readonly T[], ask: (each: T) => Promise<SlotRange[]>): Promise<SlotRange[]> {
  const order = from.map((each) => ({ each, at: Math.random() })).toSorted((a, b) => a.at - b.at).map(({ each }) => each);
  let failure: unknown = new Error('no node of the cluster is known');
  for (let at = 0; at < order.length; at += ASKED_MAX) {
    const maps: SlotRange[][] = [];
    const asked = order.slice(at, at + ASKED_MAX).map(async (each) => {
      const map = await ask(each);
      if (map.length === 0) throw new Error('this node has no slots: is it part of a cluster?');
      maps.push(map);
    });
    try {
      await Promise.any(asked);
      await settleWithin(OTHERS_WAIT_MS, Promise.allSettled(asked));
      return merged(maps);
    } catch (error) {
      failure = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
    }
  }
  throw failure;
}

/** One map of several: each slot as the answer with the highest configuration epoch has it, of equal ones the first. */
function merged(maps: readonly (readonly SlotRange[])[]): SlotRange[] {
  const [only, ...others] = maps;
  if (only !== undefined && others.length === 0) return [...only];
  const newest = new Array<SlotRange | undefined>(SLOTS).fill(undefined);
  for (const range of maps.toReversed().flat().toSorted((a, b) => a.epoch - b.epoch)) newest.fill(range, range.first, range.last + 1);
  const ranges: SlotRange[] = [];
  for (let first = 0; first < SLOTS;) {
    const range = newest[first];
    let end = first + 1;
    while (end < SLOTS && newest[end] === range) end += 1;
    if (range !== undefined) ranges.push({ ...range, first, last: end - 1 });
    first = end;
  }
  return ranges;
}

/** The master of a slot. */
export const masterOf = (map: readonly SlotRange[], slot: number): Address | undefined =>
  map.find(({ first, last }) => slot >= first && slot <= last)?.master;

/** Every server of the map, each once. */
export const serversIn = (map: readonly SlotRange[]): readonly Address[] =>
  [...new Map(map.flatMap(({ master, replicas }) => [master, ...replicas]).map((each) => [textOf(each), each])).values()];
