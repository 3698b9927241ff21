import type { Redis } from 'ioredis';
import { within } from '../../../src/kit/within.js';
import { SLOTS } from '../../../src/stores/redis/slots.js';

/** A node that can be asked. */
export type Asked = { readonly id: string; readonly admin: Redis; readonly isRunning: () => boolean };

/** Ids of nodes. */
export type View = {
  /** The master of a slot; undefined: no node claims it. */
  ownerOf(slot: number): string | undefined;
  /** Masters that have slots. */
  readonly masters: readonly string[];
  replicasOf(master: string): readonly string[];
  /** Whether every node that was asked has answered, and takes the cluster for whole. */
  readonly isWhole: boolean;
};

type Line = {
  readonly id: string; readonly flags: readonly string[]; readonly master: string; readonly epoch: number;
  readonly ranges: readonly Range[];
};
type Range = readonly [first: number, last: number];

/** A node that is paused does not answer. */
const ANSWER_MS = 300;

/**
 * Asks all nodes. Each has its own view, and a node that was away has an old one: of a slot the claim with the highest
 * configuration epoch is right, as it is for the nodes themselves.
 */
export async function readView(nodes: readonly Asked[]): Promise<View> {
  const answers = await Promise.all(nodes.map(async ({ admin, isRunning }) => {
    if (!isRunning()) return null;
    const asked = Promise.all([admin.cluster('NODES') as Promise<string>, admin.cluster('INFO')]);
    return within(ANSWER_MS, 'asking a node', asked).catch(() => null);
  }));
  const heard = answers.filter((each) => each !== null);
  const claims = heard.flatMap(([text]) => linesOf(text)).filter(({ flags, ranges }) => flags.includes('master') && ranges.length > 0);
  const owners = new Array<string | undefined>(SLOTS).fill(undefined);
  for (const { id, ranges } of claims.toSorted((x, y) => x.epoch - y.epoch)) {
    for (const [first, last] of ranges) owners.fill(id, first, last + 1);
  }
  // A replica tells best itself whom it follows.
  const own = answers.flatMap((answer) => (answer === null ? [] : linesOf(answer[0]).filter(({ flags }) => flags.includes('myself'))));
  return {
    ownerOf: (slot) => owners[slot],
    masters: [...new Set(owners)].filter((id) => id !== undefined),
    replicasOf: (master) => own.filter((each) => each.master === master).map(({ id }) => id),
    isWhole: heard.length === nodes.length && heard.every(([, info]) => info.includes('cluster_state:ok')),
  };
}

/** `<id> <address> <flags> <master or -> <ping> <pong> <config epoch> <link state> <slot> <slot> …` */
function linesOf(text: string): Line[] {
  return text.trim().split('\n').map((line): Line => {
    const [id = '', , flags = '', master = '-', , , epoch = '0', , ...slots] = line.split(' ');
    return {
      id, flags: flags.split(','), master, epoch: Number(epoch),
      // `[slot->-node]` tells of a slot that is being moved.
      ranges: slots.filter((each) => !each.startsWith('[')).map((each): Range => {
        const [first = 0, last = first] = each.split('-').map(Number);
        return [first, last];
      }),
    };
  });
}
