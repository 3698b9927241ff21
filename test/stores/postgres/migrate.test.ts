import { afterAll, beforeAll, expect, test } from '@jest/globals';
import knexFactory, { type Knex } from 'knex';
import { setTimeout as sleep } from 'node:timers/promises';
import { openShards, raiseEpoch, readShards, moveCursors, lockShard } from '../../../src/books/shards.table.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { readMigrations } from '../../../src/stores/postgres/migration-files.js';
import { migratorConfig } from '../../../src/stores/postgres/migrator.js';
import { makePartitions } from '../../../src/stores/postgres/partitions.js';
import { freshDatabase, type FreshDatabase } from '../../support/servers.js';

const migrations = readMigrations();

let database: FreshDatabase;
let db: Db;
const steps: string[] = [];
beforeAll(async () => {
  database = await freshDatabase();
  await Promise.all(Array.from({ length: 20 }, () => migrate(database.ownerUrl, (step) => { steps.push(step); })));
  db = connectPostgres(database.ownerUrl, apiProfile(5_000));
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

test('twenty processes that start at once migrate once', async () => {
  expect(steps).toEqual(migrations.map(({ name }) => name));
  await migrate(database.ownerUrl, (step) => { steps.push(step); });
  expect(steps).toHaveLength(migrations.length);
});

test('a lock that a killed process left behind does not stop the next process', async () => {
  await db.raw('update schema_migrations_lock set is_locked = 1');
  await migrate(database.ownerUrl);
});

/** As recorded by gateways before the .sql files. Must not change: databases contain these rows. */
const RECORDED = [
  '0001_ledger', '0002_users', '0003_usage_rollups', '0004_prices', '0005_transactions_plans', '0006_credits_process', '0007_refusals',
  '0008_oversight',
];

test('a database that was migrated from TypeScript files is recognised', async () => {
  const old = await freshDatabase();
  const knex = knexFactory({ client: 'pg', connection: old.ownerUrl });
  try {
    await knex.migrate.latest({
      tableName: 'schema_migrations',
      migrationSource: {
        getMigrations: () => Promise.resolve(RECORDED),
        getMigrationName: (name: string) => name,
        getMigration: (name: string): Promise<Knex.Migration> => Promise.resolve({
          up: async (trx) => { await trx.raw(migrations.find((each) => each.name === name)?.up ?? ''); },
          down: () => Promise.reject(new Error('only forward')),
        }),
      },
    });
    const ran: string[] = [];
    await migrate(old.ownerUrl, (name) => { ran.push(name); });
    expect(ran).toEqual(migrations.map(({ name }) => name).filter((name) => !RECORDED.includes(name)));
  } finally {
    await knex.destroy();
    await old.drop();
  }
});

test('a migration waits for one in progress', async () => {
  const [first, second] = [knexFactory(migratorConfig(database.ownerUrl)), knexFactory(migratorConfig(database.ownerUrl))];
  try {
    const order: string[] = [];
    await first.raw('select 1');
    const waiting = second.migrate.latest().then(() => { order.push('second'); });
    await sleep(700); // longer than a process waits before it asks for the lock again
    order.push('first');
    await first.destroy();
    await waiting;
    expect(order).toEqual(['first', 'second']);
  } finally {
    await Promise.all([first.destroy(), second.destroy()]);
  }
});

test('a newer schema does not stop an older gateway', async () => {
  await db.raw(`insert into schema_migrations (name, batch, migration_time) values ('9999_of_the_future', 9, now())`);
  await migrate(database.ownerUrl);
});

test('a schema that says it is too new stops a gateway, with the reason and what to do, and changes nothing', async () => {
  const newest = migrations.at(-1)?.name ?? '';
  for (const [floor, isRefused] of [['0029_hold_spending', false], [newest, false], ['9999_of_the_future', true]] as const) {
    await db.raw('insert into schema_floor (migration, reason) values (?, ?) on conflict do nothing', [floor, 'entries of another kind']);
    const refusal = await migrate(database.ownerUrl).then(() => '', (error: unknown) => (error as Error).message);
    expect([floor, refusal]).toEqual([floor, isRefused
      ? `This database is too new for this gateway, which knows migrations up to ${newest}; at least 9999_of_the_future is needed: `
        + 'entries of another kind. Start the newer version again, or restore a backup of before the upgrade'
      : '']);
  }
  await db.raw(`delete from schema_floor where migration = '9999_of_the_future'`);
});

test('partitions are created ahead, once, by any number of processes', async () => {
  const fromMs = Date.UTC(2040, 10, 30);
  const made = await Promise.all(Array.from({ length: 5 }, () => makePartitions(db, fromMs, 2)));
  expect(made.reduce((sum, each) => sum + each, 0)).toBe(3);
  const { rows } = await db.raw<{
    rows: { name: string }[];
  }>(`select relname as name from pg_class where relname ~ '^entries_(2040|2041)_\\d\\d$' order by 1`);
  expect(rows.map(({ name }) => name)).toEqual(['entries_2040_11', 'entries_2040_12', 'entries_2041_01']);
});

test('the number of shards is fixed at the first start', async () => {
  const opened = await Promise.all([openShards(db, 3), openShards(db, 3)]);
  expect(opened[1]).toEqual([0, 1, 2].map((shard) => ({ shard, epoch: 1, lastId: '0-0', drained: 0, stoppedReason: null, deposed: [] })));
  await expect(openShards(db, 4)).rejects.toThrow('SHARDS is 4, but this database was started with 3 shards');
});

test('cursors and epochs move by compare-and-set', async () => {
  const move = { shard: 1, epoch: 1, from: '0-0', to: '5-1', entries: 3 };
  expect(await db.transaction((trx) => moveCursors(trx, [move]))).toBe(true);
  expect(await db.transaction((trx) => moveCursors(trx, [move]))).toBe(false);
  expect(await db.transaction(async (trx) => [await lockShard(trx, 1), await raiseEpoch(trx, 1, 1)])).toEqual([
    { shard: 1, epoch: 1, lastId: '5-1', drained: 3, stoppedReason: null, deposed: [], marked: null }, 2,
  ]);
  expect(await db.transaction((trx) => raiseEpoch(trx, 1, 1))).toBeNull();
  expect((await readShards(db))[1]).toEqual({ shard: 1, epoch: 2, lastId: '0-0', drained: 0, stoppedReason: null, deposed: [] });
});

test('a bigint is an exact number or an error', async () => {
  const { rows } = await db.raw<{ rows: { n: number }[] }>('select 9007199254740991::bigint as n');
  expect(rows).toEqual([{ n: Number.MAX_SAFE_INTEGER }]);
  await expect(db.raw('select 9007199254740992::bigint as n')).rejects.toThrow('safe integer');
});
