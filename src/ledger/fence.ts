import type { Redis } from 'ioredis';
import type { Keyspace } from './keys.js';

/** Where a shard's entries have got to, as Postgres knows it. */
export type ShardRow = { readonly shard: number; readonly epoch: number; readonly lastId: string };

/** What the fence needs of Postgres. `withLocked` holds the shard's row lock, the same one that drains take. */
export interface ShardStore {
  /** Identity of this ledger, made at first start: tells a Redis of another ledger from ours. */
  readonly ledgerId: string;
  readShards(): Promise<readonly ShardRow[]>;
  withLocked<T>(shard: number, work: (row: ShardRow, raise: () => Promise<void>) => Promise<T>): Promise<T>;
}

/**
 * Decides, per shard, whether Redis may be trusted, and under which epoch (design §7).
 *
 * Nothing may be written to a Redis that lost what Postgres already has: its accounts would spend credits twice. So
 * after every connection to a server that we have not verified, each shard's stream is compared with the Postgres
 * cursor before any operation passes. A stream that is behind, or a missing fence, raises the epoch: in Postgres first,
 * then in Redis; the new epoch begins with nothing, and accounts load from Postgres on next use.
 */
export interface Fence {
  /** The text scripts compare with the fence key, and the epoch that keys carry; null while the shard is closed. */
  epochOf(shard: number): Epoch | null;
  /** A script met another fence than ours: close the shard until it has been looked at again. */
  suspect(shard: number): void;
  /** True once every shard was verified on the present connection. */
  isOpen(): boolean;
  /** Resolves when all shards are open for the first time. */
  opened(): Promise<void>;
  close(): void;
}

export type Epoch = { readonly number: number; readonly fence: string };

export type FenceDeps = {
  readonly redis: Redis;
  readonly store: ShardStore;
  readonly keys: Keyspace;
  readonly log: { info(facts: object, message: string): void; error(facts: object, message: string): void };
};

/** How often the fences are looked at, for a process that runs no script which would meet a raised one. */
const LOOK_EVERY_MS = 1_000;
/** Between attempts while Redis or Postgres cannot be asked. */
const RETRY_MS = 200;

type Verdict = 'open' | 'set' | 'raise' | 'foreign' | 'ahead';

