import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { projectRoot } from '../../../src/kit/paths.js';
import { readMigrations } from '../../../src/stores/postgres/migration-files.js';
import { freshDatabase } from '../../support/servers.js';

/** docs/migrations.md says which tables each migration locks. Postgres says it here. */

/** What each mode of a lock stops, but for other migrations. Weaker modes stop nothing that a gateway does. */
const STOPS: Readonly<Record<string, string>> = {
  AccessExclusiveLock: 'reads and writes', ExclusiveLock: 'writes', ShareRowExclusiveLock: 'writes', ShareLock: 'writes',
};

/** The tables of the gateway that the running transaction has locked, of those that were there before it. */
const LOCKED = `
  select distinct coalesce(parent.relname, class.relname) as name, lock.mode
    from pg_locks as lock
    join pg_class as class on class.oid = lock.relation and class.relnamespace = 'public'::regnamespace and class.relkind in ('r', 'p')
    left join pg_inherits on inhrelid = class.oid
    left join pg_class as parent on parent.oid = inhparent
   where lock.pid = pg_backend_pid() and lock.granted and class.oid = any($1::oid[])`;
const TABLES = `select array_agg(oid) as oids from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`;

test('docs/migrations.md says what each migration locks', async () => {
  const database = await freshDatabase();
  const client = new pg.Client(database.ownerUrl);
  await client.connect();
  const lines: string[] = [];
  try {
    for (const { name, up } of readMigrations()) {
      await client.query('begin');
      const { rows: [before] } = await client.query<{ oids: number[] | null }>(TABLES);
      await client.query(up);
      const { rows } = await client.query<{ name: string; mode: string }>(LOCKED, [before?.oids ?? []]);
      await client.query('commit');
      const stopped = (what: string): string[] => rows.filter(({ mode }) => STOPS[mode] === what).map((row) => `\`${row.name}\``);
      const [all, writes] = [stopped('reads and writes'), stopped('writes')];
      const listed = (tables: readonly string[]): string => [...new Set(tables)].sort().join(', ') || 'none';
      lines.push(`| \`${name}\` | ${listed(all)} | ${listed(writes.filter((table) => !all.includes(table)))} |`);
    }
  } finally {
    await client.end();
    await database.drop();
  }
  const page = readFileSync(join(projectRoot, 'docs/migrations.md'), 'utf8');
  expect(page.split('\n').filter((line) => /^\| `\d{4}_/.test(line))).toEqual(lines);
});
