import type { ShardRow } from '../books/shards.table.js';
import type { Keyspace } from '../ledger/keys.js';
import { isDeposed } from '../ledger/verify-shards.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';

type CurrentServersDeps = { readonly redis: Pick<ShardedRedis, 'serversOf' | 'connectionOf'>; readonly keys: Keyspace };

/** Shards that may be read, and whether what was read of one since is from the server that was looked at. */
export type CurrentServers = { readonly rows: readonly ShardRow[]; readonly isSame: (row: ShardRow) => boolean };

/**
 * Those of the locked shards whose server was not replaced by its replica. A process may be connected to the old master for seconds
 * after others use the new one, and what the old master has got meanwhile must not reach Postgres: its numbers are given again.
 * Costs nothing before the first failover.
 */
export async function currentServers({ redis, keys }: CurrentServersDeps, locked: readonly ShardRow[]): Promise<CurrentServers> {
  const asked = locked.filter(({ deposed }) => deposed.length > 0);
  if (asked.length === 0) return { rows: locked, isSame: () => true };
  const connectionOf = ({ shard }: ShardRow): number | null => redis.connectionOf(keys.fence(shard));
  const connections = new Map(asked.map((row) => [row, connectionOf(row)]));
  const servers = await redis.serversOf(asked.map(({ shard }) => keys.fence(shard)));
  const isSame = (row: ShardRow): boolean => !connections.has(row) || connectionOf(row) === connections.get(row);
  const refused = new Set(asked.filter((row, index) => servers[index] == null || isDeposed(row, servers[index]) || !isSame(row)));
  return { rows: locked.filter((row) => !refused.has(row)), isSame };
}
