import { describe, expect, test } from '@jest/globals';
import { placedTogether } from '../../src/edge/v1/operations.js';
import { inLanes } from '../../src/kit/in-lanes.js';
import { turns } from '../../src/kit/turns.js';

/** Which operations of a batch start together, and in what order (docs/contracts/native.md#batches). */
type Operation = { readonly op: string; readonly id?: string; readonly idempotencyKey?: string; readonly body: { readonly id?: string } };
const place = (id?: string): Operation => ({ op: 'holds.place', body: id === undefined ? {} : { id } });
const extend = (id: string): Operation => ({ op: 'holds.extend', id, body: {} });

/** The starts of the operations of one account, as groups: a group ends when nothing more starts before one of it finishes. */
async function startsOf(
  operations: readonly Operation[], { isKeyed = false, atOnce = 100 }: { readonly isKeyed?: boolean; readonly atOnce?: number } = {},
): Promise<number[][]> {
  const groups: number[][] = [];
  const running: (() => void)[] = [];
  const state = { isDone: false };
  const all = inLanes(operations, {
    laneOf: () => '', joins: (operation, index) => placedTogether(operation, isKeyed ? String(index) : null), atOnce, turns: turns(atOnce),
  }, (step) => new Promise((resolve) => {
    if (running.length === 0) groups.push([]);
    groups.at(-1)?.push(...step);
    running.push(resolve);
  })).then(() => { state.isDone = true; });
  while (!state.isDone) {
    await new Promise((resolve) => { setImmediate(resolve); }); // everything that may start has started
    // The last that started finishes first, so that nothing depends on the order of the answers.
    for (const finish of running.splice(0).toReversed()) finish();
  }
  await all;
  return groups;
}

describe('neighbouring placements of one account', () => {
  test.each<[string, readonly Operation[], number[][]]>([
    ['of different ids start together, in their order', [place('a'), place('b'), place('c')], [[0, 1, 2]]],
    ['of one id wait for the earlier one', [place('a'), place('b'), place('a'), place('c')], [[0, 1], [2, 3]]],
    ['without ids start together', [place(), place(), place()], [[0, 1, 2]]],
    ['with and without an id take different ways to Redis', [place('a'), place('b'), place(), place(), place('c')], [[0, 1], [2, 3], [4]]],
    ['wait for whatever else is between them', [place('a'), place('b'), extend('a'), extend('b'), place('c')], [[0, 1], [2], [3], [4]]],
    ['with a key of their own run alone', [place('a'), { ...place('b'), idempotencyKey: 'k' }, place('c')], [[0], [1], [2]]],
    ['with an id that is no text run alone', [place('a'), place(1 as unknown as string), place('b')], [[0], [1], [2]]],
  ])('%s', async (_, operations, expected) => {
    expect(await startsOf(operations)).toEqual(expected);
  });

  test('of a batch with a key go the same way with an id or without', async () => {
    expect(await startsOf([place('a'), place(), place(), place('a')], { isKeyed: true })).toEqual([[0, 1, 2], [3]]);
  });

  test('are as many at once as the batch may run', async () => {
    expect(await startsOf(['a', 'b', 'c', 'd', 'e'].map(place), { atOnce: 2 })).toEqual([[0, 1], [2, 3], [4]]);
  });
});

describe('different accounts', () => {
  test('run at once, and share the bound with all other batches', async () => {
    const shared = turns(3);
    let running = 0;
    let most = 0;
    const ended: number[] = [];
    const one = (batch: number) => inLanes(Array.from({ length: 20 }, (_, index) => index), {
      laneOf: (index) => String(index % 5), joins: (index) => ({ group: '', name: String(index) }), atOnce: 10, turns: shared,
    }, async (step) => {
      running += step.length;
      most = Math.max(most, running);
      await new Promise((resolve) => { setImmediate(resolve); });
      running -= step.length;
    }).then(() => { ended.push(batch); });
    await Promise.all([one(0), one(1), one(2)]);
    expect(ended).toHaveLength(3);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });
});
