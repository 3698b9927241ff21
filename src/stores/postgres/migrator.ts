import type { Knex } from 'knex';
import type { Client } from 'pg';
import { migrateProfile, postgresConfig } from './connect.js';
import { readMigrations, type Migration } from './migration-files.js';

/** The number of the advisory lock under which the schema changes; nothing else in the database uses it. */
const MIGRATION_LOCK = 4_702_394_921_427;
/** How long a process waits for the migrations of another before it gives up: a day. */
const LOCK_WAIT_MS = 86_400_000;

const TABLE = 'schema_migrations';

/**
 * Knex' configuration for changing the schema, used by the start of a gateway and by Knex' own command (knexfile.ts). Its
 * only connection holds an advisory lock as long as it lives, so that any number of processes migrate one after the
 * other. Knex' lock row is not enough: a second process would fail at once instead of waiting, and a killed process
 * leaves the row locked. While the advisory lock is held, a locked row can only be such a leftover.
 */
export function migratorConfig(databaseUrl: string): Knex.Config {
  const config = postgresConfig(databaseUrl, migrateProfile);
  return {
    ...config,
    acquireConnectionTimeout: LOCK_WAIT_MS,
    pool: {
      ...config.pool,
      createTimeoutMillis: LOCK_WAIT_MS,
      afterCreate: (client: Client, done: (error: Error | null, client: Client) => void) => {
        takeLock(client).then(() => { done(null, client); }, (error: unknown) => { done(error as Error, client); });
      },
    },
    migrations,
  };
}

async function takeLock(client: Client): Promise<void> {
  await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
  const { rows } = await client.query<{ found: boolean }>(`select to_regclass('${TABLE}_lock') is not null as found`);
  if (rows[0]?.found === true) await client.query(`update ${TABLE}_lock set is_locked = 0 where is_locked <> 0`);
}

const migrations: Knex.MigratorConfig = {
  tableName: TABLE,
  // During an upgrade the previous version may start with the newer schema: steps are additive for one release.
  disableMigrationsListValidation: true,
  migrationSource: {
    // `migrate:status` prints `file`; `migrate:up` and `migrate:down` take the name.
    getMigrations: () => Promise.resolve(readMigrations().map((migration) => ({ ...migration, file: migration.name }))),
    getMigrationName: ({ name }: Migration) => name,
    getMigration: (migration: Migration) => Promise.resolve(toKnex(migration)),
  },
};

const toKnex = ({ name, up, down }: Migration): Knex.Migration => ({
  up: async (db) => { await db.raw(verbatim(up)); },
  down: async (db) => {
    if ('refusal' in down) throw withoutStack(new Error(`${name} has no down: ${down.refusal}`));
    await db.raw(verbatim(down.sql));
  },
});

/** Knex treats an unescaped question mark as a parameter, and cannot escape one after a backslash. */
function verbatim(sql: string): string {
  if (sql.includes('\\?')) throw new Error('a migration cannot contain \\?: in a pattern, write [?]');
  return sql.replaceAll('?', '\\?');
}

/** Knex' command prints an error's stack if there is one. A refusal is not a bug: its message is enough. */
function withoutStack(error: Error): Error {
  error.stack = error.message;
  return error;
}
