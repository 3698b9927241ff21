import type { Client, QueryResult, QueryResultRow } from 'pg';
import type { Db } from './connect.js';
import { statementName } from './prepared.js';

/** A pool as knex has it. */
type Pool = { readonly acquireConnection: () => Promise<Client>; readonly releaseConnection: (client: Client) => Promise<void> };

/**
 * The rows of one prepared statement (prepared.ts), whose `?` are bound in order. For look-ups of the busiest requests: knex would parse
 * the text, ask its bindings for their types and pass events for each, which is two fifths of what a statement takes here.
 *
 * @throws what Postgres or the pool throws
 */
export async function rowsOf<Row extends QueryResultRow>(db: Db, sql: string, values: readonly string[]): Promise<Row[]> {
  const pool = db.client as Pool;
  const client = await pool.acquireConnection();
  try {
    const query = { name: statementName(sql), text: numbered(sql), values: [...values] };
    // With a callback, as knex asks: so it is traced (trace-statements.ts).
    return await new Promise<Row[]>((resolve, reject) => {
      client.query(query, (error: Error | null | undefined, result: QueryResult<Row>) => {
        if (error === null || error === undefined) resolve(result.rows);
        else reject(error);
      });
    });
  } finally {
    await pool.releaseConnection(client);
  }
}

const known = new Map<string, string>();

/** The text with `$1`, `$2` … for its bindings. Statements are few, and made once. */
function numbered(sql: string): string {
  let text = known.get(sql);
  if (text === undefined) {
    let count = 0;
    text = sql.replaceAll('?', () => `$${count += 1}`);
    known.set(sql, text);
  }
  return text;
}
