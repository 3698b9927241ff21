/**
 * Runs work for every item: items of one lane one after the other and in their order, different lanes at once, at most
 * `atOnce` of them. `run` must not throw.
 */
export async function inLanes<Item>(
  items: readonly Item[], laneOf: (item: Item) => string, atOnce: number, run: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  const lanes = new Map<string, number[]>();
  items.forEach((item, index) => {
    const lane = laneOf(item);
    const known = lanes.get(lane);
    if (known === undefined) lanes.set(lane, [index]);
    else known.push(index);
  });
  // One iterator for all workers: each takes the next lane.
  const waiting = lanes.values();
  await Promise.all(Array.from({ length: Math.min(atOnce, lanes.size) }, async () => {
    for (const lane of waiting) for (const index of lane) await run(items[index] as Item, index);
  }));
}
