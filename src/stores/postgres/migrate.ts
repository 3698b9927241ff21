import knexFactory from 'knex';
import { systemClock } from '../../kit/clock.js';
import { migratorConfig } from './migrator.js';
import { makePartitions } from './partitions.js';

/**
 * Migrates a database to the current schema and creates the journal's next partitions. Many processes may start at once:
 * they wait for one another. `progress` receives the name of each step that ran.
 */
export async function migrate(databaseUrl: string, progress: (step: string) => void = () => undefined): Promise<void> {
  const db = knexFactory(migratorConfig(databaseUrl));
  try {
    const [, ran] = await db.migrate.latest() as [number, string[]];
    for (const name of ran) progress(name);
    await makePartitions(db, systemClock());
  } finally {
    await db.destroy();
  }
}
