import type { Gauges } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import type { Db } from '../../stores/postgres/connect.js';
import { readDatabaseBytes, readServerStats } from '../../stores/postgres/server-stats.table.js';

export type MeasurePostgresDeps = {
  /** A pool of its own with a short deadline (connect.ts, `watchProfile`). */
  readonly db: Db;
  readonly metrics: Gauges;
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
};

const EVERY_MS = 15_000;
/** Measuring the size reads the metadata of every file of the database. */
const SIZE_EVERY_MS = 60_000;

/** Measures the database server every 15 seconds. Whether it can be used is watched by every process (watch-postgres.ts). */
export function measurePostgres({ db, metrics, onError, everyMs = EVERY_MS }: MeasurePostgresDeps): () => void {
  const look = async (): Promise<void> => {
    const { connections, connectionsMax, oldestTransactionSeconds } = await readServerStats(db);
    metrics.set('postgresConnections', {}, connections);
    metrics.set('postgresConnectionsMax', {}, connectionsMax);
    metrics.set('postgresOldestTransaction', {}, oldestTransactionSeconds);
  };
  const measure = async (): Promise<void> => { metrics.set('postgresBytes', {}, await readDatabaseBytes(db)); };

  const stops = [
    repeat(everyMs, look, (error) => {
      metrics.forget('postgresConnections', 'postgresConnectionsMax', 'postgresOldestTransaction');
      onError(error);
    }),
    repeat(SIZE_EVERY_MS, measure, (error) => {
      metrics.forget('postgresBytes');
      onError(error);
    }),
  ];
  return () => { for (const stop of stops) stop(); };
}
