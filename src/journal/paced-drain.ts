import { setTimeout as sleep } from 'node:timers/promises';
import type { Drain, DrainReport } from './drain.js';

export type PacedDrain = {
  /** The report of the call's run; null: the run of an earlier call takes these shards along. Rejects like `Drain`. */
  readonly drain: (shards: readonly number[]) => Promise<DrainReport | null>;
  /** Ends the pauses, for good: what waits runs at once. */
  readonly hurry: () => void;
};

/** From this size on an entry costs about the same in any larger batch, so a run after such batches does not wait. */
const FULL_ENOUGH = 500;

/**
 * Runs one drain at a time, with pauses in which entries gather: each batch has costs that do not depend on its entries, so few large
 * batches cost less than many small ones. The next run begins as late as it can for an entry to be in Postgres `withinMs` milliseconds
 * after the last run began, if it takes as long as that one; at once when that one took long or found full batches. The first run after
 * a pause begins at once. Shards that are asked for in the meantime are drained together by the next run. The call that it
 * belongs to gets its report or its error; the others end at once with null, so they occupy no job.
 */
export function pacedDrain(drain: Drain, withinMs: number): PacedDrain {
  const hurried = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  let nextAtMs = -Infinity;
  let waiting: Set<number> | null = null;

  const run = async (shards: ReadonlySet<number>): Promise<DrainReport> => {
    await last;
    const pauseMs = nextAtMs - performance.now();
    // Rejects when it is aborted.
    if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: hurried.signal }).catch(() => undefined);
    waiting = null;
    const startedAtMs = performance.now();
    nextAtMs = startedAtMs + withinMs;
    const report = await drain([...shards]);
    const isFull = report.batches > 0 && report.entries + report.redelivered >= report.batches * FULL_ENOUGH;
    const tookMs = performance.now() - startedAtMs;
    nextAtMs = isFull ? startedAtMs : startedAtMs + withinMs - tookMs;
    return report;
  };

  return {
    drain: (shards) => {
      if (waiting !== null) {
        for (const shard of shards) waiting.add(shard);
        return Promise.resolve(null);
      }
      waiting = new Set(shards);
      const running = run(waiting);
      last = running.catch(() => undefined);
      return running;
    },
    hurry: () => { hurried.abort(); },
  };
}
