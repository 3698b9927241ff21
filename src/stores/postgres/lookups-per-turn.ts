import DataLoader from 'dataloader';

/**
 * Gathers the lookups that are asked for in one turn of the event loop, so that they cost one statement and not one per
 * request. Nothing is cached: a row may arrive at any moment. `readMany` answers in the order of the names; what it throws
 * fails each of its lookups. `max`: names per statement, without it all of the turn.
 */
export function lookupsPerTurn<Name, Found>(
  readMany: (names: readonly Name[]) => Promise<readonly Found[]>, max = Infinity,
): (name: Name) => Promise<Found> {
  const loader = new DataLoader<Name, Found>(readMany, {
    cache: false, maxBatchSize: max, batchScheduleFn: (run) => { setImmediate(run); },
  });
  return (name) => loader.load(name);
}
