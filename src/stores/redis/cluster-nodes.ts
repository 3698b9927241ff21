import type { DeadlineRedis } from './deadline-redis.js';
import { addressOf, textOf, type Address } from './location.js';
import type { ScriptClient } from './script.js';
import { scriptsOn } from './script-command.js';
import { askSlots, newestOf, serversIn, type SlotRange } from './slot-map.js';
import { slotOwners } from './slot-owners.js';

/** A server of the cluster and the connection to it. */
export type ClusterNode = {
  readonly address: Address;
  /** The address as text. */
  readonly name: string;
  readonly redis: DeadlineRedis;
  readonly scripts: ScriptClient;
};

/** The servers of a Redis Cluster, and which of them has each slot. */
export type ClusterNodes = {
  /** The master of a slot; undefined: none is known. */
  readonly ofSlot: (slot: number) => ClusterNode | undefined;
  /** A number that changes when the slot gets another master, or that master another connection; null while it has none. */
  readonly connectionOf: (slot: number) => number | null;
  /** The node at an address of a redirect; undefined when it cannot be read. Opens a connection to a new one. */
  readonly at: (address: string) => ClusterNode | undefined;
  /** Notes where a server said that a slot is now, and reads the map again. */
  readonly moved: (slot: number, address: string) => void;
  /** All that are connected, replicas too. */
  readonly connected: () => readonly ClusterNode[];
  /** Those that have slots. */
  readonly masters: () => readonly ClusterNode[];
  /** Whether every slot has a master that is connected. */
  readonly isReady: () => boolean;
  readonly onConnection: (told: { readonly ready?: () => void; readonly lost?: () => void }) => () => void;
  readonly close: () => void;
};

export type ClusterNodesDeps = {
  /** Connects in the background. */
  readonly open: (address: Address) => DeadlineRedis;
  /** Reads the map over connections of its own, from any of these and of the configured nodes: while none is connected. */
  readonly read: (known: readonly Address[]) => Promise<SlotRange[]>;
  readonly onError: (error: Error) => void;
};

/** The map is read again this often, and after a sign that it is out of date. */
const EVERY_MS = 1_000;
const AFTER_SIGN_MS = 50;
/** While a slot has no connected master. */
const WHILE_INCOMPLETE_MS = 100;
/** Commands in progress on a server that has left the map end by their answer or their deadline, if they can. */
const CLOSE_AFTER_MS = 1_000;

/** `connected`: the number of its connection; 0 while there is none. */
type Kept = ClusterNode & { connected: number };

/**
 * Follows the map of the cluster. ioredis' own Cluster is not used, because it repeats commands whose connection was lost
 * (`retryDelayOnFailover`), queues what it cannot send, and does not say which server a key has.
 */
export function clusterNodes({ open, read, onError }: ClusterNodesDeps): ClusterNodes {
  const owners = slotOwners<Kept>();
  const listeners = new Set<{ readonly ready?: () => void; readonly lost?: () => void }>();
  /** Numbers connections and changes of owners, so that the later of the two names the state of a slot. */
  let sequence = 0;
  const tell = (event: 'ready' | 'lost'): void => { for (const each of listeners) each[event]?.(); };
  const tellMoved = (): void => {
    tell('lost');
    tell('ready');
  };

  const pool = nodePool(open, {
    connected: (node) => {
      node.connected = sequence += 1;
      if (owners.has(node)) tell('ready');
    },
    lost: (node) => {
      if (!owners.has(node)) return;
      tell('lost');
      reading.soon();
    },
  });
  const isReady = (): boolean => owners.every((node) => node.connected !== 0);
  const reading = repeatedly(async () => {
    const map = await newestOf(pool.connected(), ({ redis, address }) => askSlots(redis, address.host))
      .catch(() => read(pool.all().map(({ address }) => address)));
    sequence += 1;
    const isChanged = owners.apply(map, ({ master }) => pool.at(master), sequence);
    pool.keepOnly(serversIn(map));
    if (isChanged) tellMoved();
  }, () => (isReady() ? EVERY_MS : WHILE_INCOMPLETE_MS), onError);

  return {
    ofSlot: owners.of,
    connectionOf: (slot) => {
      const node = owners.of(slot);
      if (node?.redis.status !== 'ready' || node.connected === 0) return null;
      return Math.max(node.connected, owners.since(slot));
    },
    at: (text) => {
      const address = addressOf(text);
      return address === null ? undefined : pool.at(address);
    },
    moved: (slot, text) => {
      const address = addressOf(text);
      sequence += 1;
      if (address !== null && owners.give(slot, pool.at(address), sequence)) tellMoved();
      reading.soon();
    },
    connected: pool.connected,
    masters: () => pool.all().filter(owners.has),
    isReady,
    onConnection: (told) => {
      listeners.add(told);
      return () => { listeners.delete(told); };
    },
    close: () => {
      reading.stop();
      for (const { redis } of pool.all()) redis.disconnect();
    },
  };
}

type Pool = {
  /** The node at an address; a new one begins to connect. */
  readonly at: (address: Address) => Kept;
  readonly all: () => readonly Kept[];
  readonly connected: () => readonly Kept[];
  /** Closes the connections to all others. */
  readonly keepOnly: (addresses: readonly Address[]) => void;
};

function nodePool(
  open: ClusterNodesDeps['open'], told: { readonly connected: (node: Kept) => void; readonly lost: (node: Kept) => void },
): Pool {
  const nodes = new Map<string, Kept>();
  const at = (address: Address): Kept => {
    const name = textOf(address);
    const known = nodes.get(name);
    if (known !== undefined) return known;
    const redis = open(address);
    const node: Kept = { address, name, redis, scripts: scriptsOn(redis), connected: 0 };
    nodes.set(name, node);
    redis.on('ready', () => { told.connected(node); });
    redis.on('close', () => {
      if (node.connected === 0) return;
      node.connected = 0;
      told.lost(node);
    });
    return node;
  };
  return {
    at,
    all: () => [...nodes.values()],
    connected: () => [...nodes.values()].filter(({ connected }) => connected !== 0),
    keepOnly: (addresses) => {
      const kept = new Set(addresses.map(at));
      for (const [name, node] of nodes) {
        if (kept.has(node)) continue;
        nodes.delete(name);
        if (node.redis.status === 'ready') setTimeout(() => { node.redis.disconnect(); }, CLOSE_AFTER_MS).unref();
        else node.redis.disconnect();
      }
    },
  };
}

/** Runs the work now, again `delayMs` after each run, and earlier when it is wanted soon. */
function repeatedly(
  work: () => Promise<void>, delayMs: () => number, onError: (error: Error) => void,
): { readonly soon: () => void; readonly stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let isStopped = false;
  const after = (ms: number): void => {
    clearTimeout(timer);
    if (!isStopped) timer = setTimeout(() => { void run(); }, ms).unref();
  };
  const run = async (): Promise<void> => {
    if (isRunning || isStopped) return;
    isRunning = true;
    await work().catch(onError);
    isRunning = false;
    after(delayMs());
  };
  after(0);
  return {
    soon: () => { if (!isRunning) after(AFTER_SIGN_MS); },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
