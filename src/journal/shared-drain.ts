import { orLate } from '../kit/deadline.js';
import { GatewayError } from '../kit/errors.js';
import { DRAIN_BATCHES_PER_RUN_MAX, DRAIN_ENTRIES_MAX } from '../kit/limits.js';
import { isRedisAway } from '../stores/redis/redis-away.js';
import type { Drain, DrainReport } from './drain.js';

/** How long a reader waits for Postgres to catch up: usually it takes milliseconds, after a long outage minutes. */
const PATIENCE_MS = 5_000;

/**
 * Drains on behalf of readers, one run at a time, so that readers leave the drain's connections to the workers. Readers
 * that arrive during a run share the next one, because the current run may already have passed their shard. A run
 * continues until the shards are drained: a batch in progress in a worker may have been read before the reader's write.
 *
 * Throws GatewayError ledger_unavailable when it takes too long, or when Redis or Postgres is down.
 */
export function sharedDrain(drain: Drain): Drain {
  let last: Promise<unknown> = Promise.resolve();
  let next: { readonly shards: Set<number>; readonly done: Promise<DrainReport> } | null = null;

  const begin = (): NonNullable<typeof next> => {
    const shards = new Set<number>();
    const done = last.then(() => {
      next = null;
      return untilDrained(drain, [...shards]);
    });
    last = done.catch(() => undefined);
    return { shards, done };
  };

  return (shards) => {
    next ??= begin();
    for (const shard of shards) next.shards.add(shard);
    return orLate(PATIENCE_MS, next.done, () => { throw late(); });
  };
}

async function untilDrained(drain: Drain, shards: readonly number[]): Promise<DrainReport> {
  const deadline = performance.now() + PATIENCE_MS;
  let pending = shards;
  for (;;) {
    const report = await drain(pending).catch(refuseRedisOutage);
    const isBehind = hasBacklog(report);
    if (report.busy.length === 0 && !isBehind) return report;
    if (performance.now() > deadline) throw late();
    pending = isBehind ? pending : report.busy;
  }
}

/**
 * Whether the run stopped within a backlog, which shows in full batches. Otherwise only newer entries were left, which no
 * reader waits for.
 */
const hasBacklog = ({ batches, entries, redelivered }: DrainReport): boolean =>
  batches >= DRAIN_BATCHES_PER_RUN_MAX && entries + redelivered >= (batches * DRAIN_ENTRIES_MAX) / 2;

const late = (): GatewayError =>
  new GatewayError('ledger_unavailable', 'the records are still being written; retry shortly', { outcome: 'not_executed' });

/** Throws ledger_unavailable when Redis is down, and any other error unchanged. */
export function refuseRedisOutage(error: unknown): never {
  if (isRedisAway(error) && !(error instanceof GatewayError)) {
    throw new GatewayError('ledger_unavailable', 'the ledger is not answering; retry shortly', { outcome: 'not_executed', cause: error });
  }
  throw error;
}
