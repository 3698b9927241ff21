/**
 * How long a write waits for others, so that a nudge tells of all of them: each costs several commands of Redis, and a drain takes the
 * processors from a burst that it follows at once. With the pause of the worker (journal/paced-drain.ts) it must stay below the 250 ms
 * that are promised from acknowledgement to Postgres (docs/architecture.md#from-redis-to-postgres).
 */
const NUDGE_EVERY_MS = 100;

export type NudgeDeps = {
  readonly addDrain: (shards: readonly number[]) => Promise<void>;
  /** Called when a nudge did not reach the queue. No entry is lost: a worker finds it within two seconds (look-for-work.ts). */
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
};

export type Nudge = {
  /** Marks a shard as written. Called after every write, so it costs one set insertion and never throws. */
  readonly touch: (shard: number) => void;
  readonly close: () => void;
};

/** Starts a drain of the shards that were written to, all of them in one job. Callers never wait for it. */
export function createNudge({ addDrain, onError, everyMs = NUDGE_EVERY_MS }: NudgeDeps): Nudge {
  const dirty = new Set<number>();
  let timer: NodeJS.Timeout | undefined;
  let isAdding = false;
  let isClosed = false;

  const schedule = (): void => {
    timer = setTimeout(flush, everyMs).unref();
  };
  const flush = (): void => {
    timer = undefined;
    const shards = [...dirty];
    dirty.clear();
    isAdding = true;
    addDrain(shards).catch(onError).finally(() => {
      isAdding = false;
      if (dirty.size > 0 && !isClosed) schedule();
    });
  };

  return {
    touch: (shard) => {
      dirty.add(shard);
      if (timer === undefined && !isAdding && !isClosed) schedule();
    },
    close: () => {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
