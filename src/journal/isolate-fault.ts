import { readShards, stopShard } from '../books/shards.table.js';
import { DRAIN_ENTRIES_MAX } from '../kit/limits.js';
import type { Db } from '../stores/postgres/connect.js';
import { classifyPostgresError } from '../stores/postgres/errors.js';
import type { Batch, BatchOptions } from './drain-batch.js';
import { Contradiction, ShardFault } from './shard-fault.js';

export type IsolateDeps = {
  readonly db: Db;
  /** One transaction: `drainBatch`, reported to the observer. */
  readonly drainOnce: (shards: readonly number[], options: BatchOptions) => Promise<Batch>;
};

/** Halving a batch down to one entry takes ten attempts; every successful attempt moves the cursor. */
const ATTEMPTS_MAX = 64;

/**
 * Drains one shard up to the entry that cannot be written, and handles that entry: text that Postgres cannot store is
 * quarantined and the money booked; any other fault stops the shard, because skipping an entry would create or destroy
 * money (docs/architecture.md#from-redis-to-postgres). Does nothing to a shard without a fault. Returns why the shard was stopped, or null.
 */
export async function isolateFault({ db, drainOnce }: IsolateDeps, shard: number): Promise<string | null> {
  let limit = DRAIN_ENTRIES_MAX;
  let stripText = false;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const cursor = (await readShards(db)).find((row) => row.shard === shard);
    if (cursor?.stoppedReason !== null) return null;
    try {
      const batch = await drainOnce([shard], { limit, stripText });
      if (limit === DRAIN_ENTRIES_MAX || stripText || batch.entries.length === 0) return null;
    } catch (error) {
      const next = narrow(error, limit, stripText);
      if (next === 'stop') {
        const reason = error instanceof Error ? error.message : String(error);
        return await stopShard(db, cursor, reason) ? reason : null;
      }
      ({ limit, stripText } = next);
    }
  }
  return null;
}

type Narrower = { readonly limit: number; readonly stripText: boolean };

/** What to try after a failed attempt. Rethrows errors that the batch did not cause, such as a lost connection. */
function narrow(error: unknown, limit: number, stripText: boolean): Narrower | 'stop' {
  if (error instanceof ShardFault) return error.sound > 0 ? { limit: error.sound, stripText: false } : 'stop';
  const problem = error instanceof Contradiction || error instanceof RangeError ? 'constraint' : classifyPostgresError(error);
  if (problem !== 'data' && problem !== 'constraint') throw error;
  if (limit > 1) return { limit: Math.floor(limit / 2), stripText: false };
  return problem === 'data' && !stripText ? { limit, stripText: true } : 'stop';
}
