import { advanceTransfer, type TransferDeps } from './transfer-credits.js';
import { claimPendingTransfers, reopenDebited } from './transfer.table.js';

export type TransfersReport = { readonly completed: number; readonly refused: number; readonly pending: number; readonly reopened: number };

/**
 * Completes transfers whose own request could not: its process ended, or Redis or Postgres was away, or the target was frozen. A
 * failure of one does not stop the others.
 */
export async function resumeTransfers(deps: TransferDeps, olderThanMs: number, limit: number): Promise<TransfersReport> {
  const report = { completed: 0, refused: 0, pending: 0, reopened: await reopenDebited(deps.db) };
  const failures: unknown[] = [];
  for (const row of await claimPendingTransfers(deps.db, olderThanMs, limit)) {
    try {
      report[(await advanceTransfer(deps, row)).state] += 1;
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return report;
}
