import { prepareDatabase } from '../compose/prepare-database.js';
import { readDatabaseConfig } from '../config.js';
import { migrate } from '../stores/postgres/migrate.js';
import { openEmbeddedPostgres } from './database.js';
import { say, type Result } from './output.js';

/**
 * `credit-gateway migrate`: brings the schema up to date and grants the application's role its rights, as the role that owns the
 * tables. For deployments in which the gateway itself must not have that role's password.
 */
export async function migrateSchema(): Promise<Result> {
  const { databaseUrl, migrationDatabaseUrl, dataDir } = readDatabaseConfig();
  const names: string[] = [];
  const migrated = (name: string): void => {
    names.push(name);
    say(`postgres: migrated ${name}`);
  };
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
  return { text: 'the schema is up to date', json: { migrated: names } };
}
