/**
 * Why Postgres refuses all clients, by SQLSTATE: nothing is wrong with the statement, and the same one will pass when an
 * operator has acted or the server is back. A value of a metric's label (kit/metrics/catalogue.ts).
 *
 * - `read_only`: demoted, recovering, or made read-only, as managed servers do when their disk is nearly full
 * - `resources`: disk or memory full, or another limit of the server
 * - `connections`: no connection is left
 * - `stopping`: shutting down, starting, or this connection was ended by an administrator
 * - `access`: the role or the database was renamed, locked or has lost a right
 * - `io`: the server cannot read or write its files
 */
export type Trouble = 'read_only' | 'resources' | 'connections' | 'stopping' | 'access' | 'io';

const TROUBLES: readonly (readonly [RegExp, Trouble])[] = [
  [/^25006$/, 'read_only'], // read_only_sql_transaction
  [/^53300$/, 'connections'], // too_many_connections
  [/^53/, 'resources'], // insufficient_resources: disk_full, out_of_memory
  [/^57P0[1-4]$/, 'stopping'], // admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped
  // invalid authorization, invalid_catalog_name, insufficient_privilege; object_not_in_prerequisite_state: takes no connections
  [/^(28...|3D000|42501|55000)$/, 'access'],
  [/^58030$/, 'io'],
];

export const troubleOf = (sqlState: string): Trouble | null => TROUBLES.find(([states]) => states.test(sqlState))?.[1] ?? null;

/** For the operator who looks at `/readyz`. */
export const TROUBLE_WORDS: Readonly<Record<Trouble, string>> = {
  read_only: 'read-only: nothing can be written',
  resources: 'out of disk, memory or another resource',
  connections: 'has no connection left',
  stopping: 'is shutting down or starting',
  access: 'refuses this role',
  io: 'cannot read or write its files',
};
