import { GatewayError } from '../../kit/errors.js';
import { claimProvisional, moveCredits, type ClaimDeps } from './claim-provisional.js';
import { readMovingAccounts, readProvisional } from './provisional.table.js';

export type ClaimsReport = { readonly looked: number; readonly claimed: number; readonly moved: number; readonly waiting: number };

/** Provisional accounts that one run checks, some tens of milliseconds of Postgres. The next run continues after them. */
const LOOK_MAX = 500;
/** Accounts whose unfinished moves one run continues. */
const MOVING_MAX = 100;

/**
 * Finishes what the request of a claimant could not: continues interrupted claims, claims for callers who came while
 * Postgres or Redis was down, and moves credits that were granted to an account after its claim. Each run checks the next
 * page of provisional accounts. The position is in memory only, because losing it costs only time.
 */
export function claimResumer(deps: ClaimDeps): () => Promise<ClaimsReport> {
  let afterId = '';
  return async () => {
    const page = await readProvisional(deps.db, afterId, LOOK_MAX);
    afterId = page.length === LOOK_MAX ? (page.at(-1)?.accountId ?? '') : '';
    const report = { looked: page.length, claimed: 0, moved: 0, waiting: 0 };
    const failures: unknown[] = [];

    /** A failure of one account must not stop the others; an unavailable ledger stops the run. */
    const attempt = async (work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        if (error instanceof GatewayError && error.code === 'ledger_unavailable') throw error;
        failures.push(error);
      }
    };
    const move = async (accountId: string): Promise<void> => {
      report.waiting += await moveCredits(deps, accountId);
      report.moved += 1;
    };

    for (const accountId of await readMovingAccounts(deps.db, MOVING_MAX)) await attempt(() => move(accountId));
    for (const { accountId, claimedBy, candidate, isFunded } of page) {
      if (claimedBy !== null) {
        if (isFunded) await attempt(() => move(accountId));
      } else if (candidate !== null) {
        await attempt(async () => {
          if ((await claimProvisional(deps, { accountId, claimant: candidate })).status === 'claimed') report.claimed += 1;
        });
      }
    }
    if (failures.length > 0) throw failures[0];
    return report;
  };
}
