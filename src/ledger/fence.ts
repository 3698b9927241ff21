import type { Redis } from 'ioredis';
import type { Acknowledged, Acknowledgement } from './acknowledged.js';
import { judgeShard, type Loss, type ShardRow } from './judge-shard.js';
import type { Keyspace } from './keys.js';
import { atMsOf, type StreamPosition } from './stream-position.js';

/** A place in the stream of a shard and an epoch, for the heartbeat to store. */
export type ShardMark = StreamPosition & { readonly shard: number; readonly epoch: number };

/** What the fence needs of Postgres. `withLocked` holds the shard's row lock, the same one that drains take. */
export interface ShardStore {
  /** Identity of this ledger, made at first start: tells a Redis of another ledger from ours. */
  readonly ledgerId: string;
  readShards(): Promise<readonly ShardRow[]>;
  /** `raise` starts the next epoch and records what the old one lost. */
  withLocked<T>(shard: number, work: (row: ShardRow, raise: (loss: Loss) => Promise<void>) => Promise<T>): Promise<T>;
  /** Remembers how far streams have got. A mark never goes back. */
  mark(marks: readonly ShardMark[]): Promise<void>;
  /** Adds what only this process was told of an epoch that another process ended. Answers how many entries that were. */
  addToLoss(shard: number, epoch: number, recent: readonly Acknowledgement[]): Promise<number>;
}

/**
 * Decides, per shard, whether Redis may be used, and under which epoch (design §7).
 *
 * No process may write to a Redis that has lost entries which Postgres has: its accounts would spend credits twice. So
 * after every connection to an unverified server, each shard's stream is compared with the cursor in Postgres, and with
 * what Redis is known to have acknowledged beyond it, before any operation passes. If a stream is behind, the epoch is
 * raised: the rest of the stream is drained, then the epoch grows in Postgres, then in Redis; the new epoch starts empty,
 * and accounts load from Postgres on their next use. The loss is recorded with the old epoch.
 */
export interface Fence {
  /** The text scripts compare with the fence key, and the epoch that keys carry; null while the shard is closed. */
  epochOf(shard: number): Epoch | null;
  /** Called when a script met another fence: closes the shard until it has been checked again. */
  suspect(shard: number): void;
  /** True once every shard was verified on the current connection. */
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
  /** What this process was told by Redis. */
  readonly acknowledged: Acknowledged;
  /** Brings what a shard's stream still has to Postgres. False: the shard is stopped. */
  readonly drainShard: (shard: number) => Promise<boolean>;
  readonly log: { info(facts: object, message: string): void; error(facts: object, message: string): void };
};

/** How often the fences are checked, for processes that run no scripts, which would notice a raised one. */
const LOOK_EVERY_MS = 1_000;
/** Between attempts while Redis or Postgres cannot be asked. */
const RETRY_MS = 200;

