import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { Db, Trx } from './connect.js';

/**
 * A statement that Postgres parses and plans once per connection, not each time: for few texts that run all the time, because a
 * connection keeps each of them. A connection through a pooler sends them as any other (time-limits.ts), because its next statement may
 * reach another server process. After a change of the schema Postgres plans again; the columns of the answer must stay the same, so
 * they are listed. A connection whose statements Postgres refuses is not used again (leave-outdated.ts).
 */
export const prepared = <Result>(db: Db, sql: string, bindings: Knex.RawBinding[] | Knex.ValueDict): Knex.Raw<Result> =>
  db.raw<Result>(sql, bindings).options({ name: statementName(sql) });

/** At most so many characters of a name are significant to Postgres: 63. */
const NAME_LENGTH = 32;
const names = new Map<string, string>();

/** What such a statement is called on its connections. */
export function statementName(sql: string): string {
  let name = names.get(sql);
  if (name === undefined) names.set(sql, name = createHash('sha256').update(sql).digest('hex').slice(0, NAME_LENGTH));
  return name;
}

/**
 * For the rest of this transaction Postgres looks rows up in indexes. It plans a prepared statement for tables as they are at that time
 * and keeps the plan until they are analyzed: of a new database it would read whole tables for the first minutes.
 */
export const reachRowsByKey = async (trx: Trx): Promise<void> => {
  await trx.raw('set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off');
};
