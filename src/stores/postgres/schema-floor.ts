import type { Knex } from 'knex';
import { readMigrations } from './migration-files.js';

/** A newer schema is fine for a gateway of the release before. Throws for one that is older than that. */
export async function refuseDowngrade(db: Knex): Promise<void> {
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
