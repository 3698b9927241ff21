import type { SlotRange } from './slot-map.js';
import { SLOTS } from './slots.js';

/** Which node has each slot, and since when: a number that the caller gives to each change. */
export type SlotOwners<Node> = {
  readonly of: (slot: number) => Node | undefined;
  readonly since: (slot: number) => number;
  /** Whether the node has a slot. */
  readonly has: (node: Node) => boolean;
  /** Whether every slot has a node of which this is true. */
  readonly every: (test: (node: Node) => boolean) => boolean;
  /** Gives one slot to a node. False: the node has it. */
  readonly give: (slot: number, node: Node | undefined, at: number) => boolean;
  /** Takes a whole map; slots that it does not name have no node then. False: nothing changed. */
  readonly apply: (map: readonly SlotRange[], nodeOf: (range: SlotRange) => Node, at: number) => boolean;
};

export function slotOwners<Node extends object>(): SlotOwners<Node> {
  const owners = new Array<Node | undefined>(SLOTS).fill(undefined);
  const sinces = new Float64Array(SLOTS);

  const give = (slot: number, node: Node | undefined, at: number): boolean => {
    if (owners[slot] === node) return false;
    owners[slot] = node;
    sinces[slot] = at;
    return true;
  };
  return {
    of: (slot) => owners[slot],
    since: (slot) => sinces[slot] ?? 0,
    has: (node) => owners.includes(node),
    every: (test) => owners.every((node) => node !== undefined && test(node)),
    give,
    apply(map, nodeOf, at) {
      let isChanged = false;
      let slot = 0;
      const upTo = (end: number, node: Node | undefined): void => {
        for (; slot < end; slot += 1) isChanged = give(slot, node, at) || isChanged;
      };
      for (const range of map.toSorted((a, b) => a.first - b.first)) {
        upTo(range.first, undefined);
        upTo(range.last + 1, nodeOf(range));
      }
      upTo(SLOTS, undefined);
      return isChanged;
    },
  };
}
