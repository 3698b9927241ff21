import { micros } from '../kit/money/micros.js';
import type { VersionedTerms } from '../ledger/account-terms.js';
import type { OverCapture } from '../ledger/ledger.js';
import type { Db, Trx } from '../stores/postgres/connect.js';
import { toMs } from '../stores/postgres/unnest.js';

/**
 * What accounts allow their holds. The drain does not write it (credits/terms does); it is read here because an account that is
 * loaded brings its own.
 */
export type TermsColumns = {
  readonly version: number; readonly max_hold: number | null; readonly over_capture: OverCapture | null;
  readonly debt_limit: number | null;
};

export const TERMS_COLUMNS = 'version, max_hold, over_capture, debt_limit';

export const toTermsOfAccount = ({ version, max_hold, over_capture, debt_limit }: TermsColumns): VersionedTerms => ({
  version,
  terms: {
    maxHold: max_hold === null ? null : micros(max_hold), overCapture: over_capture,
    debtLimit: debt_limit === null ? null : micros(debt_limit),
  },
});

/** A version of the terms, with who made it and why. */
export type StoredTerms = VersionedTerms & { readonly reason: string | null; readonly actor: string | null; readonly atMs: number };

/** The last version; null for an account that never had terms. */
export async function readTerms(db: Db | Trx, accountId: string): Promise<StoredTerms | null> {
  const { rows: [row] } = await db.raw<{ rows: (TermsColumns & Pick<StoredTerms, 'reason' | 'actor' | 'atMs'>)[] }>(
    `select ${TERMS_COLUMNS}, reason, actor, ${toMs('changed_at')} as "atMs"
       from account_terms where account_id = ? order by version desc limit 1`,
    [accountId],
  );
  return row === undefined ? null : { ...toTermsOfAccount(row), reason: row.reason, actor: row.actor, atMs: row.atMs };
}
