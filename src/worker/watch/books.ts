import { sumAccounts } from '../../books/account.table.js';
import { oldestOpenHoldAtMs } from '../../books/hold.table.js';
import { pendingIntents } from '../../books/money-in.table.js';
import { countQuarantined } from '../../books/quarantine.table.js';
import { readResident } from '../../journal/eviction-state.table.js';
import type { Clock } from '../../kit/clock.js';
import type { Gauges } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import type { Db } from '../../stores/postgres/connect.js';

export type WatchBooksDeps = {
  readonly db: Db;
  /** The gateway's time; holds are timed by it. */
  readonly clock: Clock;
  readonly metrics: Gauges;
  readonly onError: (error: unknown) => void;
};

const EVERY_MS_MIN = 15_000;
/** Upper bound of the delay after a failed look: how long the look took says nothing about its normal cost. */
const RETRY_MS_MAX = 60_000;
/** A look is followed by a rest of this many times its duration, so looking takes at most a twentieth of the time. */
const REST_PER_WORK = 20;

/** Sums credits, accounts and pending work in Postgres every 15 seconds, or less often when a look is slow. Returns a stop function. */
export function watchBooks({ db, clock, metrics, onError }: WatchBooksDeps): () => void {
  let restMs = EVERY_MS_MIN;
  const look = async (): Promise<void> => {
    restMs = Math.min(restMs, RETRY_MS_MAX);
    const startedAt = performance.now();
    await addUp();
    restMs = Math.max(EVERY_MS_MIN, (performance.now() - startedAt) * REST_PER_WORK);
  };
  const addUp = async (): Promise<void> => {
    // In sequence: they share the drainer's pool, and no caller waits for the result.
    const sums = await sumAccounts(db);
    const oldestHoldAtMs = await oldestOpenHoldAtMs(db);
    const pending = await pendingIntents(db);
    const quarantined = await countQuarantined(db);
    const resident = await readResident(db);
    metrics.set('accounts', {}, sums.accounts);
    metrics.set('debtors', {}, sums.debtors);
    metrics.set('creditsAvailable', {}, sums.available);
    metrics.set('creditsHeld', {}, sums.held);
    metrics.set('creditsDebt', {}, sums.debt);
    metrics.set('accountsFrozen', {}, sums.frozen);
    metrics.set('holdOldestSeconds', {}, oldestHoldAtMs === null ? 0 : Math.max(0, clock() - oldestHoldAtMs) / 1_000);
    metrics.set('moneyInPending', {}, pending.count);
    metrics.set('moneyInOldestSeconds', {}, pending.oldestSeconds);
    metrics.set('quarantined', {}, quarantined);
    if (resident !== null) metrics.set('accountsResident', {}, resident);
  };
  return repeat(() => restMs, look, (error) => {
    metrics.forget(
      'accounts', 'debtors', 'creditsAvailable', 'creditsHeld', 'creditsDebt', 'accountsFrozen', 'holdOldestSeconds',
      'moneyInPending', 'moneyInOldestSeconds',
      'quarantined', 'accountsResident',
    );
    onError(error);
  });
}
