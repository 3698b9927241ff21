import { DRAIN_ENTRIES_MAX } from '../limits.js';
import { classifyPostgresError } from '../postgres/errors.js';
import { drainBatch, type BatchDeps } from './drain-batch.js';
import { Contradiction, ShardFault } from './shard-fault.js';
import { readShards, stopShard } from './shards.table.js';

export type Isolated = { readonly stoppedReason: string | null; readonly quarantined: number };

/** Halving a batch down to one entry takes ten attempts, and every attempt that succeeds moves the cursor. */
const ATTEMPTS_MAX = 64;

/**
 * Drains one shard up to the entry that cannot be written, and deals with that entry: text that Postgres cannot store
 * is put aside and its money goes in; anything else stops the shard, because to skip an entry would be to invent money
 * (design §6). Does nothing to a shard that turns out to be sound.
 */
export async function isolateFault(deps: BatchDeps, shard: number): Promise<Isolated> {
  let limit = DRAIN_ENTRIES_MAX;
  let stripText = false;
  let quarantined = 0;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const cursor = (await readShards(deps.db)).find((row) => row.shard === shard);
    if (cursor?.stoppedReason !== null) return { stoppedReason: null, quarantined };
    try {
      const batch = await drainBatch(deps, [shard], { limit, stripText });
      quarantined += batch.written.quarantined;
      if (limit === DRAIN_ENTRIES_MAX || stripText || batch.entries.length === 0) return { stoppedReason: null, quarantined };
    } catch (error) {
      const next = narrow(error, limit, stripText);
      if (next === 'stop') {
        const reason = error instanceof Error ? error.message : String(error);
        return { stoppedReason: await stopShard(deps.db, cursor, reason) ? reason : null, quarantined };
      }
      ({ limit, stripText } = next);
    }
  }
  return { stoppedReason: null, quarantined };
}

type Narrower = { readonly limit: number; readonly stripText: boolean };

/** What to try after a failed attempt. Rethrows what is not the batch's fault, such as a lost connection. */
function narrow(error: unknown, limit: number, stripText: boolean): Narrower | 'stop' {
  if (error instanceof ShardFault) return error.sound > 0 ? { limit: error.sound, stripText: false } : 'stop';
  const problem = error instanceof Contradiction || error instanceof RangeError ? 'constraint' : classifyPostgresError(error);
  if (problem !== 'data' && problem !== 'constraint') throw error;
  if (limit > 1) return { limit: Math.floor(limit / 2), stripText: false };
  return problem === 'data' && !stripText ? { limit, stripText: true } : 'stop';
}
