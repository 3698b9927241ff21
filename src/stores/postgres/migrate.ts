import knexFactory from 'knex';
import { systemClock } from '../../kit/clock.js';
import { migratorConfig } from './migrator.js';
import { makePartitions } from './partitions.js';
import { grantApplication } from './privileges.js';
import { refuseDowngrade } from './schema-floor.js';

/**
 * Migrates a database to the current schema, as the role that owns it, creates the journal's next partitions, and grants the
 * application's role its rights. Many processes may start at once: they wait for one another. `progress` receives the name of
 * each step that ran. Throws when the schema is too new for this gateway (docs/deployment.md#upgrade-and-rollback).
 */
export async function migrate(databaseUrl: string, progress: (step: string) => void = () => undefined): Promise<void> {
  const db = knexFactory(migratorConfig(databaseUrl));
  try {
    await refuseDowngrade(db);
    const [, ran] = await db.migrate.latest() as [number, string[]];
    for (const name of ran) progress(name);
    await makePartitions(db, systemClock());
    await grantApplication(db);
  } finally {
    await db.destroy();
  }
}
