import { Redis } from 'ioredis';
import { within } from '../../kit/within.js';
import { textOf, type Address, type RedisLocation } from './location.js';
import { nodeOptions, type Options } from './node-options.js';
import { masterOf, readSlotMap, serversIn, type SlotRange } from './slot-map.js';

type Sentinels = Extract<RedisLocation, { kind: 'sentinel' }>;
type ClusterLocation = Extract<RedisLocation, { kind: 'cluster' }>;

const ASK_TIMEOUT_MS = 1_000;

/** What was found for a location, for all connections to it that look at about the same time. */
const FOUND_KEPT_MS = 200;

/** Shares one run of the work among callers within that time. */
function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let last: { readonly at: number; readonly found: Promise<T> } | undefined;
  return () => {
    if (last === undefined || performance.now() - last.at > FOUND_KEPT_MS) last = { at: performance.now(), found: work() };
    return last.found;
  };
}

const mapReaders = new WeakMap<ClusterLocation, () => Promise<readonly SlotRange[]>>();
const masterReaders = new WeakMap<Sentinels, () => Promise<Address>>();

/** The server that has a slot now. Throws when no node tells it. */
export async function findSlot(location: ClusterLocation, slot: number): Promise<Address> {
  let read = mapReaders.get(location);
  if (read === undefined) {
    let known: readonly Address[] = location.nodes;
    read = shared(async () => {
      const map = await readSlotMap(location, known).catch(() => readSlotMap(location, location.nodes));
      known = serversIn(map);
      return map;
    });
    mapReaders.set(location, read);
  }
  const master = masterOf(await read(), slot);
  if (master === undefined) throw new Error(`no server has slot ${slot} of the cluster`);
  return master;
}

/** The master by the word of the first Sentinel that answers. Throws when none does. */
export function findMaster(location: Sentinels): Promise<Address> {
  const read = masterReaders.get(location) ?? shared(async () => {
    try {
      return await Promise.any(location.sentinels.map((address) => askSentinel(location, address)));
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    }
  });
  masterReaders.set(location, read);
  return read();
}

async function askSentinel({ name, sentinelPassword, tls }: Sentinels, address: Address): Promise<Address> {
  const login = sentinelPassword === undefined ? {} : { password: sentinelPassword };
  const redis = askOnce({ ...nodeOptions({ kind: 'cluster', nodes: [], tls }, address), ...login });
  try {
    const reply = await within(ASK_TIMEOUT_MS, 'asking a Sentinel', redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name));
    if (reply === null) throw new Error(`the Sentinel at ${textOf(address)} knows no master "${name}"`);
    const [host, port] = reply as [string, string];
    return { host, port: Number(port) };
  } finally {
    redis.disconnect();
  }
}

/** A connection for one question. */
function askOnce(options: Options): Redis {
  const redis = new Redis({
    ...options, lazyConnect: true, enableReadyCheck: false, maxRetriesPerRequest: 0, connectTimeout: ASK_TIMEOUT_MS,
    retryStrategy: () => null,
  });
  redis.on('error', () => undefined); // the call fails as well
  return redis;
}
