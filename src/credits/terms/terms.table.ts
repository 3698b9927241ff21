import type { AccountTerms } from '../../ledger/account-terms.js';
import type { Db, Trx } from '../../stores/postgres/connect.js';

/** One change of an account's terms at a time, until the transaction ends. */
export async function lockTerms(trx: Trx, accountId: string): Promise<void> {
  await trx.raw(`select pg_advisory_xact_lock(hashtextextended('account_terms ' || ?, 0))`, [accountId]);
}

/** A new version. The caller has locked the terms. */
export async function insertTerms(
  trx: Trx, accountId: string, version: number, terms: AccountTerms,
  { actor, reason }: { readonly actor: string; readonly reason: string | null },
): Promise<void> {
  await trx.raw(
    `insert into account_terms (account_id, version, max_hold, over_capture, debt_limit, reason, actor)
     values (:accountId, :version, :maxHold, :overCapture, :debtLimit, :reason, :actor)`,
    { accountId, version, ...terms, reason, actor },
  );
}

/** Redis has this version of an account's terms, or a later one. */
export async function markTermsApplied(db: Db, accountId: string, version: number): Promise<void> {
  await db.raw('update account_terms set applied = true where account_id = ? and version <= ? and not applied', [accountId, version]);
}

/** SQL: terms that Redis does not have, changed longer than `:olderThanMs` ago. */
export const PENDING_TERMS = `from account_terms
  where not applied and changed_at < now() - make_interval(secs => :olderThanMs::double precision / 1000)`;

/** Accounts whose terms Redis may not have yet, `olderThanMs` after their change. */
export async function pendingTerms(db: Db, olderThanMs: number, limit: number): Promise<string[]> {
  const { rows } = await db.raw<{ rows: { account_id: string }[] }>(
    `select account_id ${PENDING_TERMS} group by account_id order by min(changed_at) limit :limit::integer`, { olderThanMs, limit },
  );
  return rows.map((row) => row.account_id);
}
