import { apiProfile, connectPostgres, type Db } from './connect.js';
import { readMigrations } from './migration-files.js';
import { refuseDowngrade } from './schema-floor.js';

/** What the role of an address is. */
export type DatabaseRole = {
  readonly name: string;
  /** It owns the gateway's tables, or may create them in an empty database. */
  readonly mayMigrate: boolean;
  /** It could change or delete entries of the ledger: as their owner, as a superuser, or by a right it was given. */
  readonly mayRewriteLedger: boolean;
};

const TIMEOUT_MS = 30_000;

/** Throws what Postgres says, such as a wrong password. */
export function readDatabaseRole(databaseUrl: string): Promise<DatabaseRole> {
  return withDatabase(databaseUrl, async (db) => {
    const { rows: [role] } = await db.raw<{ rows: [DatabaseRole] }>(
      `select current_user as name,
              coalesce(pg_has_role(t.relowner, 'usage'), has_schema_privilege(current_schema(), 'create'), false) as "mayMigrate",
              coalesce(pg_has_role(t.relowner, 'usage') or has_table_privilege(t.oid, 'update, delete, truncate, trigger'), r.rolsuper)
                as "mayRewriteLedger"
         from pg_roles r left join pg_class t on t.oid = to_regclass('entries') where r.rolname = current_user`,
    );
    return role;
  });
}

/** For a role that cannot migrate: throws when migrations of this version are missing, and when the schema is too new for it. */
export function requireMigrated(databaseUrl: string): Promise<void> {
  return withDatabase(databaseUrl, async (db) => {
    await refuseDowngrade(db);
    const missing = await missingMigrations(db);
    if (missing.length === 0) return;
    throw new Error(
      `the role of DATABASE_URL may not change the schema, and ${missing.length} migrations have not run, the first of them `
      + `${missing[0] ?? ''}: run \`node dist/src/cli/migrate.js\` with MIGRATION_DATABASE_URL, the role that owns the tables`,
    );
  });
}

async function missingMigrations(db: Db): Promise<readonly string[]> {
  const { rows: [found] } = await db.raw<{ rows: [{ exists: boolean }] }>(`select to_regclass('schema_migrations') is not null as exists`);
  const { rows } = found.exists ? await db.raw<{ rows: { name: string }[] }>('select name from schema_migrations') : { rows: [] };
  const ran = new Set(rows.map(({ name }) => name));
  return readMigrations().map(({ name }) => name).filter((name) => !ran.has(name));
}

async function withDatabase<T>(databaseUrl: string, work: (db: Db) => Promise<T>): Promise<T> {
  const db = connectPostgres(databaseUrl, { ...apiProfile(TIMEOUT_MS), connectionsMax: 1 });
  try {
    return await work(db);
  } finally {
    await db.destroy();
  }
}
