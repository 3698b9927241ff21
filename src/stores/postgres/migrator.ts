import type { Socket } from 'node:net';
import type { Knex } from 'knex';
import type { Client } from 'pg';
import { migrateProfile, postgresConfig } from './connect.js';
import { readMigrations, type Migration } from './migration-files.js';
import { takeMigrationLock, type MigrationLock } from './migration-lock.js';
import { limitTime } from './time-limits.js';

/** How long a process waits for the migrations of another before it gives up: a day. */
const LOCK_WAIT_MS = 86_400_000;

const TABLE = 'schema_migrations';

/**
 * Knex' configuration for changing the schema, used by the start of a gateway and by Knex' own command (knexfile.ts). An
 * advisory lock is held as long as its only connection lives, so that any number of processes migrate one after the
 * other. Knex' lock row is not enough: a second process would fail at once instead of waiting, and a killed process
 * leaves the row locked. While the advisory lock is held, a locked row can only be such a leftover.
 */
export function migratorConfig(databaseUrl: string): Knex.Config {
  const { connection, ...config } = postgresConfig(databaseUrl, migrateProfile);
  let lock: MigrationLock | undefined;
  let connected: Client | undefined;
  /** Without the lock another process may change the schema. */
  const lost = (): void => { streamOf(connected)?.destroy(new Error('the lock of the migrations was lost with its connection')); };
  const afterCreate = async (client: Client): Promise<void> => {
    connected = client;
    client.once('end', () => { lock?.release().catch(() => undefined); });
    await limitTime(client, migrateProfile);
    await forgetLeftLock(client);
  };
  return {
    ...config,
    // The lock first: who waits for it needs no second connection.
    connection: async () => {
      if (lock?.isHeld() !== true) lock = await takeMigrationLock(databaseUrl, lost);
      // Asked again for a connection that replaces this one. A copy, because Knex removes the property.
      return { ...connection as Knex.PgConnectionConfig, expirationChecker: () => lock?.isHeld() !== true };
    },
    acquireConnectionTimeout: LOCK_WAIT_MS,
    pool: {
      ...config.pool,
      createTimeoutMillis: LOCK_WAIT_MS,
      afterCreate: (client: Client, done: (error: Error | null, client: Client) => void) => {
        afterCreate(client).then(() => { done(null, client); }, (error: unknown) => { done(error as Error, client); });
      },
    },
    migrations,
  };
}

const streamOf = (client: Client | undefined): Socket | undefined =>
  (client as { readonly connection: { readonly stream: Socket } } | undefined)?.connection.stream;

async function forgetLeftLock(client: Client): Promise<void> {
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
