import { DRIFT_CHECKS } from '../../journal/reconcile/comparison.js';
import { sumFindings } from '../../journal/reconcile/finding.table.js';
import { readReconcileState } from '../../journal/reconcile/reconcile-state.table.js';
import type { Meter } from '../../kit/metrics/metrics.js';
import { repeat } from '../../kit/repeat.js';
import type { Db } from '../../stores/postgres/connect.js';

export type WatchDriftDeps = { readonly db: Db; readonly metrics: Pick<Meter, 'set'>; readonly onError: (error: unknown) => void };

const EVERY_MS = 15_000;
const MS_PER_SECOND = 1_000;

/**
 * Reports the open findings every 15 seconds, from the table: any process may find or resolve drift, so a value kept in
 * memory would go stale. Returns a stop function.
 */
export function watchDrift(deps: WatchDriftDeps): () => void {
  return repeat(EVERY_MS, () => measureDrift(deps), deps.onError);
}

export async function measureDrift({ db, metrics }: Pick<WatchDriftDeps, 'db' | 'metrics'>): Promise<void> {
  const open = new Map((await sumFindings(db)).map((each) => [each.check, each]));
  const { lastBatchAtMs, lastRoundAtMs } = await readReconcileState(db);
  for (const check of DRIFT_CHECKS) {
    metrics.set('driftMicros', { check }, open.get(check)?.micros ?? 0);
    metrics.set('driftAccounts', { check }, open.get(check)?.accounts ?? 0);
  }
  if (lastBatchAtMs !== null) metrics.set('reconciledAt', {}, lastBatchAtMs / MS_PER_SECOND);
  if (lastRoundAtMs !== null) metrics.set('reconcileRoundAt', {}, lastRoundAtMs / MS_PER_SECOND);
}
