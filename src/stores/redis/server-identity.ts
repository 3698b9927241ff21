import type { Redis } from 'ioredis';

/**
 * What changes when the data of a server may have: its run id with a restart, its replication id when it becomes a
 * master. The second alone tells of a master that was a replica in between, and took over the data of another.
 */
export async function readIdentity(redis: Pick<Redis, 'info'>): Promise<string> {
  const info = (await Promise.all([redis.info('server'), redis.info('replication')])).join('\n');
  const [runId, replicationId] = ['run_id', 'master_replid'].map((name) => new RegExp(`^${name}:(\\w+)`, 'm').exec(info)?.[1]);
  if (runId === undefined) throw new Error('INFO server names no run_id');
  return replicationId === undefined ? runId : `${runId}/${replicationId}`;
}
