import { GatewayError, isOutage } from '../../kit/errors.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';
import { dropChange, endChange, insertChange, type AskedChange } from './change.table.js';

/** What became of a write: the status of its answer, and whether that is the answer of an earlier request. */
export type Done = { readonly status: number; readonly replayed: boolean };

/**
 * Does a write of configuration and keeps who asked for it, and why. The row is there before the write begins, so that no change
 * is without one; a write that is refused, or that repeats an earlier one, changed nothing, and its row goes. If the process or
 * Postgres fails in between, the row stays without a status.
 *
 * @throws GatewayError ledger_unavailable (`not_executed`: Postgres did not take the row), and whatever `work` throws.
 */
export async function keepChange(db: Db, asked: AskedChange, work: () => Promise<Done>): Promise<void> {
  const changeId = await insertChange(db, asked).catch((error: unknown) => { throw toGatewayError(error); });
  try {
    const { status, replayed } = await work();
    await (replayed ? dropChange(db, changeId) : endChange(db, changeId, status)).catch(ignoreOutage);
  } catch (error) {
    if (error instanceof GatewayError && !isOutage(error)) await dropChange(db, changeId).catch(ignoreOutage);
    throw error;
  }
}

function ignoreOutage(error: unknown): void {
  const known = toGatewayError(error);
  if (!isOutage(known)) throw known;
}
