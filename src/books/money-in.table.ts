import type { Micros } from '../kit/money/micros.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { unnestSource } from '../stores/postgres/unnest.js';

export type MoneyInKind = 'grant' | 'adjust' | 'set' | 'remove' | 'revoke' | 'refund' | 'transfer_out' | 'transfer_in';

/** An idempotency key with its caller as scope: one caller cannot read or block another's keys. */
export type IdempotencyKey = { readonly scope: string; readonly key: string };

export type NewIntent = {
  readonly accountId: string;
  readonly kind: MoneyInKind;
  /** Negative for an adjustment downwards; zero for a revocation, which removes what is left of the lot. */
  readonly amount: Micros;
  /** The lot to revoke, for a revocation; null or absent for everything else. */
  readonly revokedLotId?: string | null;
  readonly expiresAtMs: number | null;
  /** JSON text: of a refund the parts that return, of lots that a transfer brings their amounts and expiries. */
  readonly parts?: string | null;
  /** What a refund is of (refund.table.ts), and the life of credits whose lot has ended; null: they expire at once. */
  readonly refundOf?: string | null;
  readonly graceMs?: number | null;
  /** Of the lot that it opens (ledger/lot-rule.ts); '' or absent: none. */
  readonly rule?: string;
  readonly idempotency: IdempotencyKey | null;
  readonly fingerprint: string;
  readonly about: string;
};

type Added = 'revokedLotId' | 'parts' | 'refundOf' | 'graceMs' | 'rule';
export type IntentRow = Omit<NewIntent, 'idempotency' | Added> & {
  /** The caller's key and its scope; both null for a request without one. */
  readonly scope: string | null;
  readonly key: string | null;
  readonly parts: string | null;
  readonly refundOf: string | null;
  readonly graceMs: number | null;
  readonly rule: string;
  readonly revokedLotId: string | null;
  readonly intentId: number;
  readonly state: 'pending' | 'applied' | 'refused';
  /** The stored answer, or null while there is none. */
  readonly reply: unknown;
  readonly appliedSeq: number | null;
};

const COLUMNS = `intent_id as "intentId", account_id as "accountId", kind, amount, expires_at_ms as "expiresAtMs",
  revoked_lot_id as "revokedLotId", parts, refund_of as "refundOf", grace_ms as "graceMs", rule,
  idempotency_scope as scope, idempotency_key as key, fingerprint, about, state, reply, applied_seq as "appliedSeq"`;

/** The permanent name of an intent in Redis. */
export const intentKey = (intentId: number): string => `intent:${intentId}`;

/** The lot of an intent. Padded, so that lots with the same expiry are spent oldest first, those with 15 digits last. */
export const lotIdOf = (intentId: number): string => String(intentId).padStart(12, '0');

/** The name of a lot in `/v1`: one that a grant opened is called by the id of the grant, other lots by their own. */
export const grantIdOf = (lotId: string): string => (/^\d{12,15}$/.test(lotId) ? String(Number(lotId)) : lotId);

/** The intent that a journal key names, or null for other keys. */
export function intentIdOf(key: string): number | null {
  const digits = /^intent:(\d{1,15})$/.exec(key)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** The lots of a transfer: each is a lot of its own, in the order in which they were spent. */
export const lotIdsOf = (intentId: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) =>
    lotIdOf(intentId) + (index === 0 ? '' : `.${String(index + 1).padStart(3, '0')}`));

