import { ENDED_HOLD_LOOKUP_MS } from '../kit/limits.js';
import { within } from '../kit/within.js';
import { lookupsPerTurn } from '../stores/postgres/lookups-per-turn.js';
import type { HoldColumns } from './account-image.table.js';

type HoldName = { readonly accountId: string; readonly holdId: string };

export type RecallDeps = {
  /** The last hold of each name if it has ended, otherwise null; in the order of the names. */
  readonly readEndedHolds: (names: readonly HoldName[]) => Promise<readonly (HoldColumns | null)[]>;
  /** Closed while Postgres fails: then no lookup is sent. */
  readonly gate: { allows(): boolean; succeeded(): void; failed(): void };
};

/**
 * Looks up ended holds for requests that are about to place some; answers in the order of the names. All null when Postgres does
 * not answer within ENDED_HOLD_LOOKUP_MS or has failed lately: the holds are placed without it, and only what Redis remembers is
 * refused. Never throws.
 */
export function recallHolds(
  { readEndedHolds, gate }: RecallDeps,
): (names: readonly HoldName[]) => Promise<readonly (HoldColumns | null)[]> {
  const read = async (names: readonly HoldName[]): Promise<readonly (HoldColumns | null)[]> => {
    if (!gate.allows()) return names.map(() => null);
    try {
      const found = await within(ENDED_HOLD_LOOKUP_MS, 'a look-up of ended holds', readEndedHolds(names));
      gate.succeeded();
      return found;
    } catch {
      gate.failed();
      return names.map(() => null);
    }
  };
  return lookupsPerTurn(async (lists: readonly (readonly HoldName[])[]) => {
    const found = await read(lists.flat());
    let from = 0;
    return lists.map(({ length }) => found.slice(from, from += length));
  });
}
