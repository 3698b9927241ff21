import type { Client } from 'pg';
import { kindOf, type Tracer } from '../../kit/tracing/tracer.js';

type Callback = (error: unknown, result: unknown) => void;
type Query = (statement: unknown, callback?: unknown) => unknown;

/**
 * Records one span per statement of a connection, named by verb and table, without its text or bindings. It wraps the
 * connection and not the pool, because knex does not report the end of a BEGIN or a COMMIT.
 */
export function traceStatements(client: Client, tracer: Tracer): void {
  const query = client.query.bind(client) as Query;
  const traced: Query = (statement, callback) => {
    const text = textOf(statement);
    const span = text === undefined || typeof callback !== 'function' ? null : tracer.start(nameOf(text), {
      kind: 'client', attributes: { 'db.system.name': 'postgresql' },
    });
    if (span === null) return query(statement, callback);
    const finish: Callback = (error, result) => {
      // Without an error pg passes null or nothing.
      if (error !== null && error !== undefined) span.fail(kindOf(error));
      span.end();
      (callback as Callback)(error, result);
    };
    return query(statement, finish);
  };
  client.query = traced as typeof client.query;
}

function textOf(statement: unknown): string | undefined {
  if (typeof statement === 'string') return statement;
  if (typeof statement !== 'object' || statement === null || !('text' in statement)) return undefined;
  return typeof statement.text === 'string' ? statement.text : undefined;
}

/** `insert webhooks`, `copy entries`, `select accounts`, `COMMIT`: the verb of a statement and its table. */
export function nameOf(sql: string): string {
  const [, change, changed] = /\b(insert into|update|delete from|copy)\s+"?(\w+)"?/i.exec(sql) ?? [];
  if (change !== undefined && changed !== undefined) return `${verbOf(change)} ${changed}`;
  const [, table] = /\bfrom\s+"?(\w+)"?/i.exec(sql) ?? [];
  const verb = verbOf(sql);
  return table === undefined ? verb : `${verb} ${table}`;
}

const verbOf = (sql: string): string => /\w+/.exec(sql)?.[0] ?? 'statement';
