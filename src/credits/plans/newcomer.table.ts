import type { Db } from '../../stores/postgres/connect.js';

/** SQL: accounts of which it is not decided yet whether they get welcome credits, oldest first. */
export const NEWCOMERS = `from profiles where welcome is null and names_from is distinct from 'admin' order by first_seen`;

/** Accounts without a decision about the welcome credits, oldest first. Users who were only registered are not listed. */
export async function readNewcomers(db: Db, limit: number): Promise<string[]> {
  const { rows } = await db.raw<{ rows: { accountId: string }[] }>(
    `select account_id as "accountId" ${NEWCOMERS} limit ?::integer`,
    [limit],
  );
  return rows.map(({ accountId }) => accountId);
}

export async function decideWelcome(db: Db, accountIds: readonly string[], welcome: 'none' | 'granted'): Promise<void> {
  if (accountIds.length === 0) return;
  await db.raw('update profiles set welcome = ? where account_id = any(?::text[]) and welcome is null', [welcome, [...accountIds]]);
}
