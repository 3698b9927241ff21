import type { Micros } from '../../kit/money/micros.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';
import { fromMs, toMs } from '../../stores/postgres/unnest.js';

export type ExpiringLot = {
  readonly accountId: string;
  readonly lotId: string;
  readonly remaining: Micros;
  readonly held: Micros;
  readonly expiresAtMs: number;
};

const NOW = fromMs(':nowMs::double precision');

/** Lots with credits that end within `aheadMs`, or within half of their life; marks them, so that each is returned once. */
export async function takeExpiringLots(
  trx: Trx, { nowMs, aheadMs, limit }: { readonly nowMs: number; readonly aheadMs: number; readonly limit: number },
): Promise<ExpiringLot[]> {
  const { rows } = await trx.raw<{ rows: ExpiringLot[] }>(
    `with found as (
       select account_id, lot_id, remaining, held, expires_at from lots
        where remaining > 0 and expires_at > ${NOW} and expires_at <= ${NOW} + :aheadMs::double precision * interval '1 millisecond'
          and expires_at - ${NOW} <= (expires_at - granted_at) / 2
          and not exists (select from told_lots t where t.account_id = lots.account_id and t.lot_id = lots.lot_id)
        order by expires_at limit :limit::integer),
     told as (
       insert into told_lots (account_id, lot_id, expires_at) select account_id, lot_id, expires_at from found
       on conflict do nothing returning account_id, lot_id)
     select account_id as "accountId", lot_id as "lotId", remaining, held, ${toMs('expires_at')} as "expiresAtMs"
       from found join told using (account_id, lot_id) order by expires_at`,
    { nowMs, aheadMs, limit },
  );
  return rows;
}

/** Forgets lots that had ended by then. */
export async function forgetToldLots(db: Db, beforeMs: number): Promise<void> {
  await db.raw(`delete from told_lots where expires_at < ${fromMs('?::double precision')}`, [beforeMs]);
}
