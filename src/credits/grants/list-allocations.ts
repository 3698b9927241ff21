import { readLivePage, type LivePosition, type LiveLot } from '../../books/live-lots.table.js';
import type { Clock } from '../../kit/clock.js';
import { PAGE_MAX } from '../../kit/limits.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toGatewayError } from '../../stores/postgres/errors.js';

export type ListAllocationsDeps = {
  readonly db: Db;
  readonly clock: Clock;
  /** Drains the journal first, if possible. A list that is slightly behind is better than none. */
  readonly freshen: () => Promise<void>;
};

export type AllocationsQuery = { readonly after: LivePosition | null; readonly limit: number };
export type AllocationsPage = { readonly allocations: readonly LiveLot[]; readonly next: LivePosition | null };

/**
 * A page of the allocations with credits of all accounts, by account and expiry. Each page says where the next one starts,
 * so that the list may change between two pages.
 *
 * @throws GatewayError ledger_unavailable when Postgres is down.
 */
export async function listAllocations(
  { db, clock, freshen }: ListAllocationsDeps, { after, limit }: AllocationsQuery,
): Promise<AllocationsPage> {
  const size = Math.min(limit, PAGE_MAX);
  // Only before the first page: later pages belong to the same reading.
  if (after === null) await freshen();
  const found = await readLivePage(db, {
    nowMs: clock(), after, limit: size + 1,
  }).catch((error: unknown) => { throw toGatewayError(error); });
  const allocations = found.slice(0, size);
  return { allocations, next: found.length > size ? (allocations.at(-1) ?? null) : null };
}
