import { GatewayError } from '../../kit/errors.js';
import { troubleOf, type Trouble } from './trouble.js';

/**
 * The kind of a failed statement.
 *
 * - `unavailable`: no connection, or it was lost, or the server refuses all clients (trouble.ts); nothing is wrong with the
 *   statement
 * - `contention`: serialization failure, deadlock or a timeout of the server; a repeat may succeed
 * - `data`: class 22, a value that Postgres cannot store (docs/reliability.md#f13)
 * - `constraint`: class 23, a row that contradicts stored data; a repeat never succeeds
 * - `other`: a bug
 */
export type PostgresProblem = 'unavailable' | 'contention' | 'data' | 'constraint' | 'other';

/** Codes of Node and pg for a connection that was never made: the statement was not sent. */
const NOT_REACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT', 'EACCES']);
/** The connection broke: a statement in progress may have been executed. */
const BROKEN = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT']);
/** The connection was refused: too_many_connections, cannot_connect_now, sqlclient_unable_to_establish, server_rejected. */
const REFUSED_AT_THE_DOOR = new Set(['53300', '57P03', '08001', '08004']);
/** query_canceled (statement_timeout), lock_not_available. */
const TIMED_OUT = new Set(['57014', '55P03']);

export function classifyPostgresError(error: unknown): PostgresProblem {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  if (NOT_REACHED.has(code) || BROKEN.has(code) || REFUSED_AT_THE_DOOR.has(code)) return 'unavailable';
  if (neverSent(message) || brokenMidway(message)) return 'unavailable';
  if (TIMED_OUT.has(code) || code.startsWith('40')) return 'contention';
  if (troubleOf(code) !== null) return 'unavailable';
  // 08 connection, 25P03 idle_in_transaction_session_timeout, 25P04 transaction_timeout, 57P05 idle_session_timeout: of this
  // connection, not of the server.
  if (/^(08|25P|57P05$)/.test(code)) return 'unavailable';
  if (endedSession(error)) return 'unavailable';
  if (code.startsWith('22')) return 'data';
  if (code.startsWith('23')) return 'constraint';
  return 'other';
}

export const isRetryable = (error: unknown): boolean => {
  const problem = classifyPostgresError(error);
  return problem === 'unavailable' || problem === 'contention';
};

/**
 * Turns an outage into `ledger_unavailable` and returns every other error unchanged. The outcome is `not_executed` only
 * when the statement certainly had no effect; a connection that broke during it leaves the outcome `unknown`.
 */
export function toGatewayError(error: unknown): unknown {
  if (error instanceof GatewayError || !isRetryable(error)) return error;
  return new GatewayError('ledger_unavailable', 'the ledger database did not answer', {
    outcome: hadNoEffect(error) ? 'not_executed' : 'unknown',
    cause: error,
  });
}

/** For the `catch` of a promise of Postgres: throws its error as `toGatewayError` has it. */
export const rethrow = (error: unknown): never => { throw toGatewayError(error); };

/** Work that asks Postgres. Rejects with `toGatewayError` of its error. */
export async function inPostgres<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    return rethrow(error);
  }
}

/**
 * Whether the error ended the session, or refused it, whatever its code: Postgres could not even begin. A server whose disk is full
 * refuses new connections with the code of a bug (XX000, "could not write init file").
 */
const endedSession = (error: unknown): boolean => {
  const severity = (error as { readonly severity?: unknown } | null | undefined)?.severity;
  return severity === 'FATAL' || severity === 'PANIC';
};

const IN_FAILED_TRANSACTION = '25P02';

/**
 * Waits for statements of one transaction that are under way at once. Throws the error that made the transaction fail: those of the
 * others only say that it has, and may reject before it.
 */
export async function together<T>(statements: readonly (T | PromiseLike<T>)[]): Promise<T[]> {
  const results = await Promise.allSettled(statements);
  const failures = results.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  if (failures.length > 0) throw failures.find((error) => codeOf(error) !== IN_FAILED_TRANSACTION) ?? failures[0];
  return results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

/** Whether a single statement that failed with this error certainly changed nothing. */
export function hadNoEffect(error: unknown): boolean {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : '';
  const trouble = troubleOf(code);
  return NOT_REACHED.has(code) || REFUSED_AT_THE_DOOR.has(code) || neverSent(message) || TIMED_OUT.has(code) || code.startsWith('40')
    || (trouble !== null && REFUSES_BEFORE_IT_WRITES.has(trouble));
}

/** After the others the statement may have been committed, and only its answer is missing. */
const REFUSES_BEFORE_IT_WRITES: ReadonlySet<Trouble> = new Set(['read_only', 'resources', 'connections', 'access']);

/** Why the server refuses all clients; null: it does not, or there is no answer at all. */
export const troubleIn = (error: unknown): Trouble | null => {
  const code = codeOf(error);
  return troubleOf(code) ?? (code.startsWith('XX') && endedSession(error) ? 'io' : null);
};

/** The messages of knex and pg for "no connection in time"; these errors have no code. */
const NO_CONNECTION_IN_TIME = [
  'timeout acquiring a connection', 'timeout expired', 'timeout exceeded when trying to connect',
  'terminated due to connection timeout', 'unable to acquire a connection',
];
const neverSent = (message: string): boolean => NO_CONNECTION_IN_TIME.some((words) => message.toLowerCase().includes(words));

const brokenMidway = (message: string): boolean =>
  /connection terminated|connection ended|client has encountered a connection error|client was closed|socket hang up/i.test(message);

const codeOf = (error: unknown): string => {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
};
