import type { Turns } from './turns.js';

export type Lanes<Item> = {
  /** Items of one lane keep their order. */
  readonly laneOf: (item: Item) => string;
  /**
   * Neighbours in a lane that may start together: those of one `group` whose names all differ. Null: the item runs alone,
   * after what came before it in its lane and before what comes next.
   */
  readonly joins: (item: Item, index: number) => { readonly group: string; readonly name: string } | null;
  /** Items that run at once, at most; each lane that has begun gets an equal share, of STEP items where it has as many. */
  readonly atOnce: number;
  /** Shared with others that run items: an item takes a place of it while it runs. */
  readonly turns: Turns;
};

/** Neighbours that start together share what they cost, so a few lanes with many each are quicker than many with a few. */
const STEP = 16;

/**
 * Runs work for every item. Different lanes run at once. Within a lane, neighbours that may start together are started in
 * their order by one call of `run`; everything else runs by itself, and waits until all before it has finished. `run` gets the
 * indexes of the items and their group; it must not throw.
 */
export async function inLanes<Item>(
  items: readonly Item[], { laneOf, joins, atOnce, turns }: Lanes<Item>,
  run: (step: readonly number[], group: string | null) => Promise<void>,
): Promise<void> {
  const lanes = new Map<string, number[]>();
  items.forEach((item, index) => {
    const lane = laneOf(item);
    const known = lanes.get(lane);
    if (known === undefined) lanes.set(lane, [index]);
    else known.push(index);
  });
  const most = Math.min(atOnce, turns.max);
  const share = Math.max(Math.floor(atOnce / lanes.size), Math.min(STEP, Math.ceil(items.length / lanes.size)));
  const stepMax = Math.max(1, Math.min(share, most));
  // One iterator for all workers: each takes the next lane.
  const waiting = lanes.values();
  await Promise.all(Array.from({ length: Math.min(Math.floor(atOnce / stepMax), lanes.size) }, async () => {
    for (const lane of waiting) {
      for (const { indexes, group } of stepsOf(lane, stepMax, (index) => joins(items[index] as Item, index))) {
        const giveBack = await turns.take(indexes.length);
        await run(indexes, group).finally(giveBack);
      }
    }
  }));
}

type Step = { readonly indexes: readonly number[]; readonly group: string | null };

/** A lane cut into steps: the items of one step start together. */
function* stepsOf(lane: readonly number[], max: number, joins: (index: number) => ReturnType<Lanes<unknown>['joins']>): Iterable<Step> {
  let step: number[] = [];
  let group: string | null = null;
  const names = new Set<string>();
  for (const index of lane) {
    const joining = joins(index);
    const joinsStep = joining !== null && joining.group === group && !names.has(joining.name) && step.length < max;
    if (!joinsStep) {
      if (step.length > 0) yield { indexes: step, group };
      step = [];
      names.clear();
      group = joining?.group ?? null;
    }
    step.push(index);
    if (joining !== null) names.add(joining.name);
  }
  if (step.length > 0) yield { indexes: step, group };
}
