import type { Gauges } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import type { Db } from '../../stores/postgres/connect.js';
import { ping, readDatabaseBytes, readServerStats } from '../../stores/postgres/server-stats.table.js';

export type WatchPostgresDeps = {
  /** A pool of its own with a short deadline (connect.ts, `watchProfile`). */
  readonly db: Db;
  readonly metrics: Gauges;
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
};

export type PostgresWatch = {
  /** Whether the server answered the last look; false before the first. */
  readonly isUp: () => boolean;
  readonly stop: () => void;
};

const EVERY_MS = 5_000;
/** Measuring the size reads the metadata of every file of the database. */
const SIZE_EVERY_MS = 60_000;

/** Checks the database server every five seconds. */
export function watchPostgres({ db, metrics, onError, everyMs = EVERY_MS }: WatchPostgresDeps): PostgresWatch {
  let isUp = false;
  const look = async (): Promise<void> => {
    const startedAt = performance.now();
    await ping(db);
    metrics.set('postgresPing', {}, (performance.now() - startedAt) / 1_000);
    metrics.set('postgresUp', {}, 1);
    isUp = true;
    const { connections, connectionsMax, oldestTransactionSeconds } = await readServerStats(db);
    metrics.set('postgresConnections', {}, connections);
    metrics.set('postgresConnectionsMax', {}, connectionsMax);
    metrics.set('postgresOldestTransaction', {}, oldestTransactionSeconds);
  };
  const measure = async (): Promise<void> => { metrics.set('postgresBytes', {}, await readDatabaseBytes(db)); };

  const stops = [
    repeat(everyMs, look, (error) => {
      isUp = false;
      metrics.set('postgresUp', {}, 0);
      metrics.forget('postgresPing', 'postgresConnections', 'postgresConnectionsMax', 'postgresOldestTransaction');
      onError(error);
    }),
    repeat(SIZE_EVERY_MS, measure, (error) => {
      metrics.forget('postgresBytes');
      onError(error);
    }),
  ];
  return { isUp: () => isUp, stop: () => { for (const stop of stops) stop(); } };
}
