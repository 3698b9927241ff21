import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Eviction } from '../../src/journal/evict-idle.js';
import { ZERO } from '../../src/kit/money/micros.js';
import type { AccountImage, AccountSource } from '../../src/ledger/account-image.js';
import { acknowledged } from '../../src/ledger/acknowledged.js';
import { decodeEntry, type JournalEntry } from '../../src/ledger/entry.js';
import { fence, type Fence } from '../../src/ledger/fence.js';
import { BALANCES, figuresOf, TOTALS } from '../../src/ledger/figures.js';
import type { ShardRow } from '../../src/ledger/judge-shard.js';
import { keyspace, type Keyspace } from '../../src/ledger/keys.js';
import type { Ledger } from '../../src/ledger/ledger.js';
import { redisLedger } from '../../src/ledger/redis-ledger.js';
import type { ShardStore } from '../../src/ledger/shard-store.js';
import type { ScriptClient } from '../../src/stores/redis/script.js';
import type { ShardedRedis } from '../../src/stores/redis/sharded-redis.js';
import { redisUrl } from './servers.js';
import { rawRedis, shardedRedis } from './redis-address.js';

export type TestLedger = {
  readonly ledger: Ledger;
  readonly redis: Redis;
  /** The same as the gateway uses it. */
  readonly sharded: ShardedRedis;
  readonly keys: Keyspace;
  /** Redis' clock plus the offset: the time that scripts see, up to the duration of this call. */
  nowMs(): Promise<number>;
  advance(ms: number): void;
  /** Every entry of an account, oldest first. */
  journal(accountId: string): Promise<JournalEntry[]>;
  /** Evicts an account when Postgres has all of it; undefined when it has not. Only of a ledger with Postgres. */
  evict?(accountId: string): Promise<Eviction | undefined>;
  close(): Promise<void>;
};

/** The image of an account that Postgres does not know. */
export const emptyImage: AccountImage = {
  seq: 0, ...figuresOf(BALANCES, () => ZERO), totals: figuresOf(TOTALS, () => ZERO),
  frozen: false, lots: [], openHolds: [], endedHolds: [], receipts: [], deductions: [], limits: null, limitCounts: [],
  terms: null,
};

const emptySource: AccountSource = {
  loadAccount: () => Promise.resolve(emptyImage),
  loadEndedHold: () => Promise.resolve(null), recallEndedHold: () => Promise.resolve(null),
  recallEndedHolds: (names) => Promise.resolve(names.map(() => null)),
  loadCharge: () => Promise.resolve(null),
};

/** A store whose shards are all new: for tests without Postgres. */
export function memoryShardStore(shards: number): ShardStore {
  const rows = new Map(Array.from({
    length: shards,
  }, (_, shard): [number, ShardRow] => [shard, { shard, epoch: 1, lastId: '0-0', drained: 0, marked: null, deposed: [] }]));
  return {
    ledgerId: randomUUID().slice(0, 8),
    readShards: () => Promise.resolve([...rows.values()]),
    readIdle: () => Promise.resolve([...rows.values()]),
    depose: () => Promise.resolve(),
    use: () => Promise.resolve([]),
    withLocked: (shard, work) => {
      const row = rows.get(shard);
      if (row === undefined) throw new Error(`no shard ${shard}`);
      return work(row, {
        raise: () =>
          Promise.resolve(void rows.set(shard, { shard, epoch: row.epoch + 1, lastId: '0-0', drained: 0, marked: null, deposed: [] })),
        depose: () => Promise.resolve(),
        reinstate: () => Promise.resolve(false),
      });
    },
    mark: () => Promise.resolve(),
    addToLoss: () => Promise.resolve(0),
  };
}

/** A command that takes longer counts as hung. The limit is long because the machine may be busy. */
export const PATIENCE_MS = 60_000;

const quiet = { info: () => undefined, error: () => undefined };

export type LedgerParts = { readonly client: ScriptClient; readonly fence: Fence };

const unchanged = (parts: LedgerParts): LedgerParts => parts;

/** The real scripts on the real Redis, in a namespace of this test, with a clock that can be moved. */
export async function testLedger(options: {
  readonly source?: AccountSource; readonly store?: ShardStore; readonly shards?: number; readonly correctionWindowMs?: number;
  /** Stands between the ledger and its parts. */
  readonly between?: (parts: LedgerParts) => LedgerParts;
} = {}): Promise<TestLedger> {
  const { source = emptySource, shards = 4, correctionWindowMs = 86_400_000, between = unchanged } = options;
  const redis = rawRedis(redisUrl());
  const sharded = await shardedRedis(redisUrl(), PATIENCE_MS);
  const keys = keyspace(`t${randomUUID().slice(0, 8)}`, shards);
  const told = acknowledged(shards);
  const gate = fence({
    redis: sharded, store: options.store ?? memoryShardStore(shards), keys, acknowledged: told, drainShard: () => Promise.resolve(true),
    log: quiet,
  });
  await gate.opened();
  let offsetMs = 0;
  const ledger = redisLedger({
    ...between({ client: sharded, fence: gate }), keys, acknowledged: told, source, recallMs: 20_000, unrecalled: () => undefined,
    written: () => undefined, observe: () => undefined, memory: () => 'normal',
    openHoldsMax: { account: 100_000, pool: 200_000 }, correctionWindowMs, timeOffsetMs: () => offsetMs,
  });
  return {
    ledger, redis, sharded, keys,
    nowMs: async () => Math.floor(await sharded.timeMs(keys.fence(0))) + offsetMs,
    advance: (ms) => { offsetMs += ms; },
    journal: async (accountId) => {
      const entries = await redis.xrange(keys.account(accountId, 1).journal, '-', '+');
      return entries.map(([id, fields]) => decodeEntry(id, fields)).filter((entry) => entry.accountId === accountId);
    },
    close: () => {
      gate.close();
      sharded.close();
      redis.disconnect();
      return Promise.resolve();
    },
  };
}
