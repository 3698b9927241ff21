import type { Redis } from 'ioredis';

/** A server, and whose data it has. */
export type ServerIdentity = {
  /**
   * Changes when the data of the server may have: its run id with a restart, its replication id when it becomes a master. The
   * second alone tells of a master that was a replica in between, and took over the data of another.
   */
  readonly name: string;
  /** What this master writes, from its start or promotion on; no other master has it. Null: the server does not tell it. */
  readonly replicationId: string | null;
  /** The same of the master whose replica it was before it was promoted, or of itself before its start; null: none. */
  readonly previousId: string | null;
};

export async function readIdentity(redis: Pick<Redis, 'info'>): Promise<ServerIdentity> {
  const info = (await Promise.all([redis.info('server'), redis.info('replication')])).join('\n');
  const [runId, replicationId = null, previousId = null] = ['run_id', 'master_replid', 'master_replid2']
    .map((name) => new RegExp(`^${name}:(\\w+)`, 'm').exec(info)?.[1]);
  if (runId === undefined) throw new Error('INFO server names no run_id');
  return {
    name: replicationId === null ? runId : `${runId}/${replicationId}`, replicationId,
    previousId: previousId === null || /^0+$/.test(previousId) ? null : previousId,
  };
}