export function fence({ redis, store, keys, acknowledged, drainShard, log }: FenceDeps): Fence {
  const epochs = new Array<Epoch | null>(keys.shards).fill(null);
  let verifiedRunId: string | undefined;
  let isGateOpen = false;
  let isClosed = false;
  let generation = 0;
  let running: Promise<void> | undefined;
  /** Shards that lost something and cannot be drained: looked at again, because a person resumes them. */
  const stuck = new Set<number>();
  let markOpened: () => void;
  const firstOpen = new Promise<void>((resolve) => { markOpened = resolve; });

  const fenceText = (epoch: number): string => `${epoch}@${store.ledgerId}`;
  const epochFor = (number: number): Epoch => ({ number, fence: fenceText(number) });

  const judge = (row: ShardRow) => judgeShard({ redis, keys, ledgerId: store.ledgerId }, row, acknowledged.of(row.shard));

  /** Brings one shard to an open state under its row lock, so that no drain is under way and no other process decides. */
  const repair = async (shard: number): Promise<Epoch | null> => {
    const { judgement, epoch } = await store.withLocked(shard, async (row, raise) => {
      const decided = await judge(row);
      if (decided.verdict === 'set') await redis.set(keys.fence(shard), fenceText(row.epoch));
      if (decided.verdict === 'drain') {
        // The other processes must see the loss, too, before they meet the missing fence.
        await store.mark([{ shard, epoch: row.epoch, ...decided.known }]);
        await redis.del(keys.fence(shard));
      }
      if (decided.verdict === 'raise') {
        await redis.del(keys.fence(shard));
        await raise(decided.loss);
      }
      return { judgement: decided, epoch: row.epoch };
    });
    switch (judgement.verdict) {
      case 'open':
      case 'set':
        stuck.delete(shard);
        acknowledged.seen(shard, epoch, judgement.stream);
        return epochFor(epoch);
      case 'raise':
        acknowledged.forget(shard, epoch);
        tellRaised(judgement.loss);
        return repair(shard);
      case 'drain':
        if (await drainShard(shard)) return repair(shard);
        if (!stuck.has(shard)) log.error(
          { shard, epoch }, 'Redis lost entries of a shard that is stopped: it stays closed until it is resumed (npm run shards)',
        );
        stuck.add(shard);
        return null;
      case 'foreign':
        log.error(
          { shard },
          'this Redis holds another ledger than this Postgres: the shard stays closed. Use the matching pair, or an empty Redis',
        );
        return null;
      case 'ahead':
        log.error({ shard, epoch }, 'Redis has a newer epoch than Postgres: Postgres went back in time. The shard stays closed');
        return null;
    }
  };

  const tellRaised = ({ shard, epoch, survivedId, knownId, entries, accounts }: Loss): void => {
    if (entries === 0) {
      log.error({ shard, fromEpoch: epoch, cursor: survivedId }, 'Redis is behind Postgres: epoch raised, accounts reload from Postgres');
      return;
    }
    const [from, to] = [survivedId, knownId].map((id) => new Date(atMsOf(id)).toISOString());
    log.error(
      { shard, fromEpoch: epoch, lostEntries: entries, from, to, accountsKnown: Object.keys(accounts).length },
      'Redis lost entries that it had acknowledged: epoch raised, accounts reload from Postgres',
    );
  };

  /** Another process has ended an epoch in which this one was told something: the record of the loss must count it. */
  const reportOlder = async ({ shard, epoch }: ShardRow): Promise<void> => {
    const memory = acknowledged.of(shard);
    if (memory === null || memory.epoch >= epoch) return;
    const lostEntries = await store.addToLoss(shard, memory.epoch, memory.recent);
    acknowledged.forget(shard, memory.epoch);
    if (lostEntries > 0) {
      log.error({ shard, fromEpoch: memory.epoch, lostEntries }, 'Redis lost further entries, which it had acknowledged to this process');
    }
  };

  const verifyAll = async (): Promise<void> => {
    const rows = await store.readShards();
    for (const row of rows) await reportOlder(row);
    const judged = await Promise.all(rows.map(async (row) => ({ row, judgement: await judge(row) })));
    for (const { row: { shard, epoch }, judgement } of judged) {
      if (judgement.verdict === 'open' && !stuck.has(shard)) {
        acknowledged.seen(shard, epoch, judgement.stream);
        epochs[shard] = epochFor(epoch);
      } else {
        epochs[shard] = await repair(shard);
      }
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

  /** Another process may have raised an epoch: a worker that only uses indexes of the old one would not notice. */
  const look = async (): Promise<void> => {
    if (!isGateOpen) return;
    const mine = generation;
    const found = await Promise.all(epochs.map((_, shard) => redis.get(keys.fence(shard))));
    if (mine !== generation) return;
    found.forEach((text, shard) => { if (epochs[shard]?.fence !== text) suspect(shard); });
    // Resuming a shard is done elsewhere, and no script tells us of it.
    if (stuck.size > 0) running = (running ?? Promise.resolve()).then(() => (mine === generation ? open(mine) : undefined));
  };
  // After a failed check the next one follows, or the reconnection.
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
