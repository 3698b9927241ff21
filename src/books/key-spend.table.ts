import { micros } from '../kit/money/micros.js';
import { nameOfAccount } from '../ledger/account-name.js';
import type { SpentByKey } from '../ledger/key-spend.js';
import type { Db } from '../stores/postgres/connect.js';
import { fromMs } from '../stores/postgres/unnest.js';

/**
 * What a key has spent since a time, to the minute, and what open holds that were placed since then hold. As of the last drain: for
 * counting anew after a loss of Redis.
 */
export async function readSpentByKey(db: Db, name: string, sinceMs: number): Promise<SpentByKey> {
  const { rows: [spent] } = await db.raw<{ rows: [{ captured: string }] }>(
    `select coalesce(sum(captured), 0)::text as captured from usage_minutes
      where api_key = ? and minute >= date_trunc('minute', ${fromMs('?::double precision')}, 'UTC')`,
    [name, sinceMs],
  );
  const { rows: holds } = await db.raw<{ rows: { accountId: string; holdId: string; amount: number }[] }>(
    `select account_id as "accountId", hold_id as "holdId", amount from holds
      where state = 'open' and split_part(spending, ';', 3) = ? and placed_at >= ${fromMs('?::double precision')}`,
    [nameOfAccount(name), sinceMs],
  );
  const held = holds.map((hold) => ({ ...hold, amount: micros(hold.amount) }));
  return { used: micros(held.reduce((sum, { amount }) => sum + amount, Math.max(0, Number(spent.captured)))), holds: held };
}
