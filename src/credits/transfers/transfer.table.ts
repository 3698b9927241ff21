import type { IdempotencyKey } from '../../books/money-in.table.js';
import type { Micros } from '../../kit/money/micros.js';
import { decodeLotDeltas } from '../../ledger/entry.js';
import type { Db } from '../../stores/postgres/connect.js';
import { toMs } from '../../stores/postgres/unnest.js';

/**
 * `lots`: every part keeps the expiry of the lot it came from. Otherwise one lot with this expiry, or one per rule of the lots
 * it came from; null: it never expires.
 */
export type TransferExpiry = 'lots' | { readonly expiresAtMs: number | null };

export type NewTransfer = {
  readonly from: string;
  readonly to: string;
  /** Above zero. */
  readonly amount: Micros;
  readonly expiry: TransferExpiry;
  readonly reason: string;
  readonly actor: string;
  readonly idempotency: IdempotencyKey;
  readonly fingerprint: string;
};

export type TransferState = 'pending' | 'completed' | 'refused';
export type TransferRefusal = 'insufficient_credits' | 'account_frozen';

export type TransferRow = Omit<NewTransfer, 'idempotency'> & {
  readonly transferId: number;
  readonly state: TransferState;
  readonly refusal: TransferRefusal | null;
  /** What was available to one that was refused for lack of credits. */
  readonly available: Micros | null;
  readonly createdAtMs: number;
  readonly endedAtMs: number | null;
};

type Columns = Omit<TransferRow, 'expiry'> & { readonly expiry: string };

const COLUMNS = `transfer_id as "transferId", from_account as "from", to_account as "to", amount, expiry, reason, actor, fingerprint, state,
  refusal, available, ${toMs('created_at')} as "createdAtMs", ${toMs('ended_at')} as "endedAtMs"`;

const decode = (row: Columns): TransferRow => ({ ...row, expiry: expiryOf(row.expiry) });
const expiryOf = (text: string): TransferExpiry =>
  (text === 'lots' ? 'lots' : { expiresAtMs: text === 'never' ? null : Number(text) });
const expiryText = (expiry: TransferExpiry): string => (expiry === 'lots' ? 'lots' : expiry.expiresAtMs?.toString() ?? 'never');

/** Records a transfer, once per key. `isNew` false: the key existed, and `row` is what it names. */
export async function insertTransfer(
  db: Db, transfer: NewTransfer,
): Promise<{ readonly row: TransferRow; readonly isNew: boolean }> {
  const { from, to, amount, expiry, reason, actor, idempotency: { scope, key }, fingerprint } = transfer;
  const { rows } = await db.raw<{ rows: Columns[] }>(
    `insert into transfers (from_account, to_account, amount, expiry, reason, actor, idempotency_scope, idempotency_key, fingerprint)
     values (:from, :to, :amount, :expiry, :reason, :actor, :scope, :key, :fingerprint)
     on conflict (idempotency_scope, idempotency_key) do nothing returning ${COLUMNS}`,
    { from, to, amount, expiry: expiryText(expiry), reason, actor, scope, key, fingerprint },
  );
  if (rows[0] !== undefined) return { row: decode(rows[0]), isNew: true };
  const known = await readTransferOfKey(db, { scope, key });
  if (known === null) throw new Error('an idempotency key conflicted and then was gone');
  return { row: known, isNew: false };
}

export async function readTransfer(db: Db, transferId: number): Promise<TransferRow | null> {
  const { rows } = await db.raw<{ rows: Columns[] }>(`select ${COLUMNS} from transfers where transfer_id = ?`, [transferId]);
  return rows[0] === undefined ? null : decode(rows[0]);
}

export async function readTransferOfKey(db: Db, { scope, key }: IdempotencyKey): Promise<TransferRow | null> {
  const { rows } = await db.raw<{ rows: Columns[] }>(
    `select ${COLUMNS} from transfers where idempotency_scope = ? and idempotency_key = ?`, [scope, key],
  );
  return rows[0] === undefined ? null : decode(rows[0]);
}

export type TransferEnd =
  | { readonly state: 'completed' }
  | { readonly state: 'refused'; readonly refusal: TransferRefusal; readonly available: Micros | null };

