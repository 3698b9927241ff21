import knexFactory from 'knex';
import { systemClock } from '../../kit/clock.js';
import { migratorConfig } from './migrator.js';
import { makePartitions } from './partitions.js';

/**
 * Brings the schema of a database up to date and makes the journal's next partitions. Safe when many processes start
 * at once: they wait for one another. `progress` hears the name of each step that was run.
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
