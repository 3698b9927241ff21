import type { Client } from 'pg';

/** What the server may take for this process: milliseconds, 0 for no limit. See `PoolProfile`. */
export type TimeLimits = { readonly statementTimeoutMs: number; readonly idleInTransactionTimeoutMs: number };

/**
 * Sets the limits for the session, if this is a session of the server: then the server's process is the one that the
 * connection was told of at its start. A pooler tells a number of its own.
 */
const LIMIT_SESSION = `select set_config('statement_timeout', $2, false), set_config('idle_in_transaction_session_timeout', $3, false)
 where pg_backend_pid() = $1`;

/**
 * Makes the server end what takes too long. Startup parameters would do, but a pooler such as PgBouncer refuses them.
 *
 * Through a pooler nothing may be set for the session: where each transaction gets another server connection, the next
 * client of this one would inherit it. There each transaction begins with its limits. A single statement has none of the
 * server's then; the connection ends instead when it is silent for too long (connect.ts), and the operator
 * of the pooler may set `statement_timeout` for the role (docs/deployment.md#connection-poolers).
 */
export async function limitTime(client: Client, limits: TimeLimits): Promise<void> {
  const { processID } = client as Client & { readonly processID: number | null };
  const { rowCount } = await client.query(LIMIT_SESSION, [
    processID ?? 0, String(limits.statementTimeoutMs), String(limits.idleInTransactionTimeoutMs),
  ]);
  if (rowCount === 0) throughPooler(client, limits);
}

/** The text that sets the limits of a transaction; it is sent together with its BEGIN. */
export const limitsOfTransaction = ({ statementTimeoutMs, idleInTransactionTimeoutMs }: TimeLimits): string =>
  `set local statement_timeout = ${statementTimeoutMs}; set local idle_in_transaction_session_timeout = ${idleInTransactionTimeoutMs};`;

type Query = (statement: unknown, ...rest: unknown[]) => unknown;

/**
 * Limits each transaction, and prepares no statement: the next may reach a server process that does not have it (prepared.ts). Knex
 * sends BEGIN as a statement of its own, always as an object.
 */
function throughPooler(client: Client, limits: TimeLimits): void {
  const query = client.query.bind(client) as Query;
  const limited: Query = (statement, ...rest) => {
    if (!isBegin(statement)) return query(isNamed(statement) ? { ...statement, name: undefined } : statement, ...rest);
    const text = `${statement.text.replace(/;?\s*$/, '')}; ${limitsOfTransaction(limits)}`;
    return query({ ...statement, text }, ...rest);
  };
  client.query = limited as typeof client.query;
}

const isBegin = (statement: unknown): statement is { readonly text: string } =>
  typeof statement === 'object' && statement !== null && 'text' in statement
  && typeof statement.text === 'string' && /^begin\b/i.test(statement.text);

const isNamed = (statement: unknown): statement is { readonly name: string } =>
  typeof statement === 'object' && statement !== null && 'name' in statement && typeof statement.name === 'string';
