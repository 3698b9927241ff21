import type { Db } from './connect.js';

export type ServerStats = { readonly connections: number; readonly connectionsMax: number; readonly oldestTransactionSeconds: number };

/** Whether a transaction of a new connection could not write. Throws when the server does not answer. */
export async function isReadOnly(db: Db): Promise<boolean> {
  const { rows: [found] } = await db.raw<{ rows: [{ readOnly: boolean }] }>(
    `select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as "readOnly"`,
  );
  return found.readOnly;
}

/** Needs no special rights: the server leaves out what the role may not see of other sessions. */
export async function readServerStats(db: Db): Promise<ServerStats> {
  const { rows: [stats] } = await db.raw<{ rows: [ServerStats] }>(
    `select (select sum(numbackends)::integer from pg_stat_database) as connections,
            current_setting('max_connections')::integer as "connectionsMax",
            (select coalesce(greatest(0, extract(epoch from now() - min(xact_start))), 0)::double precision
               from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()) as "oldestTransactionSeconds"`,
  );
  return stats;
}

export async function readDatabaseBytes(db: Db): Promise<number> {
  const { rows: [found] } = await db.raw<{ rows: [{ bytes: number }] }>('select pg_database_size(current_database()) as bytes');
  return found.bytes;
}
