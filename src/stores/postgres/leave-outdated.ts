import type { EventEmitter } from 'node:events';
import type { Client } from 'pg';

/** feature_not_supported: the answer has columns of other types than when it was prepared. invalid_sql_statement_name: it is gone. */
const OUTDATED = new Set(['0A000', '26000']);

/**
 * Makes the pool replace a connection after such an error: after a change of the type of a column, or a `DISCARD ALL`, every later use
 * of a prepared statement (prepared.ts) on this connection would fail as well.
 */
export function leaveOutdated(client: Client): void {
  const { connection } = client as unknown as { readonly connection: EventEmitter };
  connection.on('errorMessage', ({ code }: { readonly code?: string }) => {
    // Knex' word for it: checked before the connection is used again.
    if (code !== undefined && OUTDATED.has(code)) Object.assign(client, { __knex__disposed: 'prepared statements are outdated' });
  });
}