export function fence({ redis, store, keys, log }: FenceDeps): Fence {
  const epochs = new Array<Epoch | null>(keys.shards).fill(null);
  let verifiedRunId: string | undefined;
  let isGateOpen = false;
  let isClosed = false;
  let generation = 0;
  let running: Promise<void> | undefined;
  let markOpened: () => void;
  const firstOpen = new Promise<void>((resolve) => { markOpened = resolve; });

  const fenceText = (epoch: number): string => `${epoch}@${store.ledgerId}`;
  const epochFor = (number: number): Epoch => ({ number, fence: fenceText(number) });

  /** Compares one shard of Redis with its row. */
  const judge = async ({ shard, epoch, lastId }: ShardRow): Promise<Verdict> => {
    const [found, streamEnd] = await Promise.all([
      redis.get(keys.fence(shard)),
      lastGeneratedId(redis, keys.shard(shard, epoch).journal),
    ]);
    const isBehind = compareStreamIds(streamEnd, lastId) < 0;
    if (found === null) return isBehind ? 'raise' : 'set';
    const [number, ledgerId] = found.split('@');
    if (ledgerId !== store.ledgerId) return 'foreign';
    if (Number(number) > epoch) return 'ahead';
    if (Number(number) < epoch) return isBehind ? 'raise' : 'set';
    return isBehind ? 'raise' : 'open';
  };

  /** Brings one shard to an open state under its row lock, so that no drain is under way and nobody else decides. */
  const repair = async (shard: number): Promise<Epoch | null> => {
    const verdict = await store.withLocked(shard, async (row, raise) => {
      const decided = await judge(row);
      if (decided === 'set') await redis.set(keys.fence(shard), fenceText(row.epoch));
      if (decided === 'raise') {
        await redis.del(keys.fence(shard));
        await raise();
        log.error({ shard, fromEpoch: row.epoch, cursor: row.lastId }, 'Redis is behind Postgres: epoch raised, accounts reload from Postgres');
      }
      return { decided, epoch: row.epoch };
    });
    switch (verdict.decided) {
      case 'open':
      case 'set':
        return epochFor(verdict.epoch);
      case 'raise':
        return repair(shard);
      case 'foreign':
        log.error({ shard }, 'this Redis holds another ledger than this Postgres: the shard stays closed. Use the matching pair, or an empty Redis');
        return null;
      case 'ahead':
        log.error({ shard, epoch: verdict.epoch }, 'Redis has a newer epoch than Postgres: Postgres went back in time. The shard stays closed');
        return null;
    }
  };

  const verifyAll = async (): Promise<void> => {
    const rows = await store.readShards();
    const verdicts = await Promise.all(rows.map(async (row) => ({ row, verdict: await judge(row) })));
    for (const { row, verdict } of verdicts) {
      epochs[row.shard] = verdict === 'open' ? epochFor(row.epoch) : await repair(row.shard);
    }
  };

  /** Until it succeeds on the connection it began with: a new connection starts over. */
  const open = async (mine: number): Promise<void> => {
    while (!isClosed && mine === generation) {
      try {
        const runId = await readRunId(redis);
        const isNew = runId !== verifiedRunId;
        if (isNew || epochs.includes(null)) await verifyAll();
        if (mine !== generation) return;
        verifiedRunId = runId;
        isGateOpen = true;
        if (isNew) log.info({ runId, shards: keys.shards }, 'ledger open');
        markOpened();
        return;
      } catch (error) {
        log.error({ err: error }, 'cannot verify Redis against Postgres yet; refusing operations until it is possible');
        await new Promise((resolve) => { setTimeout(resolve, RETRY_MS).unref(); });
      }
    }
  };

  const start = (): void => {
    generation += 1;
    running = open(generation);
  };
  const shut = (): void => {
    generation += 1;
    isGateOpen = false;
  };

  const suspect = (shard: number): void => {
    if (epochs[shard] === null) return;
    epochs[shard] = null;
    const mine = generation;
    running = (running ?? Promise.resolve()).then(() => (mine === generation ? open(mine) : undefined));
  };

  /** Another process may have raised an epoch: a worker whose indexes are all of the old one would never notice. */
  const look = async (): Promise<void> => {
    if (!isGateOpen) return;
    const mine = generation;
    const found = await Promise.all(epochs.map((_, shard) => redis.get(keys.fence(shard))));
    if (mine !== generation) return;
    found.forEach((text, shard) => { if (epochs[shard]?.fence !== text) suspect(shard); });
  };
  // A look that fails is made up for by the next, or by the reconnection that it announces.
  const looking = setInterval(() => { look().catch(() => undefined); }, LOOK_EVERY_MS).unref();

  redis.on('ready', start);
  redis.on('close', shut);
  if (redis.status === 'ready') start();

  return {
    epochOf: (shard) => (isGateOpen ? (epochs[shard] ?? null) : null),
    suspect,
    isOpen: () => isGateOpen && !epochs.includes(null),
    opened: () => firstOpen,
    close: () => {
      isClosed = true;
      clearInterval(looking);
      shut();
      redis.off('ready', start);
      redis.off('close', shut);
    },
  };
}

async function readRunId(redis: Redis): Promise<string> {
  const runId = /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1];
  if (runId === undefined) throw new Error('INFO server names no run_id');
  return runId;
}

/** The highest id a stream ever gave, even when it was trimmed to nothing; 0-0 for a stream that does not exist. */
async function lastGeneratedId(redis: Redis, stream: string): Promise<string> {
  try {
    const info = (await redis.xinfo('STREAM', stream)) as readonly unknown[];
    const index = info.indexOf('last-generated-id');
    const id = index < 0 ? undefined : info[index + 1];
    if (typeof id !== 'string') throw new Error('XINFO STREAM names no last-generated-id');
    return id;
  } catch (error) {
    if (error instanceof Error && error.message.includes('no such key')) return '0-0';
    throw error;
  }
}

/** Negative when stream id `a` comes before `b`. Ids are `<ms>-<counter>`, both of which pass 2^32. */
export function compareStreamIds(a: string, b: string): number {
  const [aMs = '0', aCounter = '0'] = a.split('-');
  const [bMs = '0', bCounter = '0'] = b.split('-');
  return Number(aMs) - Number(bMs) || Number(aCounter) - Number(bCounter);
}
