import type { Clock } from '../../kit/clock.js';
import { RECONCILE_ACCOUNTS_MAX, RECONCILE_ENTRIES_MAX, RECONCILE_RECHECKS_MAX } from '../../kit/limits.js';
import type { Meter } from '../../kit/metrics/metrics.js';
import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';
import { conservationDifferences } from './audit-account.js';
import { sumAccounts, sumAccountsAndEntries } from './audit.table.js';
import { compareAccounts, type CompareDeps } from './compare-account.js';
import { mergeDifferences, type Comparison } from './comparison.js';
import { accountsWithFindings, recordFindings, resolveFindings, type FoundDifference } from './finding.table.js';
import { accountsAfter, claimBatch, finishBatch, releaseBatch, unknownAmong, type Claim } from './reconcile-state.table.js';
import { scanAccounts } from './scan-accounts.js';

export type ReconcileDeps = Omit<CompareDeps, 'redis'> & {
  readonly redis: ShardedRedis;
  readonly clock: Clock;
  readonly metrics: Pick<Meter, 'count' | 'observe'>;
  readonly log: { info(facts: object, message: string): void; error(facts: object, message: string): void };
};

export type ReconcileReport = { readonly compared: number; readonly drift: number };

const NOBODY: ReconcileReport = { compared: 0, drift: 0 };
/** A complete round goes on for this long in one turn; a sampling one does a single page. */
const FULL_TURN_MS = 2_000;
const MS_PER_SECOND = 1_000;

/**
 * One turn of the reconciler: looks again at accounts with open findings, then at accounts that only Redis may know,
 * then at the next page of all accounts. It writes down what it finds and repairs nothing (design §7). Any process may
 * do it at any time; one at a time does.
 */
export async function reconcile(deps: ReconcileDeps): Promise<ReconcileReport> {
  const claim = await claimBatch(deps.db);
  if (claim === null) return NOBODY;
  try {
    return await turn(deps, claim);
  } catch (error) {
    await releaseBatch(deps.db).catch(() => undefined); // it runs out by itself
    throw error;
  }
}

async function turn(deps: ReconcileDeps, { accountCursor, scanCursor, roundIsFull }: Claim): Promise<ReconcileReport> {
  const { db, clock } = deps;
  const startedMs = clock();
  const open = await accountsWithFindings(db, RECONCILE_RECHECKS_MAX);
  const scanned = await scanAccounts(deps, scanCursor);
  const strangers = await unknownAmong(db, scanned.accountIds);
  const rechecked = new Set([...open.filter((accountId) => accountId !== ''), ...strangers.slice(0, RECONCILE_ACCOUNTS_MAX)]);
  let report = await compareAndRecord(deps, [...rechecked], null);

  let cursor: string | null = accountCursor;
  let accounts = 0;
  do {
    const page: string[] = await accountsAfter(db, cursor, RECONCILE_ACCOUNTS_MAX);
    const { compared, drift } = await compareAndRecord(
      deps, page.filter((accountId) => !rechecked.has(accountId)), roundIsFull ? null : RECONCILE_ENTRIES_MAX,
    );
    report = { compared: report.compared + compared, drift: report.drift + drift };
    accounts += page.length;
    cursor = page.length < RECONCILE_ACCOUNTS_MAX ? null : (page.at(-1) ?? null);
  } while (roundIsFull && cursor !== null && clock() - startedMs < FULL_TURN_MS);

  // Only who has summed up the entries can say that what was found there is gone.
  if (cursor === null) await checkConservation(deps, roundIsFull || open.includes(''));
  // Strangers beyond the bound are met again: the walk begins anew when it has ended.
  await finishBatch(db, { accountCursor: cursor, scanCursor: scanned.cursor, accounts });
  return report;
}

/**
 * Compares these accounts and writes down what there is to say. Only who was compared completely has her findings
 * resolved: what an old entry has to say is not seen by who looks at the newest.
 */
export async function compareAndRecord(
  deps: ReconcileDeps, accountIds: readonly string[], newest: number | null,
): Promise<ReconcileReport> {
  if (accountIds.length === 0) return NOBODY;
  const startedMs = deps.clock();
  const comparisons = await compareAccounts(deps, accountIds, { newest });
  deps.metrics.observe('reconcileSeconds', {}, (deps.clock() - startedMs) / MS_PER_SECOND);
  for (const { result } of comparisons) deps.metrics.count('reconciled', { result });
  await recordComparisons(deps, comparisons, newest);
  return { compared: comparisons.length, drift: comparisons.filter(({ result }) => result === 'drift').length };
}

/** Writes down what comparisons came to; `newest` as they were made. */
export async function recordComparisons(
  deps: Pick<ReconcileDeps, 'db' | 'log'>, comparisons: readonly Comparison[], newest: number | null,
): Promise<void> {
  const found = comparisons.flatMap(({ accountId, shard, seq, differences }) =>
    differences.map((each): FoundDifference => ({ ...each, accountId, shard, seq })));
  const complete = newest === null ? comparisons.filter(({ reason }) => reason === null).map(({ accountId }) => accountId) : [];
  await tell(deps, found, complete);
}

async function tell(
  { db, log }: Pick<ReconcileDeps, 'db' | 'log'>, found: readonly FoundDifference[], complete: readonly string[],
): Promise<void> {
  for (const { accountId, check, expected, actual, differenceMicros } of await recordFindings(db, found)) {
    log.error(
      { accountId, check, expected, actual, differenceMicros },
      'drift: Redis and Postgres do not say the same; nothing was repaired',
    );
  }
  for (const { accountId, check, differenceMicros } of await resolveFindings(db, complete, found)) {
    log.info({ accountId, check, differenceMicros }, 'drift is gone');
  }
}

/** Sums over all accounts; against those over all entries when a complete round ends, because that reads every entry. */
async function checkConservation(deps: ReconcileDeps, withEntries: boolean): Promise<void> {
  const { accounts, entries } = withEntries ? await sumAccountsAndEntries(deps.db) : {
    accounts: await sumAccounts(deps.db), entries: null,
  };
  const found = mergeDifferences(conservationDifferences(accounts, entries)).map((each): FoundDifference => ({
    ...each, accountId: '', shard: null, seq: null,
  }));
  await tell(deps, found, withEntries ? [''] : []);
}
