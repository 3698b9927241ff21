import type { Clock } from '../../kit/clock.js';
import { RECONCILE_ACCOUNTS_MAX, RECONCILE_ENTRIES_MAX, RECONCILE_RECHECKS_MAX } from '../../kit/limits.js';
import type { Meter } from '../../kit/metrics/metrics.js';
import type { ShardedRedis } from '../../stores/redis/sharded-redis.js';
import { conservationDifferences } from './audit-account.js';
import { sumAccounts, sumAccountsAndEntries } from './audit.table.js';
import { compareAccounts, type CompareDeps } from './compare-account.js';
import { mergeDifferences, type Comparison } from './comparison.js';
import { accountsWithFindings, recordFindings, resolveFindings, type FoundDifference } from './finding.table.js';
import { claimBatch, finishBatch, pageAfter, releaseBatch, unknownAmong, type Claim, type RoundPage } from './reconcile-state.table.js';
import { scanAccounts } from './scan-accounts.js';

export type ReconcileDeps = Omit<CompareDeps, 'redis'> & {
  readonly redis: ShardedRedis;
  readonly clock: Clock;
  readonly metrics: Pick<Meter, 'count' | 'observe'>;
  readonly log: { info(facts: object, message: string): void; error(facts: object, message: string): void };
  /** What to do with accounts that drift, beside telling it; undefined: nothing. */
  readonly onDrift?: ((comparisons: readonly Comparison[]) => Promise<void>) | undefined;
};

export type ReconcileReport = { readonly compared: number; readonly drift: number };

const NONE: ReconcileReport = { compared: 0, drift: 0 };
/** How long one turn of a complete round continues; a turn of another round does a single page. */
const FULL_TURN_MS = 2_000;
const MS_PER_SECOND = 1_000;

/**
 * One turn of the reconciler: compares accounts with open findings again, then accounts that may only be in Redis, then
 * the next page of all accounts. It stores findings and repairs nothing (docs/architecture.md#when-things-fail). Any
 * process may call it at any time;
 * only one at a time works.
 */
export async function reconcile(deps: ReconcileDeps): Promise<ReconcileReport> {
  const claim = await claimBatch(deps.db);
  if (claim === null) return NONE;
  try {
    return await turn(deps, claim);
  } catch (error) {
    await releaseBatch(deps.db).catch(() => undefined); // the claim expires by itself
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
    const page: RoundPage = await pageAfter(db, cursor);
    const { compared, drift } = await compareAndRecord(
      deps, page.accountIds.filter((accountId) => !rechecked.has(accountId)), roundIsFull ? null : RECONCILE_ENTRIES_MAX,
    );
    report = { compared: report.compared + compared, drift: report.drift + drift };
    accounts += page.accountIds.length;
    cursor = page.isLast ? null : (page.accountIds.at(-1) ?? null);
  } while (roundIsFull && cursor !== null && clock() - startedMs < FULL_TURN_MS);

  // A finding in the sum of entries can only be resolved after the entries were summed again.
  if (cursor === null) await checkConservation(deps, roundIsFull || open.includes(''));
  // Unknown accounts beyond the limit are found by the next scan, which starts when this one ends.
  await finishBatch(db, { accountCursor: cursor, scanCursor: scanned.cursor, accounts });
  return report;
}

/**
 * Compares these accounts and stores the results. Findings are only resolved for accounts that were compared completely:
 * a comparison of the newest entries cannot see a fault in an old one.
 */
export async function compareAndRecord(
  deps: ReconcileDeps, accountIds: readonly string[], newest: number | null,
): Promise<ReconcileReport> {
  if (accountIds.length === 0) return NONE;
  const startedMs = deps.clock();
  const comparisons = await compareAccounts(deps, accountIds, { newest });
  deps.metrics.observe('reconcileSeconds', {}, (deps.clock() - startedMs) / MS_PER_SECOND);
  for (const { result } of comparisons) deps.metrics.count('reconciled', { result });
  await recordComparisons(deps, comparisons, newest);
  await deps.onDrift?.(comparisons);
  return { compared: comparisons.length, drift: comparisons.filter(({ result }) => result === 'drift').length };
}

/** Stores the results of comparisons that were made with `newest`. */
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
      'drift: Redis and Postgres do not say the same; nothing was repaired (credit-gateway reconcile repair)',
    );
  }
  for (const { accountId, check, differenceMicros } of await resolveFindings(db, complete, found)) {
    log.info({ accountId, check, differenceMicros }, 'drift is gone');
  }
}

/** Checks the sums over all accounts; at the end of a complete round also those over all entries, which it has to read. */
async function checkConservation(deps: ReconcileDeps, withEntries: boolean): Promise<void> {
  const { accounts, entries } = withEntries ? await sumAccountsAndEntries(deps.db) : {
    accounts: await sumAccounts(deps.db), entries: null,
  };
  const found = mergeDifferences(conservationDifferences(accounts, entries)).map((each): FoundDifference => ({
    ...each, accountId: '', shard: null, seq: null,
  }));
  await tell(deps, found, withEntries ? [''] : []);
}
