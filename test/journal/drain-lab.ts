import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { openShards, raiseEpoch, readShards, type ShardRow } from '../../src/books/shards.table.js';
import { createDrain, type Drain, type DrainDeps } from '../../src/journal/drain.js';
import { keyspace, type Keyspace } from '../../src/ledger/keys.js';
import { connectPostgres, drainProfile, type Db } from '../../src/stores/postgres/connect.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import type { ShardedRedis } from '../../src/stores/redis/sharded-redis.js';
import { adminUrlOf, freshDatabase, redisUrl } from '../support/servers.js';
import { simulatedAccount, type SimulatedAccount, type SimulatedEntry } from './simulated-account.js';
import { rawRedis, shardedRedis } from '../support/redis-address.js';

export const SHARDS = 4;
export const ALL_SHARDS = Array.from({ length: SHARDS }, (_, shard) => shard);

/** The models of a price book. */
export const KNOWN_MODELS: ReadonlySet<string> = new Set(['gpt-4', 'gpt-4o', 'claude', 'amazon.nova-lite-v1:0']);

/** The book's name of a model, which callers also call by its provider. */
export const entryName = (model: string): string | null => {
  const name = model.replace(/^openai\//, '');
  return KNOWN_MODELS.has(name) ? name : null;
};

/** Separate streams and a separate database, and accounts that write journal entries. */
export type DrainLab = {
  readonly db: Db;
  readonly databaseUrl: string;
  /** As the administrator, who may do what the gateway cannot. */
  readonly admin: Db;
  readonly redis: Redis;
  /** The same as the drain uses it. */
  readonly sharded: ShardedRedis;
  readonly keys: Keyspace;
  readonly drain: Drain;
  drainWith(extra: Partial<DrainDeps>): Drain;
  /** An account of the given shard, or of any. */
  account(shard?: number): SimulatedAccount;
  write(account: { readonly accountId: string }, ...entries: readonly SimulatedEntry[]): Promise<string[]>;
  rows<Row>(sql: string, bindings?: readonly (string | number)[]): Promise<Row[]>;
  shard(shard: number): Promise<ShardRow>;
  close(): Promise<void>;
};

export async function drainLab(): Promise<DrainLab> {
  const { databaseUrl, drop } = await freshDatabase((url) => migrate(url));
  const db = connectPostgres(databaseUrl, drainProfile(5_000));
  const admin = connectPostgres(adminUrlOf(databaseUrl), drainProfile(5_000));
  await openShards(db, SHARDS);
  const redis = rawRedis(redisUrl());
  const sharded = await shardedRedis(redisUrl());
  const namespace = `test-${randomBytes(5).toString('hex')}`;
  const keys = keyspace(namespace, SHARDS);
  const drainWith = (extra: Partial<DrainDeps>): Drain =>
    createDrain({ db, redis: sharded, keys, clock: Date.now, tailMs: 0, entryName, ...extra });
  let made = 0;
  return {
    db,
    admin,
    databaseUrl,
    redis,
    sharded,
    keys,
    drain: drainWith({}),
    drainWith,
    account(shard) {
      for (;;) {
        made += 1;
        const accountId = `user-${made}`;
        if (shard === undefined || keys.shardOf(accountId) === shard) return simulatedAccount(accountId, Date.now());
      }
    },
    async write({ accountId }, ...entries) {
      const shard = keys.shardOf(accountId);
      const row = (await readShards(db)).find((each) => each.shard === shard);
      const ids = [];
      for (const entry of entries) ids.push(await redis.xadd(keys.shard(shard, row?.epoch ?? 1).journal, '*', ...entry) ?? '');
      return ids;
    },
    async rows<Row>(sql: string, bindings: readonly (string | number)[] = []) {
      const { rows } = await db.raw<{ rows: Row[] }>(sql, [...bindings]);
      return rows;
    },
    async shard(shard) {
      const row = (await readShards(db)).find((each) => each.shard === shard);
      if (row === undefined) throw new Error(`no shard ${shard}`);
      return row;
    },
    async close() {
      sharded.close();
      redis.disconnect();
      await Promise.all([db.destroy(), admin.destroy()]);
      await drop();
    },
  };
}

/** Every shard is sound: a new epoch has a new stream. */
export async function soundShards(lab: DrainLab): Promise<void> {
  for (const shard of ALL_SHARDS) {
    const { epoch } = await lab.shard(shard);
    await lab.db.transaction((trx) => raiseEpoch(trx, shard, epoch));
  }
}

/** Contradictions in the rows, which must be none after any history: the books are the sum of the entries (I1, I7). */
export async function contradictions(lab: DrainLab): Promise<object[]> {
  return lab.rows<object>(`
    with sums as (
      select account_id, count(*) as entries, max(seq) as seq, sum(available)::bigint as available, sum(held)::bigint as held,
             sum(debt)::bigint as debt, sum(granted)::bigint as granted, sum(captured)::bigint as captured
        from entries group by account_id)
    select 'account' as what, a.account_id from accounts a left join sums s using (account_id)
     where (a.seq, a.seq, a.available, a.held, a.debt, a.granted, a.captured)
           is distinct from (s.entries, s.seq, s.available, s.held, s.debt, s.granted, s.captured)
    union all
    select 'lots', a.account_id from accounts a
     where a.available <> (select coalesce(sum(remaining), 0) from lots l where l.account_id = a.account_id)
        or a.held <> (select coalesce(sum(held), 0) from lots l where l.account_id = a.account_id)
    union all
    select 'holds', a.account_id from accounts a
     where a.held <> (select coalesce(sum(amount), 0) from holds h where h.account_id = a.account_id and h.state = 'open')`);
}