/** Records a request, once per idempotency key. `isNew` false: the key existed, and `row` is its intent. */
export async function insertIntent(db: Db | Trx, intent: NewIntent): Promise<{ readonly row: IntentRow; readonly isNew: boolean }> {
  const { rows } = await db.raw<{ rows: IntentRow[] }>(
    `insert into money_in (account_id, kind, amount, expires_at_ms, revoked_lot_id, parts, refund_of, grace_ms, rule, idempotency_scope,
                           idempotency_key, fingerprint, about)
     values (:accountId, :kind, :amount, :expiresAtMs, :revokedLotId, :parts, :refundOf, :graceMs, :rule, :scope, :key, :fingerprint,
             :about)
     on conflict (idempotency_scope, idempotency_key) where idempotency_key is not null do nothing
     returning ${COLUMNS}`,
    {
      accountId: intent.accountId, kind: intent.kind, amount: intent.amount, expiresAtMs: intent.expiresAtMs,
      revokedLotId: intent.revokedLotId ?? null, parts: intent.parts ?? null, refundOf: intent.refundOf ?? null,
      graceMs: intent.graceMs ?? null, rule: intent.rule ?? '',
      scope: intent.idempotency?.scope ?? null, key: intent.idempotency?.key ?? null,
      fingerprint: intent.fingerprint, about: intent.about,
    },
  );
  if (rows[0] !== undefined) return { row: rows[0], isNew: true };
  const found = intent.idempotency === null ? null : await readIntentOfKey(db, intent.idempotency);
  if (found === null) throw new Error('an idempotency key conflicted and then was gone');
  return { row: found, isNew: false };
}

/** The intent that was recorded under a key, or null. */
export async function readIntentOfKey(db: Db, { scope, key }: IdempotencyKey): Promise<IntentRow | null> {
  const { rows } = await db.raw<{ rows: IntentRow[] }>(
    `select ${COLUMNS} from money_in where idempotency_scope = ? and idempotency_key = ?`, [scope, key],
  );
  return rows[0] ?? null;
}

export async function readIntent(db: Db, intentId: number): Promise<IntentRow | null> {
  const { rows } = await db.raw<{ rows: IntentRow[] }>(`select ${COLUMNS} from money_in where intent_id = ?`, [intentId]);
  return rows[0] ?? null;
}

/** The account that a request under this key named, or null when the key is unknown. */
export async function readAccountOfKey(db: Db, { scope, key }: IdempotencyKey): Promise<string | null> {
  const { rows } = await db.raw<{ rows: { accountId: string }[] }>(
    `select account_id as "accountId" from money_in where idempotency_scope = ? and idempotency_key = ?`,
    [scope, key],
  );
  return rows[0]?.accountId ?? null;
}

/** Whether a request under this key has moved money or is about to. */
export async function isKeyUsed(db: Db, { scope, key }: IdempotencyKey): Promise<boolean> {
  const { rows } = await db.raw<{ rows: object[] }>(
    `select from money_in where idempotency_scope = ? and idempotency_key = ? and state <> 'refused'`, [scope, key],
  );
  return rows.length > 0;
}

/** Stores the answer of an intent that Redis has applied; the drain marks it as applied later. */
export async function saveReply(db: Db, intentId: number, reply: object): Promise<void> {
  await db.raw(`update money_in set reply = ?::jsonb where intent_id = ?`, [JSON.stringify(reply), intentId]);
}

/** Marks an intent as finally refused. False: it was applied in the meantime, or refused before. */
export async function refuseIntent(db: Db, intentId: number, reply: object): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `update money_in set state = 'refused', reply = ?::jsonb where intent_id = ? and state = 'pending'`,
    [JSON.stringify(reply), intentId],
  );
  return rowCount === 1;
}

/**
 * Reopens a refused intent, with the terms of the new request; its caller tries it now, and the worker if that fails. A
 * refusal had no effect, so there is nothing to undo. Null: it is no longer refused.
 */
export async function reopenIntent(
  db: Db, intentId: number,
  { amount, expiresAtMs, fingerprint, about, rule = '' }: Pick<NewIntent, 'amount' | 'expiresAtMs' | 'fingerprint' | 'about' | 'rule'>,
): Promise<IntentRow | null> {
  const { rows } = await db.raw<{ rows: IntentRow[] }>(
    `update money_in set state = 'pending', reply = null, tried_at = now(), amount = :amount, expires_at_ms = :expiresAtMs,
            fingerprint = :fingerprint, about = :about, rule = :rule
      where intent_id = :intentId and state = 'refused' returning ${COLUMNS}`,
    { intentId, amount, expiresAtMs, fingerprint, about, rule },
  );
  return rows[0] ?? null;
}

