/**
 * Nudges of one process leave at most this often, so that a batch fills meanwhile: an entry in a full batch costs the
 * worker and Postgres less than half of what it costs in small ones. Longer would take too much of the quarter of a
 * second in which an entry should be in Postgres (design §6).
 */
const NUDGE_EVERY_MS = 100;

export type NudgeDeps = {
  readonly addDrain: (shards: readonly number[]) => Promise<void>;
  /** Told when a nudge did not reach the queue. Nothing is lost: the schedule drains every shard anyway. */
  readonly onError: (error: unknown) => void;
  readonly everyMs?: number;
};

export type Nudge = {
  /** Says that a shard was written to. Called after every write, so it costs a set insertion and never throws. */
  readonly touch: (shard: number) => void;
  readonly close: () => void;
};

/** Tells the drainer which shards have something new, all of them in one job, without ever waiting for an answer. */
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
