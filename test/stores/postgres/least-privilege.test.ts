import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { prepareDatabase } from '../../../src/compose/prepare-database.js';
import { makeRoles, urlAs } from '../../../src/stores/postgres/make-roles.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { readMigrations } from '../../../src/stores/postgres/migration-files.js';
import { adminUrlOf, freshDatabase, type FreshDatabase } from '../../support/servers.js';

let database: FreshDatabase;
let asApplication: pg.Client;
let asOwner: pg.Client;
let asAdmin: pg.Client;
/** Every table of the migrated database, partitions too. */
let tables: readonly string[];

const NOT_ALLOWED = /permission denied|must be owner/;
const connectAs = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
};

beforeAll(async () => {
  database = await freshDatabase(migrate);
  asApplication = await connectAs(database.databaseUrl);
  asOwner = await connectAs(database.ownerUrl);
  asAdmin = await connectAs(adminUrlOf(database.databaseUrl));
  // The worker makes partitions ahead: as the application, by the owner's function.
  await asApplication.query(`select ensure_entries_partition('2031-05-01')`);
  ({ rows: [{ names: tables }] } = await asOwner.query<{ names: string[] }>(
    `select array_agg(relname::text order by relname) as names from pg_class
      where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`,
  ) as unknown as { rows: [{ names: string[] }] });
});
afterAll(async () => {
  await Promise.all([asApplication, asOwner, asAdmin].map((client) => client.end()));
  await database.drop();
});

/** What the application may never change: a row that is there stays as it is. */
const LEDGER = [
  'entries', 'entry_details', 'prices', 'transactions', 'quarantine', 'feature_usage_logs', 'shard_resumes', 'settings', 'operator_actions',
];
const isLedger = (table: string): boolean => LEDGER.includes(table) || /^entr(y_details|ies)_\d{4}_\d\d$/.test(table);

test('no row of the ledger can be changed or removed by the application, by any statement, in any partition', async () => {
  const { rows: columns } = await asOwner.query<{ table: string; column: string; key: string | null }>(
    `select c.relname as "table", (select min(attname) from pg_attribute where attrelid = c.oid and attnum > 0) as "column",
            (select string_agg(a.attname, ', ') from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
              where i.indrelid = c.oid and i.indisprimary) as "key"
       from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')`,
  );
  const ledger = columns.filter(({ table }) => isLedger(table));
  expect(ledger.map(({ table }) => table)).toEqual(expect.arrayContaining([...LEDGER, 'entries_2031_05', 'entry_details_2031_05']));
  const passed: string[] = [];
  for (const { table, column, key } of ledger) {
    const statements = [
      `update ${table} set ${column} = ${column}`, `delete from ${table}`, `truncate ${table}`, `select * from ${table} for update`,
      `select * from ${table} for key share`, `do $$ begin lock table ${table} in access exclusive mode; end $$`,
      ...key === null ? [] : [
        `insert into ${table} overriding system value select * from ${table}
          on conflict (${key}) do update set ${column} = excluded.${column}`,
      ],
    ];
    for (const sql of statements) {
      await asApplication.query(sql).then(() => passed.push(sql), (error: unknown) => {
        const { message } = error as Error;
        if (!NOT_ALLOWED.test(message)) passed.push(`${sql}: ${message}`);
      });
    }
  }
  expect(passed).toEqual([]);
});

test('no table can be altered or dropped, no trigger disabled, and nothing created by the application', async () => {
  const statements = [
    ...tables.flatMap((table) => [
      `drop table ${table}`, `truncate ${table}`, `alter table ${table} disable trigger all`, `alter table ${table} add column x integer`,
      `create trigger x before insert on ${table} for each row execute function forbid_change()`,
      `create rule x as on insert to ${table} do nothing`,
      `alter table ${table} owner to current_user`, `grant update on ${table} to current_user`, `create index on ${table} ((1))`,
    ]),
    'alter table entries detach partition entries_2031_05', 'drop function forbid_change() cascade',
    'create or replace function forbid_change() returns trigger language plpgsql as $$ begin return new; end $$',
    'create table mine (n integer)', 'create temporary table entries (n integer)', 'create schema mine', 'create role mine',
    `set session_replication_role = 'replica'`, `alter role current_user set session_replication_role = 'replica'`,
    'alter role current_user superuser', 'create extension pgcrypto', `copy entries to program 'true'`, 'alter system reset all',
    `insert into schema_migrations (name) values ('9999_x')`, `update schema_migrations_lock set is_locked = 1`,
    `set role ${new URL(database.ownerUrl).username}`, 'select nextval(\'money_numbers\')', 'select setval(\'money_numbers\', 1)',
    // Files and storage outside of the tables.
    'select lo_create(0)', 'select lo_creat(0)', `select lo_from_bytea(0, 'x')`, `select lo_import('/etc/hostname')`,
    `select pg_read_file('PG_VERSION')`, `select pg_ls_dir('.')`, `copy entries from '/etc/hostname'`, `load 'auto_explain'`,
    'select passwd from pg_shadow', 'create view mine as select 1', 'create function mine() returns integer language sql as $$ select 1 $$',
    'create publication mine for table entries', `create subscription mine connection 'host=x' publication mine`,
  ];
  const passed: string[] = [];
  for (const sql of statements) await asApplication.query(sql).then(() => passed.push(sql), () => undefined);
  // Postgres answers GRANT of a right that one does not have with a warning, and grants nothing.
  expect(passed.filter((sql) => !sql.startsWith('grant '))).toEqual([]);
  const { rows } = await asOwner.query<{ n: string }>(`select tgname as n from pg_trigger where tgname = 'x' or tgenabled = 'D'`);
  expect(rows).toEqual([]);
});

