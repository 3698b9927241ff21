import type { Micros } from '../kit/money/micros.js';
import type { Db } from '../stores/postgres/connect.js';
import { fromMs, toMs } from '../stores/postgres/unnest.js';

/** A place in the list of live lots: by account, then by expiry (never comes last), then by id. */
export type LivePosition = { readonly accountId: string; readonly expiresAtMs: number | null; readonly lotId: string };

export type LiveLot = LivePosition & {
  readonly amount: Micros;
  readonly remaining: Micros;
  readonly grantedAtMs: number;
  readonly actor: string | null;
  readonly notes: string | null;
  readonly username: string | null;
  readonly email: string | null;
};

/** Before every lot: no account has an empty id. */
const START: LivePosition = { accountId: '', expiresAtMs: 0, lotId: '' };

/**
 * Live lots with credits left, after a place in their order. The first condition on the account makes the index usable;
 * an account has few lots (limits.ts), which are sorted after reading.
 */
export async function readLivePage(
  db: Db, { nowMs, after, limit }: { readonly nowMs: number; readonly after: LivePosition | null; readonly limit: number },
): Promise<LiveLot[]> {
  const { accountId, expiresAtMs, lotId } = after ?? START;
  const { rows } = await db.raw<{ rows: LiveLot[] }>(
    `select l.account_id as "accountId", l.lot_id as "lotId", l.amount, l.remaining, l.actor, l.notes, p.username, p.email,
            ${toMs('l.granted_at')} as "grantedAtMs", ${toMs('l.expires_at')} as "expiresAtMs"
       from lots l left join profiles p on p.account_id = l.account_id
      where l.closed_at is null and l.remaining > 0 and (l.expires_at is null or l.expires_at > ${fromMs(':nowMs::double precision')})
        and l.account_id >= :accountId
        and (l.account_id, coalesce(l.expires_at, 'infinity'), l.lot_id)
            > (:accountId, coalesce(${fromMs(':expiresAtMs::double precision')}, 'infinity'), :lotId)
      order by l.account_id, coalesce(l.expires_at, 'infinity'), l.lot_id limit :limit::integer`,
    { nowMs, accountId, expiresAtMs, lotId, limit },
  );
  return rows;
}
