import type { Micros } from '../kit/money/micros.js';
import type { Db } from '../stores/postgres/connect.js';
import { toMs } from '../stores/postgres/unnest.js';

/** A lot of an account, also one that is used up. */
export type AccountLot = {
  readonly lotId: string;
  readonly openedSeq: number;
  readonly kind: string;
  readonly amount: Micros;
  readonly remaining: Micros;
  readonly held: Micros;
  readonly grantedAtMs: number;
  readonly expiresAtMs: number | null;
  /** When nothing was left of it, available or held; null: something is. */
  readonly closedAtMs: number | null;
  readonly source: string | null;
  readonly reason: string | null;
  /** '' for none (ledger/lot-rule.ts). */
  readonly rule: string;
};

export type AccountLotsQuery = {
  readonly accountId: string;
  /** Only lots that something is left of. */
  readonly liveOnly: boolean;
  /** Only lots that were opened by an entry before this one; undefined: from the newest. */
  readonly before: LotPosition | undefined;
  readonly limit: number;
};

/** An entry may open more than one lot. */
export type LotPosition = { readonly openedSeq: number; readonly lotId: string };

/** Lots of an account, the newest first. */
export async function readAccountLots(db: Db, { accountId, liveOnly, before, limit }: AccountLotsQuery): Promise<AccountLot[]> {
  const { openedSeq, lotId } = before ?? { openedSeq: Number.MAX_SAFE_INTEGER, lotId: '' };
  const { rows } = await db.raw<{ rows: AccountLot[] }>(
    `select lot_id as "lotId", opened_seq as "openedSeq", kind, amount, remaining, held, source, reason, rule,
            ${toMs('granted_at')} as "grantedAtMs", ${toMs('expires_at')} as "expiresAtMs", ${toMs('closed_at')} as "closedAtMs"
       from lots
      where account_id = :accountId and (:liveOnly = false or closed_at is null)
        and (opened_seq, lot_id) < (:openedSeq::bigint, :lotId)
      order by opened_seq desc, lot_id desc limit :limit::integer`,
    { accountId, liveOnly, openedSeq, lotId, limit },
  );
  return rows;
}
