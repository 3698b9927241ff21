import { Redis } from 'ioredis';
import { within } from '../../kit/within.js';
import { nodeOptions } from './node-options.js';
import { textOf, type Address, type RedisLocation } from './location.js';

/** Slots from `first` to `last` and the servers that have them. */
export type SlotRange = { readonly first: number; readonly last: number; readonly master: Address; readonly replicas: readonly Address[] };

/** How long one node may take to tell the map. */
const ASK_TIMEOUT_MS = 1_000;
/** Nodes that are asked at once: one may hang, another may be cut off from the rest. */
const ASKED_MAX = 3;

type Asker = { readonly cluster: (subcommand: 'SLOTS') => Promise<unknown> };

/** The map as a node of the cluster knows it. `host`: where that node was reached, for a node that does not know its own address. */
export async function askSlots(redis: Asker, host: string): Promise<SlotRange[]> {
  const reply = await within(ASK_TIMEOUT_MS, 'reading the slots of the cluster', redis.cluster('SLOTS')) as readonly SlotsRow[];
  const at = ([name, port]: NodeRow): Address => ({ host: name === null || name === '' || name === '?' ? host : name, port });
  return reply.map(([first, last, master, ...replicas]) => ({ first, last, master: at(master), replicas: replicas.map(at) }));
}

type NodeRow = readonly [host: string | null, port: number, ...rest: unknown[]];
type SlotsRow = readonly [first: number, last: number, master: NodeRow, ...replicas: NodeRow[]];

/** The map from the first of these nodes that tells it, over a connection of its own. Throws when none does. */
export async function readSlotMap(location: RedisLocation, addresses: readonly Address[]): Promise<SlotRange[]> {
  return firstOf(addresses, async (address) => {
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

/** The first map that one of these gives, `ASKED_MAX` asked at once and in random order. */
export async function firstOf<T>(from: readonly T[], ask: (each: T) => Promise<SlotRange[]>): Promise<SlotRange[]> {
  const order = from.map((each) => ({ each, at: Math.random() })).toSorted((a, b) => a.at - b.at).map(({ each }) => each);
  let failure: unknown = new Error('no node of the cluster is known');
  for (let at = 0; at < order.length; at += ASKED_MAX) {
    try {
      return await Promise.any(order.slice(at, at + ASKED_MAX).map(async (each) => {
        const map = await ask(each);
        if (map.length === 0) throw new Error('this node has no slots: is it part of a cluster?');
        return map;
      }));
    } catch (error) {
      failure = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
    }
  }
  throw failure;
}

/** The master of a slot. */
export const masterOf = (map: readonly SlotRange[], slot: number): Address | undefined =>
  map.find(({ first, last }) => slot >= first && slot <= last)?.master;

/** Every server of the map, each once. */
export const serversIn = (map: readonly SlotRange[]): readonly Address[] =>
  [...new Map(map.flatMap(({ master, replicas }) => [master, ...replicas]).map((each) => [textOf(each), each])).values()];