/** SQL: intents that Redis has not applied, without an attempt for `:olderThanMs`, longest waiting first. */
export const PENDING_INTENTS = `from money_in
  where state = 'pending' and tried_at <= now() - make_interval(secs => :olderThanMs::double precision / 1000) order by tried_at`;

/**
 * Pending intents without an attempt for `olderThanMs`, the longest waiting first. The same statement marks them as
 * tried, so that workers share them and an intent that always fails does not starve the others.
 */
export async function claimPending(db: Db, olderThanMs: number, limit: number): Promise<IntentRow[]> {
  const { rows } = await db.raw<{ rows: IntentRow[] }>(
    `update money_in set tried_at = now()
      where intent_id in (
        select intent_id ${PENDING_INTENTS} limit :limit::integer for update skip locked)
     returning ${COLUMNS}`,
    { olderThanMs, limit },
  );
  return rows.toSorted((a, b) => a.intentId - b.intentId);
}

/** The number of intents that Redis has not applied yet, and how long the oldest has waited; 0 when there is none. */
export async function pendingIntents(db: Db): Promise<{ readonly count: number; readonly oldestSeconds: number }> {
  const { rows: [pending] } = await db.raw<{ rows: [{ count: number; oldestSeconds: number }] }>(
    `select count(*), coalesce(greatest(0, extract(epoch from now() - min(created_at))), 0)::double precision as "oldestSeconds"
       from money_in where state = 'pending'`,
  );
  return pending;
}

/** The entry of an intent, as the journal reports it. */
export type AppliedIntent = { readonly intentId: number; readonly accountId: string; readonly seq: number };
type KnownIntent = { readonly intentId: number; readonly accountId: string; readonly appliedSeq: number | null };

export async function readIntents(trx: Trx, intentIds: readonly number[]): Promise<Map<number, KnownIntent>> {
  if (intentIds.length === 0) return new Map();
  const { rows } = await trx.raw<{ rows: KnownIntent[] }>(
    `select intent_id as "intentId", account_id as "accountId", applied_seq as "appliedSeq"
       from money_in where intent_id = any(?::bigint[])`,
    [[...intentIds]],
  );
  return new Map(rows.map((row) => [row.intentId, row]));
}

const appliedSource = unnestSource<AppliedIntent>('a', {
  intent_id: ['bigint', (intent) => intent.intentId],
  seq: ['bigint', (intent) => intent.seq],
});

/**
 * Marks intents as applied: their entry is in the same transaction. This includes intents that were refused in the
 * meantime: when two attempts raced, the journal decides.
 */
export async function markApplied(trx: Trx, intents: readonly AppliedIntent[]): Promise<void> {
  if (intents.length === 0) return;
  await trx.raw(
    `update money_in set state = 'applied', applied_seq = a.seq,
            reply = case when state = 'refused' then null else reply end
       from ${appliedSource.sql} where money_in.intent_id = a.intent_id`,
    appliedSource.bind(intents),
  );
}

/** Intents that should have reached the ledger and have not: how many, and how long the oldest has waited. */
export async function readOverdueIntents(
  db: Db, olderThanSeconds: number,
): Promise<{ readonly count: number; readonly oldestSeconds: number }> {
  const { rows } = await db.raw<{ rows: { count: number; oldestSeconds: number }[] }>(
    `select count(*)::integer as count, coalesce(extract(epoch from now() - min(created_at)), 0)::double precision as "oldestSeconds"
       from money_in where state = 'pending' and created_at < now() - make_interval(secs => ?::double precision)`,
    [olderThanSeconds],
  );
  return rows[0] ?? { count: 0, oldestSeconds: 0 };
}
