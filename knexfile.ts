import type { Knex } from 'knex';
import { resolve } from 'node:path';
import { runningPostgres } from './src/cli/database.js';
import { readDatabaseConfig } from './src/config.js';
import { projectRoot } from './src/kit/paths.js';
import { migratorConfig } from './src/stores/postgres/migrator.js';

/**
 * What Knex' own command reads: `npm run knex -- migrate:status`, or Knex by itself on the compiled `dist/knexfile.js`
 * (docs/migrations.md). The database is MIGRATION_DATABASE_URL, DATABASE_URL or the embedded one that is running. Knex has made `dist` the
 * working directory by now, so a relative DATA_DIR is taken from the project's folder.
 */
export default async function knexfile(): Promise<Knex.Config> {
  const { migrationDatabaseUrl, databaseUrl, dataDir } = readDatabaseConfig();
  const embedded = async (): Promise<string | undefined> =>
    (await runningPostgres(resolve(projectRoot, dataDir), (line) => { console.error(line.trimEnd()); }))?.ownerUrl;
  const url = migrationDatabaseUrl ?? databaseUrl ?? await embedded();
  if (url === undefined) throw new Error('no embedded Postgres is running: use npm run knex, which starts it, or set DATABASE_URL');
  return migratorConfig(url);
}
