import { migrate } from '../stores/postgres/migrate.js';
import { readDatabaseRole, requireMigrated } from '../stores/postgres/database-roles.js';

export type DatabaseUrls = {
  /** The application's role: what the gateway works as. */
  readonly databaseUrl: string | undefined;
  /** The role that owns the tables. */
  readonly migrationDatabaseUrl: string | undefined;
};

export type PrepareDeps = {
  /** Receives the name of each migration that ran. */
  readonly migrated: (name: string) => void;
  /** Receives what an operator should know about the roles. */
  readonly warn: (text: string) => void;
};

const ADVICE = 'docs/deployment.md, "Roles in Postgres", says how to separate them';

/**
 * Brings the schema up to date with the role that may do so, and returns the address to work with. With one address, that role
 * does both if it may, and `warn` says so; an application's role alone is enough when the migrations have run. Throws what
 * Postgres says, and names missing migrations.
 */
export async function prepareDatabase(
  { databaseUrl, migrationDatabaseUrl }: DatabaseUrls, { migrated, warn }: PrepareDeps,
): Promise<string> {
  const [workUrl, workName] = [databaseUrl ?? migrationDatabaseUrl, databaseUrl === undefined ? 'MIGRATION_DATABASE_URL' : 'DATABASE_URL'];
  if (workUrl === undefined) throw new Error('neither DATABASE_URL nor MIGRATION_DATABASE_URL is set');
  if (migrationDatabaseUrl !== undefined) await named('MIGRATION_DATABASE_URL', migrate(migrationDatabaseUrl, migrated));
  const role = await named(workName, readDatabaseRole(workUrl));
  if (migrationDatabaseUrl === undefined) {
    if (role.mayMigrate) await migrate(workUrl, migrated);
    else await requireMigrated(workUrl);
  }
  const rights = role.mayMigrate ? role : await readDatabaseRole(workUrl);
  if (rights.mayMigrate || rights.mayRewriteLedger) {
    warn(`Postgres: the gateway works as the role ${role.name}, which could change or delete entries of the ledger. ${ADVICE}.`);
  }
  return workUrl;
}

/** An error says which address it is about. */
async function named<T>(variable: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${variable}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
