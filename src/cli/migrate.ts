import { prepareDatabase } from '../compose/prepare-database.js';
import { readDatabaseConfig } from '../config.js';
import { migrate } from '../stores/postgres/migrate.js';
import { openEmbeddedPostgres } from './database.js';
import { runCli } from './run-cli.js';

/**
 * `npm run migrate`: brings the schema up to date and grants the application's role its rights, as the role that owns the tables.
 * For deployments in which the gateway itself must not have that role's password.
 */

const USAGE = `usage: npm run migrate

The database is MIGRATION_DATABASE_URL, DATABASE_URL or, without both, the embedded one.`;

await runCli(USAGE, async () => {
  const { databaseUrl, migrationDatabaseUrl, dataDir } = readDatabaseConfig();
  const say = (line: string): void => { console.error(line); };
  const migrated = (name: string): void => { say(`postgres: migrated ${name}`); };
  if (migrationDatabaseUrl !== undefined) await migrate(migrationDatabaseUrl, migrated);
  else if (databaseUrl !== undefined) await prepareDatabase({ databaseUrl, migrationDatabaseUrl }, { migrated, warn: say });
  else {
    const { ownerUrl, stop } = await openEmbeddedPostgres(dataDir, say);
    try {
      await migrate(ownerUrl, migrated);
    } finally {
      await stop();
    }
  }
  return 'the schema is up to date';
});
