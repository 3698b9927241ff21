import type { Socket } from 'node:net';
import knexFactory, { type Knex } from 'knex';
import pg from 'pg';
import type { Client } from 'pg';
import { micros } from '../../kit/money/micros.js';
import { leaveOutdated } from './leave-outdated.js';
import { limitTime } from './time-limits.js';
import { writeOncePerTurn } from './write-once-per-turn.js';

/** A pool of connections to Postgres, or (`Trx`) one transaction. The parameter of every `*.table.ts`. */
export type Db = Knex;
export type Trx = Knex.Transaction;

/** The timeouts of a pool. `api` serves a waiting caller; `drain` moves batches and must lose its lock when it stalls. */
export type PoolProfile = {
  readonly connectionsMax: number;
  readonly connectTimeoutMs: number;
  /** 0: no limit, for migrations. */
  readonly statementTimeoutMs: number;
  /**
   * The server ends a session that is idle inside a transaction for longer, so a paused drainer loses its row locks and
   * cannot commit when it resumes (docs/reliability.md#w8).
   */
  readonly idleInTransactionTimeoutMs: number;
  /** This process ends a connection without any traffic for this long; 0: never. See `endWhenSilent`. */
  readonly silenceMs: number;
  /**
   * The same of a connection that waits for no answer; by default it is no different. Its server may have gone without a word, but
   * both sides pay for a new one with a login, again and again where a pool is used every few seconds.
   */
  readonly idleMs?: number;
  /** The name in `pg_stat_activity`. */
  readonly name: string;
  /** Sends each statement at once, also while earlier ones of its connection are under way. They are still carried out in their order. */
  readonly pipeline?: boolean;
};

/** A statement of the drainer takes tens of milliseconds; this limit ends one that hangs. */
const DRAIN_STATEMENT_TIMEOUT_MS = 30_000;
const DRAIN_IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
/** Enough for every request that waits for a commit: 10 commits of 1 ms each are 10 000 a second. */
const API_CONNECTIONS_MAX = 10;
/** One per job that runs at a time (worker/jobs/workers.ts), and one for the shared drain of readers and the fence. */
const DRAIN_CONNECTIONS_MAX = 5;
/** Two watchers (compose-watch.ts). */
const WATCH_CONNECTIONS_MAX = 2;
/** This long after the server's own limit no answer can come any more. */
const SILENCE_MARGIN_MS = 1_000;

/** Longer than the periods of what a process looks up by itself, with the connections of requests and of watchers. */
const API_IDLE_MS = 10_000;
const WATCH_IDLE_MS = 25_000;

/** How often connections are looked for that have not been used for 30 s. */
const REAP_EVERY_MS = 10_000;

const MIGRATE_CONNECT_TIMEOUT_MS = 30_000;

/** The deadline of a request that waits for Postgres: a connection that hangs is ended, and says what it knows, just before. */
export const answerWithinMs = (timeoutMs: number): number => timeoutMs + 1.5 * SILENCE_MARGIN_MS;

const INT8_OID = 20;

export const apiProfile = (timeoutMs: number): PoolProfile => ({
  connectionsMax: API_CONNECTIONS_MAX,
  connectTimeoutMs: timeoutMs,
  statementTimeoutMs: timeoutMs,
  idleInTransactionTimeoutMs: DRAIN_IDLE_IN_TRANSACTION_TIMEOUT_MS,
  silenceMs: timeoutMs + SILENCE_MARGIN_MS,
  idleMs: API_IDLE_MS,
  name: 'credit-gateway-api',
});

export const drainProfile = (timeoutMs: number): PoolProfile => ({
  connectionsMax: DRAIN_CONNECTIONS_MAX,
  connectTimeoutMs: timeoutMs,
  statementTimeoutMs: DRAIN_STATEMENT_TIMEOUT_MS,
  idleInTransactionTimeoutMs: DRAIN_IDLE_IN_TRANSACTION_TIMEOUT_MS,
  silenceMs: DRAIN_STATEMENT_TIMEOUT_MS + SILENCE_MARGIN_MS,
  name: 'credit-gateway-drain',
  pipeline: true,
});

/** Statements of reports, and pauses between them: a client that reads slower than this is cut off. */
const REPORT_TIMEOUT_MS = 30_000;
/** One per report that is read at a time (usage-series.ts). */
export const REPORTS_AT_ONCE_MAX = 3;

