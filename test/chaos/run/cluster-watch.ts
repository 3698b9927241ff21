import type { Keyspace } from '../../../src/ledger/keys.js';
import { slotOf } from '../../../src/stores/redis/slots.js';
import type { Faults } from './breakage.js';
import type { ChaosNode, RedisNodes } from './redis-nodes.js';

/** Shards that may have lost entries, and when the gateway may have noticed it. Times are ms since 1970. */
export type Reason = { readonly shards: readonly number[]; readonly fromMs: number; readonly untilMs: number };

/** Whether one of these is a reason for the loss: its shard, at the time at which it was noticed. */
export const reasonedBy = (reasons: () => readonly Reason[]): Faults['mayCause'] => ({ shard, noticedMs }) =>
  reasons().some(({ shards, fromMs, untilMs }) => shards.includes(shard) && fromMs <= noticedMs && noticedMs <= untilMs);

/** Which master each shard has, and whether it changed without a fault that says so. */
export type ClusterWatch = {
  /** The master of each shard. */
  owners(): Promise<readonly (ChaosNode | undefined)[]>;
  /** Runs a fault that is about these shards: that they get another master is its own affair. */
  during<T>(shards: readonly number[], work: () => Promise<T>): Promise<T>;
  /** Failovers of which no fault said that they would come. A busy machine may cause one. */
  readonly unplanned: readonly Reason[];
  close(): void;
};

const EVERY_MS = 150;
/** The gateway may notice it late when it is broken itself. */
const NOTICED_WITHIN_MS = 30_000;

export function clusterWatch(
  { nodes, view }: Pick<RedisNodes, 'nodes' | 'view'>, keys: Keyspace, onUnplanned: (shards: readonly number[]) => void,
): ClusterWatch {
  const slots = Array.from({ length: keys.shards }, (_, shard) => slotOf(keys.fence(shard)));
  const unplanned: Reason[] = [];
  const planned = new Set<number>();
  let known: readonly (ChaosNode | undefined)[] = [];
  let knownAtMs = Date.now();
  const owners = async (): Promise<readonly (ChaosNode | undefined)[]> => {
    const seen = await view();
    return slots.map((slot) => nodes.find(({ id }) => id === seen.ownerOf(slot)));
  };
  const look = async (): Promise<void> => {
    const atMs = Date.now();
    const found = await owners();
    const lost = new Set(found.flatMap((owner, shard) => {
      const former = known[shard];
      return owner === undefined || former === undefined || owner === former || planned.has(shard) ? [] : [former];
    }));
    const shards = known.flatMap((owner, shard) => (owner !== undefined && lost.has(owner) ? [shard] : []));
    if (shards.length > 0) {
      unplanned.push({ shards, fromMs: knownAtMs, untilMs: Date.now() + NOTICED_WITHIN_MS });
      onUnplanned(shards);
    }
    known = found.map((owner, shard) => owner ?? known[shard]);
    knownAtMs = atMs;
  };
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => { looking ??= look().finally(() => { looking = undefined; }); }, EVERY_MS);
  return {
    owners, unplanned,
    async during(shards, work) {
      for (const shard of shards) planned.add(shard);
      try {
        return await work();
      } finally {
        await looking;
        await look();
        for (const shard of shards) planned.delete(shard);
      }
    },
    close: () => { clearInterval(timer); },
  };
}