test('partitions are made within the years of a ledger, not for any date: they could be as many as there are months', async () => {
  for (const month of ['0001-01-01', '1999-12-01', '9999-01-01', 'infinity', '-infinity']) {
    await expect(asApplication.query('select ensure_entries_partition($1)', [month])).rejects.toThrow('no month of a ledger');
  }
  await expect(asApplication.query('select ensure_entries_partition(null)')).rejects.toThrow('no month of a ledger');
});

test('every other table allows what privileges.ts says, and none more than reading, adding, changing, removing', async () => {
  const { rows } = await asAdmin.query<{ table: string; rights: string }>(
    `select c.relname as "table", string_agg(acl.privilege_type, ', ' order by acl.privilege_type) as rights
       from pg_class c cross join lateral aclexplode(c.relacl) acl
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and pg_get_userbyid(acl.grantee) = $1
        group by 1 order by 1`,
    [new URL(database.databaseUrl).username],
  );
  const rightsOf = new Map(rows.map(({ table, rights }) => [table, rights]));
  expect([...rightsOf.keys()]).toEqual(tables);
  expect(tables.filter((table) => isLedger(table) && rightsOf.get(table) !== 'INSERT, SELECT')).toEqual([]);
  expect(rightsOf.get('accounts')).toBe('INSERT, SELECT, UPDATE');
  expect(rightsOf.get('usage_records')).toBe('INSERT, SELECT'); // and one column, below
  expect(rightsOf.get('schema_migrations')).toBe('SELECT');
  expect(rows.filter(({ rights }) => /TRUNCATE|TRIGGER|REFERENCES/.test(rights))).toEqual([]);
  await asApplication.query('update usage_records set collected_seq = collected_seq');
  await expect(asApplication.query('update usage_records set credits = credits')).rejects.toThrow(NOT_ALLOWED);
});

test('functions with the owner\'s rights: a fixed search path that ends with pg_temp, and for named roles only', async () => {
  const { rows } = await asOwner.query<{ name: string; config: string[]; acl: string[] }>(
    `select proname as name, proconfig as config, proacl::text[] as acl from pg_proc
      where pronamespace = 'public'::regnamespace and prosecdef order by 1`,
  );
  expect(rows.map(({ name }) => name)).toEqual(['ensure_entries_partition', 'next_money_number']);
  expect(rows.map(({ config }) => config)).toEqual(rows.map(() => ['search_path=public, pg_temp']));
  expect(rows.flatMap(({ acl }) => acl.filter((each) => each.startsWith('=')))).toEqual([]);
});

describe('the start', () => {
  const run = async (urls: { databaseUrl?: string; migrationDatabaseUrl?: string }): Promise<{ migrated: string[]; warned: string[] }> => {
    const [migrated, warned]: [string[], string[]] = [[], []];
    await prepareDatabase({ databaseUrl: undefined, migrationDatabaseUrl: undefined, ...urls }, {
      migrated: (name) => migrated.push(name), warn: (text) => warned.push(text),
    });
    return { migrated, warned };
  };

  test('with both roles it migrates as the owner and says nothing', async () => {
    const { ownerUrl, databaseUrl, drop } = await freshDatabase();
    try {
      await expect(run({ databaseUrl }))
        .rejects.toThrow(/may not change the schema, and \d+ migrations have not run.*MIGRATION_DATABASE_URL/);
      expect(await run({ databaseUrl, migrationDatabaseUrl: ownerUrl })).toEqual({
        migrated: readMigrations().map(({ name }) => name), warned: [] });
      expect(await run({ databaseUrl })).toEqual({ migrated: [], warned: [] });
    } finally {
      await drop();
    }
  });

  test.each(['databaseUrl', 'migrationDatabaseUrl'] as const)('with the owner alone, as %s, it works and warns', async (name) => {
    const { ownerUrl, drop } = await freshDatabase();
    try {
      const { migrated, warned } = await run({ [name]: ownerUrl });
      expect(migrated).toHaveLength(readMigrations().length);
      expect(warned).toEqual([expect.stringMatching(/works as the role \w+_owner, which could change or delete entries of the ledger/)]);
      expect((await run({ databaseUrl: adminUrlOf(ownerUrl) })).warned).toHaveLength(1);
    } finally {
      await drop();
    }
  });

  test('a database that one role has run so far gets both, and keeps its rows', async () => {
    const { databaseUrl, drop } = await freshDatabase();
    const adminUrl = adminUrlOf(databaseUrl);
    const client = await connectAs(adminUrl);
    const [owner, application] = [{ name: `${client.database ?? ''}_o`, password: 'o' },
      { name: `${client.database ?? ''}_a`, password: 'a' }];
    try {
      await migrate(adminUrl);
      await client.query(`insert into quarantine (shard, epoch, stream_id, account_id, reason, payload)
        values (1, 1, '0-1', 'a', 'r', 'p')`);
      await expect(makeRoles(adminUrl, owner, { name: new URL(adminUrl).username, password: 'x' })).rejects.toThrow('may do too much');
      await makeRoles(adminUrl, owner, application);
      await makeRoles(adminUrl, owner, application); // again changes nothing
      const urls = { databaseUrl: urlAs(adminUrl, application), migrationDatabaseUrl: urlAs(adminUrl, owner) };
      expect(await run(urls)).toEqual({ migrated: [], warned: [] });
      const app = await connectAs(urlAs(adminUrl, application));
      expect((await app.query('select * from quarantine')).rowCount).toBe(1);
      await app.query(`select ensure_entries_partition('2032-01-01')`);
      await expect(app.query('delete from entries')).rejects.toThrow(NOT_ALLOWED);
      await app.end();
    } finally {
      await client.end();
      await drop();
    }
  });
});
