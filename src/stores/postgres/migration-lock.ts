import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { limitsOfTransaction } from './time-limits.js';

/** The number of the advisory lock under which the schema changes; nothing else in the database uses it. */
const MIGRATION_LOCK = 4_702_394_921_427;
/** How often a process asks for a lock that another holds. */
const RETRY_MS = 250;
const CONNECT_TIMEOUT_MS = 30_000;
const NO_LIMITS = { statementTimeoutMs: 0, idleInTransactionTimeoutMs: 0 };

/** The lock while its connection lives. */
export type MigrationLock = { readonly isHeld: () => boolean; readonly release: () => Promise<void> };

/**
 * Takes the lock under which the schema changes, and waits for it without limit. It belongs to a transaction that stays
 * open on a connection of its own: a lock of the session would stay behind in a pooler's connection, and the lock must
 * end with this process. A process that waits keeps no connection, so that those who wait cannot use up a pool of which
 * the holder needs a second connection.
 */
export async function takeMigrationLock(databaseUrl: string, lost: () => void): Promise<MigrationLock> {
  for (;;) {
    const lock = await tryLock(databaseUrl, lost);
    if (lock !== null) return lock;
    await sleep(RETRY_MS);
  }
}

async function tryLock(databaseUrl: string, lost: () => void): Promise<MigrationLock | null> {
  const client = new pg.Client({
    connectionString: databaseUrl, application_name: 'credit-gateway-migration-lock', connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  });
  let isHeld = false;
  client.on('error', () => undefined); // `end` follows
  client.on('end', () => {
    if (isHeld) lost();
    isHeld = false;
  });
  try {
    await client.connect();
    await client.query(`begin; ${limitsOfTransaction(NO_LIMITS)}`);
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_xact_lock($1) as taken', [MIGRATION_LOCK]);
    isHeld = rows[0]?.taken === true;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  if (!isHeld) {
    await client.end();
    return null;
  }
  return {
    isHeld: () => isHeld,
    release: async () => {
      isHeld = false;
      await client.end();
    },
  };
}
