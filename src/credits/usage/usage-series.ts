import { readUsage, type UsageBucket, type UsageQuery } from '../../books/usage-minutes.table.js';
import { GatewayError } from '../../kit/errors.js';
import { REPORTS_AT_ONCE_MAX, type Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';

export type UsageSeriesDeps = {
  readonly db: Db;
  /** Drains the journal first: of one account, or of all (null). Sums that are slightly behind are better than none. */
  readonly bringUpToDate: (accountId: string | null) => Promise<void>;
};

/** Reads a series from its first bucket on. Ending the iteration early frees what it holds. */
export type UsageSeries = (query: UsageQuery) => Promise<AsyncGenerator<UsageBucket, void, void>>;

/**
 * What was used over time. At most a few series are read at once per process.
 *
 * @throws GatewayError ledger_unavailable when Postgres is down, or too many series are being read. Rejects before the first
 *   bucket is returned, so that a caller can still answer with a failure.
 */
export function usageSeries({ db, bringUpToDate }: UsageSeriesDeps): UsageSeries {
  let reading = 0;
  return async (query) => {
    if (reading >= REPORTS_AT_ONCE_MAX) {
      throw new GatewayError('ledger_unavailable', 'too many series of usage are being read; retry shortly', { outcome: 'not_executed' });
    }
    reading += 1;
    const buckets = readUsage(db, query);
    try {
      await bringUpToDate('accountId' in query.of ? query.of.accountId : null);
      const first = await buckets.next();
      return following(first, buckets, () => { reading -= 1; });
    } catch (error) {
      reading -= 1;
      throw toGatewayError(error);
    }
  };
}

/** The same series with its first bucket already read. `onEnd` is called once, whether or not the iteration ever begins. */
function following(first: IteratorResult<UsageBucket, void>, rest: AsyncGenerator<UsageBucket, void, void>, onEnd: () => void):
AsyncGenerator<UsageBucket, void, void> {
  let ended = false;
  const end = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    onEnd();
    await rest.return();
  };
  async function* all(): AsyncGenerator<UsageBucket, void, void> {
    try {
      if (first.done !== true) yield first.value;
      yield* rest;
    } catch (error) {
      throw toGatewayError(error);
    } finally {
      await end();
    }
  }
  const series = all();
  // A generator that was never started does not run its `finally`.
  const stop = series.return.bind(series);
  series.return = async (value) => {
    await end();
    return stop(value);
  };
  return series;
}