/** Reports that are read by a cursor, at the pace of the caller: they must not take connections from requests. */
export const reportProfile = (timeoutMs: number): PoolProfile => ({
  ...apiProfile(timeoutMs),
  connectionsMax: REPORTS_AT_ONCE_MAX,
  statementTimeoutMs: REPORT_TIMEOUT_MS,
  idleInTransactionTimeoutMs: REPORT_TIMEOUT_MS,
  silenceMs: REPORT_TIMEOUT_MS + SILENCE_MARGIN_MS,
  name: 'credit-gateway-reports',
});

/** Only for checking the server: an exhausted pool must not look like a Postgres that is down. */
export const watchProfile = (timeoutMs: number): PoolProfile => ({
  ...apiProfile(timeoutMs), connectionsMax: WATCH_CONNECTIONS_MAX, name: 'credit-gateway-watch', idleMs: WATCH_IDLE_MS,
});

/** No statement limit: an index over a large table may take long. The only connection, because steps run one by one. */
export const migrateProfile: PoolProfile = {
  connectionsMax: 1,
  connectTimeoutMs: MIGRATE_CONNECT_TIMEOUT_MS,
  statementTimeoutMs: 0,
  idleInTransactionTimeoutMs: 0,
  silenceMs: 0,
  name: 'credit-gateway-migrate',
};

/**
 * `int8` becomes an exact number or an error; all other types are parsed as pg does. Set for this pool only: patching
 * pg's global parsers would affect other libraries in the process.
 */
const types = {
  getTypeParser: (oid: number, format?: string): unknown =>
    oid === INT8_OID && format !== 'binary' ? (text: string) => micros(Number(text)) : pgTypeParser(oid, format),
};
const pgTypeParser = pg.types.getTypeParser as (oid: number, format?: string) => unknown;

/** knex writes pool errors to the console; the caller of the query gets them anyway, with the request's id. */
const silent = (): void => undefined;

/**
 * Opens a pool. It connects at the first query, so a gateway starts while Postgres is down. `onConnection` gets every
 * new connection before its first use, for tracing.
 */
export function connectPostgres(databaseUrl: string, profile: PoolProfile, onConnection?: (client: Client) => void): Db {
  return knexFactory(postgresConfig(databaseUrl, profile, onConnection));
}

/** The knex configuration of such a pool. */
export function postgresConfig(databaseUrl: string, profile: PoolProfile, onConnection?: (client: Client) => void): Knex.Config {
  const connection = {
    connectionString: databaseUrl,
    application_name: profile.name,
    connectionTimeoutMillis: profile.connectTimeoutMs,
    keepAlive: true,
    pipeline: profile.pipeline ?? false,
    types,
  };
  return {
    client: 'pg',
    connection,
    log: { debug: silent, deprecate: silent, warn: silent, error: silent },
    acquireConnectionTimeout: profile.connectTimeoutMs,
    pool: {
      min: 0,
      max: profile.connectionsMax,
      reapIntervalMillis: REAP_EVERY_MS, // by default each pool wakes the process once a second
      // Otherwise a refused connection would fail the request only after the whole acquire timeout.
      propagateCreateError: true,
      afterCreate: (client: Client, done: (error: Error | null, client: Client) => void) => {
        endWhenSilent(client, profile);
        leaveOutdated(client);
        limitTime(client, profile).then(() => {
          if (profile.pipeline === true) writeOncePerTurn(client);
          onConnection?.(client);
          done(null, client);
        }, (error: unknown) => { done(error as Error, client); });
      },
    },
  };
}

/**
 * Ends a connection without traffic for longer than the server's own timeouts. Those do not help when the server or the
 * network hangs; and abandoning only the query would return a connection with an open transaction to the pool.
 */
function endWhenSilent(client: Client, { silenceMs, idleMs = silenceMs }: PoolProfile): void {
  if (silenceMs === 0) return;
  const state = client as unknown as { readonly connection: { readonly stream: Socket }; readonly readyForQuery: boolean };
  const { stream } = state.connection;
  let last = { bytesRead: 0, silentMs: 0 };
  stream.setTimeout(silenceMs);
  stream.on('timeout', () => {
    // After a long turn of the event loop the timer fires before the socket is read: read first, as in deadline.ts.
    const { bytesRead } = stream;
    last = { bytesRead, silentMs: (last.bytesRead === bytesRead ? last.silentMs : 0) + silenceMs };
    if (state.readyForQuery && last.silentMs < idleMs) {
      stream.setTimeout(silenceMs);
      return;
    }
    setImmediate(() => {
      if (stream.bytesRead === bytesRead) stream.destroy(new Error('Connection terminated: Postgres was silent for too long'));
    });
  });
}
