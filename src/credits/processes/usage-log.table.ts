import type { Db } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';

export type UsageLog = { readonly logId: number; readonly atMs: number };

/** Keeps what a client tells of a feature's use, as JSON text. */
export async function insertUsageLog(db: Db, accountId: string, payload: string): Promise<UsageLog> {
  const { rows } = await db.raw<{ rows: UsageLog[] }>(
    `insert into feature_usage_logs (account_id, payload) values (?, ?) returning log_id as "logId", ${toMs('at')} as "atMs"`,
    [accountId, payload],
  );
  if (rows[0] === undefined) throw new Error('a usage log was inserted and is not there');
  return rows[0];
}
