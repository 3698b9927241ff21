import type { Keyspace } from '../ledger/keys.js';
import type { Drain } from './drain.js';

/** Brings Postgres up to what Redis knew when it was called, so that a read after it misses nothing of before. */
export interface Freshen {
  account(accountId: string): Promise<void>;
  all(): Promise<void>;
}

/**
 * Drains on demand, for reads that must see what was written a moment ago. Any process may drain at any time; what
 * another drainer has under way is waited for briefly. Throws ledger_unavailable when Postgres is away: then there is
 * nothing to read either.
 */
export function freshen(drain: Drain, keys: Keyspace): Freshen {
  const everyShard = Array.from({ length: keys.shards }, (_, shard) => shard);
  return {
    account: async (accountId) => { await drain([keys.shardOf(accountId)]); },
    all: async () => { await drain(everyShard); },
  };
}
