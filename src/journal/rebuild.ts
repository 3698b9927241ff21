import { loadImages, type LoadAccountDeps } from '../books/load-account.js';
import { REBUILD_LANES, REBUILD_PAGE_MAX } from '../kit/limits.js';
import type { AccountImage } from '../ledger/account-image.js';
import type { Fence } from '../ledger/fence.js';
import { beginLoad, writeAccount } from '../ledger/hydrate.js';
import type { Keyspace } from '../ledger/keys.js';
import type { Db } from '../stores/postgres/connect.js';
import type { ScriptClient } from '../stores/redis/script.js';

export type RebuildDeps = LoadAccountDeps & {
  readonly redis: ScriptClient;
  readonly keys: Keyspace;
  readonly fence: Pick<Fence, 'epochOf'>;
  /** Called after each page of accounts. */
  readonly progress: (done: RebuildReport) => void;
};

/** Which accounts: those that were changed since, or have something open; null: all. */
export type RebuildCommand = { readonly usedSinceMs: number | null };

export type RebuildReport = {
  /** Accounts to do, as counted at the start, and how many were looked at so far. */
  readonly accounts: number;
  readonly done: number;
  /** Loaded now; in Redis already; left out, because their shard is closed or its epoch has just changed. */
  readonly loaded: number;
  readonly present: number;
  readonly closed: number;
  /** Of the loaded ones. */
  readonly lots: number;
  readonly openHolds: number;
  readonly endedHolds: number;
  readonly receipts: number;
};

/** How often an account is read again that others loaded and evicted meanwhile. */
const TRIES_MAX = 3;

/**
 * Loads accounts from Postgres into Redis before anyone asks for them, of all shards at once. It is the same load as that of
 * the first use, so it can run while gateways do, and again: an account that Redis has is left as it is.
 *
 * @throws what Postgres or Redis throws; what was loaded stays.
 */
export async function rebuild(deps: RebuildDeps, { usedSinceMs }: RebuildCommand): Promise<RebuildReport> {
  const report = {
    accounts: await countAccounts(deps.db, usedSinceMs),
    done: 0, loaded: 0, present: 0, closed: 0, lots: 0, openHolds: 0, endedHolds: 0, receipts: 0,
  };
  const pages = pagesOf(deps.db, usedSinceMs);
  await Promise.all(Array.from({ length: REBUILD_LANES }, async () => {
    for (;;) {
      // All lanes take from one iterator, which answers them in turn.
      const { value: page } = await pages.next();
      if (page === undefined) return;
      for (let tries = 0, left = page; left.length > 0; tries += 1) left = await loadPage(deps, left, tries === TRIES_MAX, report);
      report.done += page.length;
      deps.progress(report);
    }
  }));
  return report;
}

type Counts = { -readonly [Name in keyof RebuildReport]: RebuildReport[Name] };

/** Loads some accounts. Returns those that have to be read again; with `isLast` they count as closed. */
async function loadPage(deps: RebuildDeps, accountIds: readonly string[], isLast: boolean, report: Counts): Promise<string[]> {
  const { redis, keys, fence } = deps;
  const begun = await Promise.all(accountIds.map(async (accountId) => {
    const epoch = fence.epochOf(keys.shardOf(accountId));
    if (epoch === null) return null;
    const at = keys.account(accountId, epoch.number);
    const begin = await beginLoad(redis, at, epoch);
    return { accountId, epoch, at, begin };
  }));
  const loads = begun.flatMap((each) => {
    if (each?.begin.status === 'ticket') return [{ ...each, ticket: each.begin.ticket }];
    if (each?.begin.status === 'already_loaded') report.present += 1;
    else report.closed += 1;
    return [];
  });
  if (loads.length === 0) return [];
  const images = await loadImages(deps, loads.map(({ accountId }) => accountId));
  const stale: string[] = [];
  await Promise.all(loads.map(async ({ accountId, epoch, at, ticket }, index) => {
    const image = images[index];
    if (image === undefined) throw new Error('the image of an account is always one row');
    const written = await writeAccount(redis, at, epoch, ticket, accountId, image);
    if (written === 'loaded') addTo(report, image);
    else if (written === 'already_loaded') report.present += 1;
    else if (written === 'stale' && !isLast) stale.push(accountId);
    else report.closed += 1;
  }));
  return stale;
}

function addTo(report: Counts, { lots, openHolds, endedHolds, receipts }: AccountImage): void {
  report.loaded += 1;
  report.lots += lots.length;
  report.openHolds += openHolds.length;
  report.endedHolds += endedHolds.length;
  report.receipts += receipts.length;
}

const WANTED = `(:usedSinceMs::double precision is null or held > 0
  or updated_at >= to_timestamp(:usedSinceMs::double precision / 1000))`;

async function countAccounts(db: Db, usedSinceMs: number | null): Promise<number> {
  const { rows } = await db.raw<{ rows: { accounts: number }[] }>(
    `select count(*) as accounts from accounts where ${WANTED}`, { usedSinceMs },
  );
  return rows[0]?.accounts ?? 0;
}

async function* pagesOf(db: Db, usedSinceMs: number | null): AsyncGenerator<readonly string[], undefined> {
  for (let after = ''; ;) {
    const { rows } = await db.raw<{ rows: { accountId: string }[] }>(
      `select account_id as "accountId" from accounts where account_id > :after and ${WANTED}
        order by account_id limit :limit::integer`,
      { after, usedSinceMs, limit: REBUILD_PAGE_MAX },
    );
    if (rows.length === 0) return;
    yield rows.map(({ accountId }) => accountId);
    after = rows.at(-1)?.accountId ?? after;
  }
}
