import { sumAccounts } from '../../books/account.table.js';
import { oldestOpenHoldAtMs } from '../../books/hold.table.js';
import { pendingIntents } from '../../books/money-in.table.js';
import { countQuarantined } from '../../books/quarantine.table.js';
import type { Clock } from '../../kit/clock.js';
import type { Gauges } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import type { Db } from '../../stores/postgres/connect.js';

export type WatchBooksDeps = {
  readonly db: Db;
  /** The gateway's time, which stamps holds. */
  readonly clock: Clock;
  readonly metrics: Gauges;
  readonly onError: (error: unknown) => void;
};

const EVERY_MS_MIN = 10_000;
/** After a look that failed: how long an outage lasted says nothing about the accounts. */
const RETRY_MS_MAX = 60_000;
/** Looking takes a twentieth of the time at most, however many accounts there are. */
const REST_PER_WORK = 20;

/** Adds up, every ten seconds or less often, what Postgres has: credits, accounts and what waits there. Answers what stops it. */
export function watchBooks({ db, clock, metrics, onError }: WatchBooksDeps): () => void {
  let restMs = EVERY_MS_MIN;
  const look = async (): Promise<void> => {
    restMs = Math.min(restMs, RETRY_MS_MAX);
    const startedAt = performance.now();
    await addUp();
    restMs = Math.max(EVERY_MS_MIN, (performance.now() - startedAt) * REST_PER_WORK);
  };
  const addUp = async (): Promise<void> => {
    // One after the other: they share the drainer's pool, and nobody waits for them.
    const sums = await sumAccounts(db);
    const oldestHoldAtMs = await oldestOpenHoldAtMs(db);
    const pending = await pendingIntents(db);
    const quarantined = await countQuarantined(db);
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
  };
  return repeat(() => restMs, look, (error) => {
    metrics.forget(
      'accounts', 'debtors', 'creditsAvailable', 'creditsHeld', 'creditsDebt', 'accountsFrozen', 'holdOldestSeconds',
      'moneyInPending', 'moneyInOldestSeconds',
      'quarantined',
    );
    onError(error);
  });
}
