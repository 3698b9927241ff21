import type { Knex } from 'knex';
import { systemClock } from '../clock.js';
import { connectPostgres, migrateProfile, type Db } from './connect.js';
import { migrations, type Migration } from './migrations/index.js';
import { makePartitions } from './partitions.js';

/** Any number that nothing else in the database uses: names the lock under which the schema changes. */
const MIGRATION_LOCK = 4_702_394_921_427;

/**
 * Brings the schema of a database up to date and makes the journal's next partitions. Safe when many processes start
 * at once: they wait for one another. `progress` hears the name of each step that was run.
 */
export async function migrate(databaseUrl: string, progress: (step: string) => void = () => undefined): Promise<void> {
  const db = connectPostgres(databaseUrl, migrateProfile);
  try {
    await underLock(db, async () => {
      // Whoever held knex' own lock before us is dead: nobody holds ours.
      await freeStaleLock(db);
      const [, ran] = await db.migrate.latest(options) as [number, string[]];
      for (const name of ran) progress(name);
      await makePartitions(db, systemClock());
    });
  } finally {
    await db.destroy();
  }
}

/**
 * Waits for a lock of the session that ends with it. knex' lock row alone is not enough: a second process fails at
 * once instead of waiting, and a process that is killed leaves it locked.
 */
const underLock = (db: Db, work: () => Promise<void>): Promise<void> =>
  db.transaction(async (trx) => {
    await trx.raw('select pg_advisory_xact_lock(?)', [MIGRATION_LOCK]);
    await work();
  });

async function freeStaleLock(db: Db): Promise<void> {
  const { rows } = await db.raw<{ rows: { found: string | null }[] }>(`select to_regclass('schema_migrations_lock')::text as found`);
  if (typeof rows[0]?.found === 'string') await db.migrate.forceFreeMigrationsLock(options);
}

const options: Knex.MigratorConfig = {
  tableName: 'schema_migrations',
  // A gateway of the previous version may start next to a newer schema: steps are additive for one release.
  disableMigrationsListValidation: true,
  migrationSource: {
    getMigrations: () => Promise.resolve([...migrations]),
    getMigrationName: (migration: Migration) => migration.name,
    getMigration: (migration: Migration) => Promise.resolve(toKnex(migration)),
  },
};

const toKnex = (migration: Migration): Knex.Migration => ({
  up: async (db) => {
    await db.raw(migration.sql);
  },
  down: () => Promise.reject(new Error(`${migration.name}: migrations only go forward`)),
});
