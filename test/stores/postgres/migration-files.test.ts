import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import knexFactory, { type Knex } from 'knex';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { makeMigration, parseMigration, readMigrations } from '../../../src/stores/postgres/migration-files.js';
import { migratorConfig } from '../../../src/stores/postgres/migrator.js';
import { freshDatabase, temporaryFolder, type FreshDatabase } from '../../support/servers.js';

describe('a file', () => {
  test('has an up and a down', () => {
    expect(parseMigration('0001_a', '-- Why.\n\n-- up\n\ncreate table a ();\n\n-- down\ndrop table a;\n'))
      .toEqual({ name: '0001_a', up: 'create table a ();', down: { sql: 'drop table a;' } });
  });

  test('or states in one or more lines why there is no down', () => {
    expect(parseMigration('0001_a', '-- up\ncreate table a ();\n-- no down: it holds\n-- what is nowhere else.\n').down)
      .toEqual({ refusal: 'it holds what is nowhere else.' });
  });

  test.each([
    ['no up', 'create table a ();\n-- down\ndrop table a;', 'one line "-- up"'],
    ['no down', '-- up\ncreate table a ();', '"-- down", or "-- no down: <reason>"'],
    ['both', '-- up\ncreate table a ();\n-- down\ndrop table a;\n-- no down: because', '"-- down", or "-- no down: <reason>"'],
    ['two ups', '-- up\nselect 1;\n-- up\nselect 2;\n-- no down: because', 'one line "-- up"'],
    ['the wrong order', '-- down\nselect 1;\n-- up\nselect 2;', 'comes before'],
    ['a statement on top', 'select 1;\n-- up\nselect 2;\n-- no down: because', 'before "-- up"'],
    ['nothing to do', '-- up\n-- later\n\n-- down\nselect 1;', 'no statement below "-- up"'],
    ['nothing to undo', '-- up\nselect 1;\n-- down\n', 'no statement below "-- down"'],
    ['no reason', '-- up\nselect 1;\n-- no down:\n', 'must say why'],
    ['a reason and statements', '-- up\nselect 1;\n-- no down: because\nselect 2;', 'statements below "-- no down"'],
  ])('with %s is refused', (_, text, problem) => {
    expect(() => parseMigration('0001_a', text)).toThrow(problem);
  });
});

describe('a folder', () => {
  const good = '-- up\nselect 1;\n-- no down: because\n';

  test.each([
    ['a name without a number', ['a.sql'], 'a.sql must be named like'],
    ['capitals', ['0001_A.sql'], 'must be named like'],
    ['one number twice', ['0001_a.sql', '0002_b.sql', '0002_c.sql'], '0002_b.sql and 0002_c.sql have the same number'],
  ])('with %s is refused', async (_, names, problem) => {
    const folder = await temporaryFolder();
    for (const name of names) writeFileSync(join(folder.path, name), good);
    expect(() => readMigrations(folder.path)).toThrow(problem);
    folder.remove();
  });

  test('gets the next number, and an empty migration does not run', async () => {
    const folder = await temporaryFolder();
    for (const name of ['0002_b.sql', '0011_c.sql']) writeFileSync(join(folder.path, name), good);
    const path = makeMigration('add_invoices', folder.path);
    expect(path).toBe(join(folder.path, '0012_add_invoices.sql'));
    expect(() => readMigrations(folder.path)).toThrow('0012_add_invoices.sql has no statement below "-- up"');
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace('-- up\n', '-- up\ncreate table a ();').replace('-- down\n', '-- down\ndrop table a;'),
    );
    expect(readMigrations(folder.path).map(({ name }) => name)).toEqual(['0002_b', '0011_c', '0012_add_invoices']);
    for (const name of ['../escape', 'Add', 'with space', '']) {
      expect(() => makeMigration(name, folder.path)).toThrow('is named in lower case');
    }
    expect(readdirSync(folder.path)).toHaveLength(3);
    folder.remove();
  });
});

describe('every migration', () => {
  let database: FreshDatabase;
  let knex: Knex;
  beforeAll(async () => {
    database = await freshDatabase(migrate);
    knex = knexFactory(migratorConfig(database.ownerUrl));
  });
  afterAll(async () => {
    await knex.destroy();
    await database.drop();
  });

  const schema = async (): Promise<unknown> => {
    const { rows } = await knex.raw<{ rows: { columns: unknown; indexes: unknown } [] }>(`
      select (select json_agg(c order by table_name, column_name) from (select table_name, column_name, data_type, is_nullable,
        column_default
                from information_schema.columns where table_schema = 'public') as c) as columns,
             (select json_agg(indexdef order by indexdef) from pg_indexes where schemaname = 'public') as indexes,
             (select json_agg(md5(prosrc) order by proname, oid::regprocedure::text)
                from pg_proc where pronamespace = 'public'::regnamespace and prokind = 'f') as functions`);
    return rows;
  };

  test.each(readMigrations().map(({ name, down }) => [
    name, down,
  ] as const))('%s: its down is undone by its up, or is refused', async (name, down) => {
    const before = await schema();
    if ('refusal' in down) {
      await expect(knex.migrate.down({ name })).rejects.toThrow(`${name} has no down: ${down.refusal}`);
    } else {
      await knex.migrate.down({ name });
      expect(await schema()).not.toEqual(before);
      await knex.migrate.up({ name });
    }
    expect(await schema()).toEqual(before);
  });
});

test('a question mark reaches Postgres as it is', async () => {
  const source = migratorConfig('postgres://unused').migrations?.migrationSource;
  const sent: string[] = [];
  const run = async (up: string): Promise<void> => {
    const knex = { raw: (sql: string) => { sent.push(sql); return Promise.resolve(); } } as unknown as Knex;
    await (await source?.getMigration({ name: '0001_a', up, down: { refusal: '' } }))?.up(knex);
  };
  await run(`select '{}'::jsonb ? 'a'`);
  expect(sent).toEqual([`select '{}'::jsonb \\? 'a'`]);
  await expect(run(`select 'a' ~ '\\?'`)).rejects.toThrow('write [?]');
});