/** Ends a transfer that is pending; the row afterwards, which another process may have ended first. */
export async function endTransfer(db: Db, transferId: number, end: TransferEnd): Promise<TransferRow> {
  const { refusal, available } = end.state === 'refused' ? end : { refusal: null, available: null };
  const { rows } = await db.raw<{ rows: Columns[] }>(
    `update transfers set state = ?, refusal = ?, available = ?, ended_at = now() where transfer_id = ? and state = 'pending'
     returning ${COLUMNS}`,
    [end.state, refusal, available, transferId],
  );
  if (rows[0] !== undefined) return decode(rows[0]);
  const now = await readTransfer(db, transferId);
  if (now === null) throw new Error(`transfer ${transferId} is gone`);
  return now;
}

/** How long after a refusal its debit may still turn out to have been made. */
const REOPENED_WITHIN = `interval '1 day'`;

/**
 * Reopens transfers that were refused although their debit was made: two attempts at it raced, and the journal decides. Returns
 * how many.
 */
export async function reopenDebited(db: Db): Promise<number> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `update transfers t set state = 'pending', refusal = null, available = null, ended_at = null where ${WAS_DEBITED}`,
  );
  return rowCount;
}

/** The scopes of the keys of the two intents of a transfer; the key is the transfer's id. */
export const SEND_SCOPE = 'transfer-send';
export const RECEIVE_SCOPE = 'transfer-receive';

/** SQL: whether transfer `t` was refused although its debit was made. */
const WAS_DEBITED = `t.state = 'refused' and t.ended_at > now() - ${REOPENED_WITHIN}
  and exists (select from money_in i where i.idempotency_scope = '${SEND_SCOPE}' and i.idempotency_key = t.transfer_id::text
                 and i.state = 'applied')`;
const IS_PENDING = `state = 'pending' and tried_at <= now() - make_interval(secs => :olderThanMs::double precision / 1000)`;

/** SQL: transfers without an attempt for `:olderThanMs`, the longest waiting first; and those that are reopened. */
export const PENDING_TRANSFERS = `from transfers where ${IS_PENDING} order by tried_at`;
export const DEBITED_TRANSFERS = `from transfers t where ${WAS_DEBITED} order by t.ended_at`;

/** Pending transfers without an attempt for `olderThanMs`, the longest waiting first; marks them as tried. */
export async function claimPendingTransfers(db: Db, olderThanMs: number, limit: number): Promise<TransferRow[]> {
  const { rows } = await db.raw<{ rows: Columns[] }>(
    `update transfers set tried_at = now()
      where transfer_id in (
        select transfer_id ${PENDING_TRANSFERS} limit :limit::integer for update skip locked)
     returning ${COLUMNS}`,
    { olderThanMs, limit },
  );
  return rows.map(decode).toSorted((a, b) => a.transferId - b.transferId);
}

/** What one lot gave, with its expiry and its rule. */
export type SentPart = { readonly amount: Micros; readonly expiresAtMs: number | null; readonly rule: string };

/** What the debit of a transfer took, in the order in which it took it; null while Postgres does not have its entry. */
export async function readSentParts(db: Db, accountId: string, seq: number): Promise<SentPart[] | null> {
  const { rows } = await db.raw<{ rows: { lots: string }[] }>(
    `select lots from entries where account_id = ? and seq = ?`, [accountId, seq],
  );
  if (rows[0] === undefined) return null;
  const taken = decodeLotDeltas(rows[0].lots).filter(({ remaining }) => remaining < 0);
  const { rows: lots } = await db.raw<{ rows: { lotId: string; expiresAtMs: number | null; rule: string }[] }>(
    `select lot_id as "lotId", ${toMs('expires_at')} as "expiresAtMs", rule from lots where account_id = ? and lot_id = any(?::text[])`,
    [accountId, taken.map(({ lotId }) => lotId)],
  );
  const facts = new Map(lots.map(({ lotId, expiresAtMs, rule }) => [lotId, { expiresAtMs, rule }]));
  return taken.map(({ lotId, remaining }) => {
    const lot = facts.get(lotId);
    if (lot === undefined) throw new Error(`lot ${lotId} of ${accountId} was spent, and is not in the books`);
    return { amount: (0 - remaining) as Micros, ...lot };
  });
}
