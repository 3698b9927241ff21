import knexFactory, { type Knex } from 'knex';
import { systemClock } from '../../kit/clock.js';
import { readMigrations } from './migration-files.js';
import { migratorConfig } from './migrator.js';
import { makePartitions } from './partitions.js';

/**
 * Migrates a database to the current schema and creates the journal's next partitions. Many processes may start at once:
 * they wait for one another. `progress` receives the name of each step that ran. Throws when the schema is too new for this
 * gateway (docs/deployment.md#upgrade-and-rollback).
 */
export async function migrate(databaseUrl: string, progress: (step: string) => void = () => undefined): Promise<void> {
  const db = knexFactory(migratorConfig(databaseUrl));
  try {
    await refuseDowngrade(db);
    const [, ran] = await db.migrate.latest() as [number, string[]];
    for (const name of ran) progress(name);
    await makePartitions(db, systemClock());
  } finally {
    await db.destroy();
  }
}

/** A newer schema is fine for a gateway of the release before, and no longer for one that is older than that. */
async function refuseDowngrade(db: Knex): Promise<void> {
  if (!await db.schema.hasTable('schema_floor')) return;
  const newest = readMigrations().at(-1)?.name ?? '';
  const [floor] = await db<{ migration: string; reason: string }>('schema_floor').where('migration', '>', newest)
    .orderBy('migration', 'desc').limit(1);
  if (floor === undefined) return;
  throw new Error(
    `This database is too new for this gateway, which knows migrations up to ${newest}; at least ${floor.migration} is needed: `
      + `${floor.reason}. Start the newer version again, or restore a backup of before the upgrade`,
  );
}
