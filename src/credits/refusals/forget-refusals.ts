import { REFUSALS_KEPT_DAYS } from '../../kit/limits.js';
import type { Db } from '../../stores/postgres/connect.js';
import { deleteRefusals } from './refusal.table.js';

/** Rows per statement, and statements per job, so that a job ends well before its lock expires. The next run deletes the rest. */
const BATCH_MAX = 5_000;
const BATCHES_MAX = 20;
const DAY_MS = 86_400_000;

/** Deletes refusals older than their retention time. */
export async function forgetRefusals(db: Db, nowMs: number): Promise<{ readonly forgotten: number }> {
  let forgotten = 0;
  for (let batch = 0; batch < BATCHES_MAX; batch += 1) {
    const removed = await deleteRefusals(db, nowMs - REFUSALS_KEPT_DAYS * DAY_MS, BATCH_MAX);
    forgotten += removed;
    if (removed < BATCH_MAX) break;
  }
  return { forgotten };
}
