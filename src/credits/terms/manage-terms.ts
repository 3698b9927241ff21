import { readTerms, type StoredTerms } from '../../books/account-terms.table.js';
import type { Precondition } from '../../kit/precondition.js';
import { isNoTerms, NO_TERMS, termsToText, type AccountTerms } from '../../ledger/account-terms.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { Db } from '../../stores/postgres/connect.js';
import { inPostgres } from '../../stores/postgres/errors.js';
import { applied, applyPending } from '../accounts/apply-settings.js';
import { insertTerms, lockTerms, markTermsApplied, pendingTerms } from './terms.table.js';

export type TermsDeps = { readonly db: Db; readonly ledger: Pick<Ledger, 'setTerms'> };

/** Who changes terms, why, and of which version. */
export type TermsChange = { readonly check: Precondition; readonly actor: string; readonly reason: string | null };

/** `applied` false: Redis did not answer; Postgres has the change, and a worker applies it. */
export type ChangedTerms = { readonly terms: StoredTerms; readonly isNew: boolean; readonly applied: boolean };

/**
 * Replaces what an account allows its holds, at least one of the three. Holds are placed under it from now on; one that is open keeps
 * the rule that it was placed under. The same terms again change nothing.
 *
 * @throws GatewayError what `check` throws, ledger_unavailable (`not_executed`: Postgres did not answer)
 */
export async function setTerms(deps: TermsDeps, accountId: string, terms: AccountTerms, change: TermsChange): Promise<ChangedTerms> {
  const { terms: written, isNew } = await write(deps, accountId, terms, change);
  if (written === null) throw new Error('terms that were written are there');
  return { terms: written, isNew, applied: await applied(() => applyTerms(deps, accountId)) };
}

/** Removes them: from now on the gateway's hold. Null: there are none. @throws GatewayError as `setTerms` */
export async function removeTerms(
  deps: TermsDeps, accountId: string, change: TermsChange,
): Promise<{ readonly applied: boolean } | null> {
  const { isNew } = await write(deps, accountId, NO_TERMS, change);
  return isNew ? null : { applied: await applied(() => applyTerms(deps, accountId)) };
}

/** The terms of an account; null: it has none of its own. @throws GatewayError ledger_unavailable */
export const showTerms = (db: Db, accountId: string): Promise<StoredTerms | null> =>
  inPostgres(async () => current(await readTerms(db, accountId)));

const current = (last: StoredTerms | null): StoredTerms | null => (last === null || isNoTerms(last.terms) ? null : last);

function write(
  { db }: TermsDeps, accountId: string, terms: AccountTerms, { check, actor, reason }: TermsChange,
): Promise<{ readonly terms: StoredTerms | null; readonly isNew: boolean }> {
  return inPostgres(() => db.transaction(async (trx) => {
    await lockTerms(trx, accountId);
    const last = await readTerms(trx, accountId);
    const before = current(last);
    check(before?.version ?? null);
    const isNew = before === null;
    if (termsToText(before?.terms ?? NO_TERMS) === termsToText(terms)) return { terms: before, isNew };
    await insertTerms(trx, accountId, (last?.version ?? 0) + 1, terms, { actor, reason });
    return { terms: await readTerms(trx, accountId), isNew };
  }));
}

/** Sends what Postgres has to Redis, in whatever order with others: the script takes the newest. */
async function applyTerms({ db, ledger }: TermsDeps, accountId: string): Promise<void> {
  const last = await readTerms(db, accountId);
  if (last === null) return;
  await ledger.setTerms(accountId, last);
  await markTermsApplied(db, accountId, last.version);
}

/** The worker's turn: applies what requests left behind. */
export const keepTerms = async (deps: TermsDeps): Promise<{ readonly applied: number }> => ({
  applied: await applyPending((olderThanMs, max) => pendingTerms(deps.db, olderThanMs, max), (accountId) => applyTerms(deps, accountId)),
});
