import { expect, test } from '@jest/globals';
import { askSlots, masterOf, newestOf, type SlotRange } from '../../../src/stores/redis/slot-map.js';

/** Each node of a Cluster tells the map as it knows it. One that was cut off or deposed has an old one. */

const LAST = 16_383;
const HALF = 8_191;
const HANGS_MS = 60_000;

/** A node's answer: its ranges with the port of the master, and the epoch of that master. */
const nodeWith = (rows: readonly [first: number, last: number, port: number][], epochs: Readonly<Record<number, number>>) => ({
  cluster: (subcommand: 'SLOTS' | 'NODES'): Promise<unknown> => Promise.resolve(subcommand === 'SLOTS'
    ? rows.map(([first, last, port]) => [first, last, ['10.0.0.1', port, `id-${port}`]])
    : Object.entries(epochs).map(([port, epoch]) => `id-${port} 10.0.0.1:${port}@1${port} master - 0 0 ${epoch} connected 0-1`).join('\n')),
});
type Node = ReturnType<typeof nodeWith>;
const ask = (node: Node): Promise<SlotRange[]> => askSlots(node, '10.0.0.9');
const ports = (map: readonly SlotRange[]): (number | undefined)[] => [0, HALF, HALF + 1, LAST].map((slot) => masterOf(map, slot)?.port);
/** Answers after the others. */
const late = (node: Node): Node => ({
  cluster: async (subcommand) => {
    await new Promise((resolve) => { setTimeout(resolve, 5); });
    return node.cluster(subcommand);
  },
});

/** Node 1 has been replaced by node 3, and takes itself for a master. */
const deposed = nodeWith([[0, HALF, 1], [HALF + 1, LAST, 2]], { 1: 1, 2: 2, 3: 0 });
const current = nodeWith([[0, HALF, 3], [HALF + 1, LAST, 2]], { 1: 1, 2: 2, 3: 7 });

test('of two answers about a slot the one with the higher configuration epoch counts, whichever comes first', async () => {
  expect(ports(await ask(deposed))).toEqual([1, 1, 2, 2]);
  expect(ports(await newestOf([deposed, late(current)], ask))).toEqual([3, 3, 2, 2]);
  expect(ports(await newestOf([late(deposed), current], ask))).toEqual([3, 3, 2, 2]);
  // Each may know something that the other does not.
  const other = nodeWith([[0, HALF, 1], [HALF + 1, LAST, 4]], { 1: 1, 4: 8 });
  expect(ports(await newestOf([other, current, deposed], ask))).toEqual([3, 3, 4, 4]);
});

test('a node that hangs or fails keeps no answer back', async () => {
  const hangs: Node = { cluster: () => new Promise((resolve) => { setTimeout(resolve, HANGS_MS).unref(); }) };
  const fails: Node = { cluster: () => Promise.reject(new Error('LOADING')) };
  expect(ports(await newestOf([hangs, fails, current], ask))).toEqual([3, 3, 2, 2]);
  await expect(newestOf([fails, nodeWith([], {})], ask)).rejects.toThrow(/LOADING|no slots/);
});

test('without the right to ask for epochs the first answer counts', async () => {
  const without = (node: Node): Node => ({
    cluster: (subcommand) => (subcommand === 'NODES'
      ? Promise.reject(new Error("NOPERM User gateway has no permissions to run the 'cluster|nodes' command")) : node.cluster(subcommand)),
  });
  expect(ports(await newestOf([without(current), late(without(deposed))], ask))).toEqual([3, 3, 2, 2]);
});
