import { randomUUID } from 'node:crypto';
import { readSpentByKey } from '../../src/books/key-spend.table.js';
import { accountSource } from '../../src/books/load-account.js';
import { createDrain, type Drain } from '../../src/journal/drain.js';
import { evictAccounts, type Eviction } from '../../src/journal/evict-idle.js';
import { shardStore } from '../../src/journal/shard-store.js';
import { sharedDrain } from '../../src/journal/shared-drain.js';
import type { AccountSource } from '../../src/ledger/account-image.js';
import { acknowledged } from '../../src/ledger/acknowledged.js';
import { decodeEntry, ENTRY_FIELDS, type JournalEntry } from '../../src/ledger/entry.js';
import { fence, type Fence } from '../../src/ledger/fence.js';
import type { KeyLimit } from '../../src/ledger/key-spend.js';
import { keyspace } from '../../src/ledger/keys.js';
import type { Ledger } from '../../src/ledger/ledger.js';
import type { RecallDeps } from '../../src/ledger/recall-charge.js';
import { redisLedger } from '../../src/ledger/redis-ledger.js';
import { connectPostgres, drainProfile, type Db } from '../../src/stores/postgres/connect.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import type { ScriptClient } from '../../src/stores/redis/script.js';
import type { ShardedRedis } from '../../src/stores/redis/sharded-redis.js';
import { PATIENCE_MS, type TestLedger } from './ledger.js';
import { adminUrlOf, freshDatabase, redisUrl } from './servers.js';
import { rawRedis, shardedRedis } from './redis-address.js';

export type DurableLedger = TestLedger & {
  readonly db: Db;
  /** As the administrator, who may do what the gateway cannot. */
  readonly adminUrl: string;
  /** Drains everything to Postgres. */
  drain(): Promise<void>;
  /** The drainer itself, and the fence. */
  readonly runDrain: Drain;
  readonly fence: Fence;
  /** Another process: its ledger and its drain, over connections that a test may wrap. */
  processOn(ports: Ports): { readonly ledger: Ledger; readonly drain: Drain };
  /** Deletes every key of this ledger from Redis, as FLUSHALL would, and waits until the fence has handled it. */
  loseRedis(): Promise<void>;
  evict(accountId: string): Promise<Eviction | undefined>;
};

/** The connections of a process. */
export type Ports = { readonly db: Db; readonly redis: ShardedRedis };

const SHARDS = 4;

export type DurableOptions = Partial<Omit<RecallDeps, 'source'>> & {
  readonly correctionWindowMs?: number;
  /** Limits of API keys, by name. */
  readonly keyLimitOf?: (name: string) => KeyLimit | null;
  /** Wraps the ledger's access to Postgres. */
  readonly source?: (real: AccountSource) => AccountSource;
  /** A server other than the run's shared one. */
  readonly onRedis?: string;
};

/** The real scripts, drain and fence, on Redis and Postgres, in a namespace and a database of their own. */
export async function durableLedger(options: DurableOptions = {}): Promise<DurableLedger> {
  const {
    correctionWindowMs = 86_400_000, source = (real: AccountSource): AccountSource => real, recallMs = PATIENCE_MS,
    keyLimitOf = () => null, unrecalled = () => undefined, onRedis = redisUrl(),
  } = options;
  const database = await freshDatabase(migrate);
  const db = connectPostgres(database.databaseUrl, drainProfile(PATIENCE_MS));
  const redis = rawRedis(onRedis);
  const sharded = await shardedRedis(onRedis, PATIENCE_MS);
  const namespace = `d${randomUUID().slice(0, 8)}`;
  const keys = keyspace(namespace, SHARDS);
  const store = await shardStore(db, SHARDS);
  const drainOn = (ports: Ports): Drain => createDrain({ ...ports, keys, clock: Date.now, tailMs: 0, entryName: (model) => model });
  const runDrain = drainOn({ db, redis: sharded });
  const told = acknowledged(SHARDS);
  const drainShard = async (shard: number): Promise<boolean> => (await sharedDrain(runDrain)([shard])).stopped.length === 0;
  const gate = fence({
    redis: sharded, store, keys, acknowledged: told, drainShard, log: { info: () => undefined, error: () => undefined },
  });
  await gate.opened();
  let offsetMs = 0;
  const clock = (): number => Date.now() + offsetMs;
  const ledgerOn = (client: ScriptClient, onDb: Db): Ledger => redisLedger({
    client, keys, fence: gate, acknowledged: told, source: source(accountSource({ db: onDb, clock })), recallMs, unrecalled,
    written: () => undefined, observe: () => undefined, memory: () => 'normal',
    openHoldsMax: { account: 100_000, pool: 100_000 }, correctionWindowMs, timeOffsetMs: () => offsetMs,
    keyLimits: { limitOf: keyLimitOf, clock, onUncounted: rethrow, load: (name, fromMs) => readSpentByKey(onDb, name, fromMs) },
  });
  const ledger = ledgerOn(sharded, db);
  const shards = Array.from({ length: SHARDS }, (_, shard) => shard);

  const drain = async (): Promise<void> => {
    for (;;) {
      const { entries, stopped } = await runDrain(shards);
      if (stopped.length > 0) throw new Error(`stopped: ${JSON.stringify(stopped)}`);
      if (entries === 0) return;
    }
  };
  return {
    ledger, redis, sharded, keys, db, adminUrl: adminUrlOf(database.databaseUrl), drain, runDrain, fence: gate,
    nowMs: async () => Math.floor(await sharded.timeMs(keys.fence(0))) + offsetMs,
    advance: (ms) => { offsetMs += ms; },
    processOn: (ports) => ({ ledger: ledgerOn(ports.redis, ports.db), drain: drainOn(ports) }),
    journal: async (accountId) => {
      await drain();
      return readJournal(db, accountId);
    },
    evict: async (accountId) => {
      const idle = { db, redis: sharded, keys, fence: gate, clock, idleMs: 0, metrics: { count: () => undefined } };
      return (await evictAccounts(idle, [accountId]))[0];
    },
    loseRedis: async () => {
      let cursor = '0';
      do {
        const found = await sharded.scan(cursor, `${namespace}:*`, 1_000);
        await sharded.remove(found.keys);
        ({ cursor } = found);
      } while (cursor !== '0');
      // The fence has not noticed yet: the next script would, and would be refused.
      for (const shard of shards) gate.suspect(shard);
      while (!gate.isOpen()) await new Promise((resolve) => { setTimeout(resolve, 1); });
    },
    close: async () => {
      gate.close();
      sharded.close();
      redis.disconnect();
      await db.destroy();
      await database.drop();
    },
  };
}

const rethrow = (error: unknown): never => { throw error; };

/** Entries in the form of the stream, rebuilt from Postgres. */
async function readJournal(db: Db, accountId: string): Promise<JournalEntry[]> {
  const columns: Partial<Record<string, string>> = {
    account: 'account_id', at_ms: '(extract(epoch from at) * 1000)::bigint', hold: 'hold_id', about: `''`,
    // Of the hold, and of nothing that is stored.
    lease_ends_at_ms: 'lease_ms', hold_kind: `''`, trace: `''`, terms: `''`, spent: `''`, spent_on: `''`, spending: `''`,
  };
  const { rows } = await db.raw<{ rows: Record<string, string | number>[] }>(
    `select ${ENTRY_FIELDS.map((field) => `${columns[field] ?? field} as "${field}"`).join(', ')} from entries where account_id
       = ? order by seq`,
    [accountId],
  );
  return rows.map((row) => decodeEntry('0-0', ENTRY_FIELDS.flatMap((field) => [field, String(row[field])])));
}
