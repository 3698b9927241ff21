import { clearStop } from '../books/shards.table.js';
import type { Db } from '../stores/postgres/connect.js';
import type { Drain } from './drain.js';

export type ResumeCommand = { readonly shard: number; readonly reason: string; readonly actor: string };

/** `stoppedAgain`: the contradiction still exists. */
export type Resumed =
  | { readonly status: 'not_stopped' }
  | { readonly status: 'resumed'; readonly entries: number }
  | { readonly status: 'stopped_again'; readonly entries: number; readonly reason: string };

/**
 * Lets the drain of a stopped shard continue where it stopped, after the contradicting data in Postgres was corrected, or
 * a version that understands the entry was deployed. Nothing is skipped: the cursor stays, and an entry that still
 * contradicts the stored data stops the shard again.
 */
export async function resumeShard(
  { db, drain }: { readonly db: Db; readonly drain: Drain }, { shard, reason, actor }: ResumeCommand,
): Promise<Resumed> {
  if (!await clearStop(db, shard, { reason, actor })) return { status: 'not_stopped' };
  const { entries, stopped } = await drain([shard]);
  const again = stopped.find((each) => each.shard === shard);
  return again === undefined ? { status: 'resumed', entries } : { status: 'stopped_again', entries, reason: again.reason };
}
