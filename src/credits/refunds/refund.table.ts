import type { Micros } from '../../kit/money/micros.js';
import { decodeLotDeltas, type EntryKind, type LotDelta } from '../../ledger/entry.js';
import type { Trx, Db } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';

/** An entry of the ledger that a refund may name, or that belongs to what it names. */
export type RefundableEntry = {
  readonly seq: number; readonly kind: EntryKind; readonly captured: Micros; readonly overage: Micros; readonly debt: Micros;
  readonly lots: readonly LotDelta[]; readonly holdId: string; readonly about: string;
};

type EntryColumns = Omit<RefundableEntry, 'lots'> & { readonly lots: string };

const ENTRY = `e.seq, e.kind, e.captured, e.overage, e.debt, e.lots, e.hold_id as "holdId", coalesce(d.about, '') as about
       from entries e left join entry_details d on d.account_id = e.account_id and d.seq = e.seq and d.at = e.at`;

const decode = (row: EntryColumns): RefundableEntry => ({ ...row, lots: decodeLotDeltas(row.lots) });

/** Makes refunds of one account wait for each other, so that each sees the ones before it. Until the end of the transaction. */
export async function lockRefunds(trx: Trx, accountId: string): Promise<void> {
  await trx.raw(`select pg_advisory_xact_lock(hashtextextended('refund ' || ?, 0))`, [accountId]);
}

/** The sum of all refunds of one captured thing, those included that Redis has not applied yet. */
export async function sumRefunds(db: Db | Trx, accountId: string, refundOf: string): Promise<Micros> {
  const { rows: [sum] } = await db.raw<{ rows: [{ refunded: Micros }] }>(
    `select coalesce(sum(amount), 0)::bigint as refunded from money_in
      where account_id = ? and refund_of = ? and kind = 'refund' and state <> 'refused'`,
    [accountId, refundOf],
  );
  return sum.refunded;
}

export async function readRefundableEntry(db: Db | Trx, accountId: string, seq: number): Promise<RefundableEntry | null> {
  const { rows } = await db.raw<{ rows: EntryColumns[] }>(`select ${ENTRY} where e.account_id = ? and e.seq = ?`, [accountId, seq]);
  return rows[0] === undefined ? null : decode(rows[0]);
}

/** The first charge that was made under one of these keys, or null. */
export async function readChargeOfKey(db: Db | Trx, accountId: string, keys: readonly string[]): Promise<RefundableEntry | null> {
  const { rows } = await db.raw<{ rows: EntryColumns[] }>(
    `select ${ENTRY} where e.account_id = ? and e.key = any(?::text[]) and e.key <> '' and e.kind in ('charge', 'attribute')
      order by e.seq limit 1`,
    [accountId, [...keys]],
  );
  return rows[0] === undefined ? null : decode(rows[0]);
}

export type RefundableHold = {
  readonly holdId: string; readonly placedSeq: number; readonly endedSeq: number | null; readonly parts: string;
  /** Expired by a policy whose charge a late settle may still lower. */
  readonly isProvisional: boolean;
};

const HOLD = `hold_id as "holdId", placed_seq as "placedSeq", ended_seq as "endedSeq", parts,
  state = 'expired' and policy = 'charge_reported' as "isProvisional" from holds`;

/** The last hold of this id that was placed by `upToSeq`, or null. */
export async function readRefundableHold(
  db: Db | Trx, accountId: string, holdId: string, upToSeq: number = Number.MAX_SAFE_INTEGER,
): Promise<RefundableHold | null> {
  const { rows } = await db.raw<{ rows: RefundableHold[] }>(
    `select ${HOLD} where account_id = ? and hold_id = ? and placed_seq <= ?::bigint order by placed_seq desc limit 1`,
    [accountId, holdId, upToSeq],
  );
  return rows[0] ?? null;
}

/** What a hold captured, by all its ends and corrections, oldest first. */
export async function readCaptures(
  db: Db | Trx, accountId: string, { holdId, placedSeq, endedSeq }: RefundableHold,
): Promise<RefundableEntry[]> {
  const { rows } = await db.raw<{ rows: EntryColumns[] }>(
    `select ${ENTRY} where e.account_id = ? and e.hold_id = ? and e.seq between ?::bigint and ?::bigint
        and e.captured <> 0 and e.kind <> 'refund' order by e.seq`,
    [accountId, holdId, placedSeq, endedSeq ?? placedSeq],
  );
  return rows.map(decode);
}

export type LotFacts = {
  readonly lotId: string; readonly lotAmount: Micros; readonly expiresAtMs: number | null; readonly grantedAtMs: number;
  readonly rule: string;
};

export async function readLotFacts(db: Db | Trx, accountId: string, lotIds: readonly string[]): Promise<Map<string, LotFacts>> {
  const { rows } = await db.raw<{ rows: LotFacts[] }>(
    `select lot_id as "lotId", amount as "lotAmount", ${toMs('expires_at')} as "expiresAtMs", ${toMs('granted_at')} as "grantedAtMs", rule
       from lots where account_id = ? and lot_id = any(?::text[])`,
    [accountId, [...lotIds]],
  );
  return new Map(rows.map((row) => [row.lotId, row]));
}
