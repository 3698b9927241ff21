import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { projectRoot } from '../../kit/paths.js';

export type RoleLogin = { readonly name: string; readonly password: string };

/** What deployments run with psql: the embedded server and the tests get the same roles. */
const ROLES_FILE = join(projectRoot, 'deploy/postgres/roles.sql');

/**
 * Creates the owner's and the application's role in the database of `adminUrl`, or sets their passwords, and gives the owner what
 * the database already has. Throws what Postgres says.
 */
export async function makeRoles(adminUrl: string, owner: RoleLogin, application: RoleLogin): Promise<void> {
  const values: Readonly<Record<string, string>> = {
    owner: owner.name, owner_password: owner.password, application: application.name, application_password: application.password,
  };
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    // psql's `:'name'`, which it replaces outside of `$roles$` only; comments have it nowhere.
    const sql = readFileSync(ROLES_FILE, 'utf8').replace(/:'(\w+)'/g, (_, name: string) => client.escapeLiteral(values[name] ?? ''));
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** The address of the same database for another role. */
export function urlAs(url: string, { name, password }: RoleLogin): string {
  const changed = new URL(url);
  changed.username = encodeURIComponent(name);
  changed.password = encodeURIComponent(password);
  return changed.href;
}
