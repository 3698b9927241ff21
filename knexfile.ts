import type { Knex } from 'knex';
import { resolve } from 'node:path';
import { embeddedDatabaseUrl } from './src/cli/database.js';
import { readDatabaseConfig } from './src/config.js';
import { projectRoot } from './src/kit/paths.js';
import { migratorConfig } from './src/stores/postgres/migrator.js';

/**
 * What Knex' own command reads: `npm run knex -- migrate:status`, or Knex by itself on the compiled `dist/knexfile.js`
 * (docs/migrations.md). The database is DATABASE_URL or the embedded one that is running. Knex has made `dist` the
 * working directory by now, so a relative DATA_DIR is taken from the project's folder.
 */
export default async function knexfile(): Promise<Knex.Config> {
  const { databaseUrl, dataDir } = readDatabaseConfig();
  const url = databaseUrl ?? await embeddedDatabaseUrl(resolve(projectRoot, dataDir), (line) => { console.error(line.trimEnd()); });
  if (url === undefined) throw new Error('no embedded Postgres is running: use npm run knex, which starts it, or set DATABASE_URL');
  return migratorConfig(url);
}
