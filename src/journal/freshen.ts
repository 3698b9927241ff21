import type { Keyspace } from '../ledger/keys.js';
import type { Drain } from './drain.js';

/** Writes everything to Postgres that Redis had when it was called, so that a later read misses none of it. */
export interface Freshen {
  account(accountId: string): Promise<void>;
  all(): Promise<void>;
}

/**
 * Drains on demand, for reads that must include the latest writes. Any process may drain at any time; a drain in progress
 * elsewhere is waited for briefly. Throws ledger_unavailable when Postgres is down: then the read would fail as well.
 */
export function freshen(drain: Drain, keys: Keyspace): Freshen {
  const everyShard = Array.from({ length: keys.shards }, (_, shard) => shard);
  return {
    account: async (accountId) => { await drain([keys.shardOf(accountId)]); },
    all: async () => { await drain(everyShard); },
  };
}
