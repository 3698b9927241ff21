import { SWEEP_BATCH_MAX } from '../../kit/limits.js';
import type { Keyspace, ShardKeys } from '../../ledger/keys.js';
import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';

export type SweepDeps = {
  readonly redis: Pick<ShardedRedis, 'membersUpTo' | 'timeMs'>;
  readonly keys: Keyspace;
  /** The epoch of a shard, or undefined while it is unknown: then the shard is skipped. */
  readonly epochOf: (shard: number) => number | undefined;
  /** Added to Redis' clock. Tests use it, together with the scripts' own offset, to move time. */
  readonly timeOffsetMs?: () => number;
};

export type SweepReport = { readonly due: number; readonly ended: number };

/** Passes of one job over a shard that always has more work; the next job continues. */
const PASSES_MAX = 10;
/** Expiries in progress at once: keeps the ledger's connection busy and leaves room for requests. */
const CONCURRENCY = 32;

/**
 * Ends what is due in these shards, in bounded batches per shard and pass. `end` returns whether it ended the member;
 * a member that it could not end stays in the index, and the next pass continues after it.
 */
export async function sweepDue(
  deps: SweepDeps, shards: readonly number[], indexOf: (keys: ShardKeys) => string, end: (member: string) => Promise<boolean>,
): Promise<SweepReport> {
  const nowMs = Math.floor(await deps.redis.timeMs(deps.keys.fence(shards[0] ?? 0))) + (deps.timeOffsetMs?.() ?? 0);
  const report = { due: 0, ended: 0 };
  let active = shards.flatMap((shard) => {
    const epoch = deps.epochOf(shard);
    return epoch === undefined ? [] : [{ key: indexOf(deps.keys.shard(shard, epoch)), skip: 0 }];
  });
  for (let pass = 0; pass < PASSES_MAX && active.length > 0; pass += 1) {
    const members = await deps.redis.membersUpTo(active, nowMs, SWEEP_BATCH_MAX);
    const found = active.map((at, index) => ({ at, members: members[index] ?? [] }));
    await inParallel(found.flatMap(({ at, members: due }) => due.map((member) => async () => {
      if (await end(member)) report.ended += 1;
      else at.skip += 1;
    })));
    for (const { members: due } of found) report.due += due.length;
    active = found.filter(({ members: due }) => due.length === SWEEP_BATCH_MAX).map(({ at }) => at);
  }
  return report;
}

/** Runs the work, `CONCURRENCY` items at a time. Starts nothing more after the first failure. */
async function inParallel(work: readonly (() => Promise<void>)[]): Promise<void> {
  let at = 0;
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, work.length) }, async () => {
    for (let next = work[at++]; next !== undefined; next = work[at++]) {
      await next().catch((error: unknown) => {
        at = work.length;
        throw error;
      });
    }
  }));
}
