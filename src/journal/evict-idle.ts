import type { Clock } from '../kit/clock.js';
import { EVICT_STEPS_PER_TURN_MAX, EVICTIONS_AT_ONCE_MAX } from '../kit/limits.js';
import type { Meter } from '../kit/metrics/metrics.js';
import type { Fence } from '../ledger/fence.js';
import { AMOUNTS, figuresOf, KEPT } from '../ledger/figures.js';
import type { Keyspace } from '../ledger/keys.js';
import { evictAccountScript } from '../ledger/scripts.js';
import type { Db } from '../stores/postgres/connect.js';
import type { ShardedRedis } from '../stores/redis/sharded-redis.js';
import { claimStep, finishStep, idleAmong, releaseStep, type IdleAccount } from './eviction-state.table.js';
import { readBooks, type AccountBook } from './reconcile/account-book.table.js';
import { scanAccounts } from './reconcile/scan-accounts.js';

export type EvictDeps = {
  readonly db: Db;
  readonly redis: ShardedRedis;
  readonly keys: Keyspace;
  readonly fence: Pick<Fence, 'epochOf'>;
  /** The time by which Redis stamps entries. */
  readonly clock: Clock;
  /** How long an account has been neither changed nor loaded when it leaves; 0: none ever does. */
  readonly idleMs: number;
  readonly metrics: Pick<Meter, 'count'>;
};

/**
 * `changed`: it has an entry that Postgres did not have. `differs`: Redis and Postgres do not say the same of it, so it stays for
 * the reconciler. `closed`: its shard is being verified.
 */
export type Eviction = 'evicted' | 'in_use' | 'changed' | 'differs' | 'not_loaded' | 'closed';

export type EvictReport = { readonly found: number; readonly evicted: number };

/** An account without an entry. */
const NOTHING = { ...figuresOf(AMOUNTS, () => 0), seq: 0, frozen: false };

/** A round that found little to do is not repeated at once. */
const PAUSE_SHARE = 0.1;
const PAUSE_MS_MAX = 600_000;

/** The time between the end of a round and the next. */
export const evictionPauseMs = (idleMs: number): number => Math.min(idleMs * PAUSE_SHARE, PAUSE_MS_MAX);

/**
 * One turn of the eviction: some steps of a scan over the accounts in Redis, of which those leave that have been idle long
 * enough and that Postgres has whole. A turn costs the same however many accounts there are. Any process may call it at any
 * time; only one at a time works. What an account does afterwards is the same as if it had stayed.
 */
export async function evictIdle(deps: EvictDeps): Promise<EvictReport> {
  const { db, idleMs } = deps;
  const report = { found: 0, evicted: 0 };
  if (idleMs === 0) return report;
  for (let step = 0; step < EVICT_STEPS_PER_TURN_MAX; step += 1) {
    const claim = await claimStep(db, evictionPauseMs(idleMs));
    if (claim === null) break;
    try {
      const { cursor, accountIds } = await scanAccounts(deps, claim.scanCursor);
      const found = [...new Set(accountIds)];
      const evicted = (await evictAccounts(deps, found)).filter((each) => each === 'evicted').length;
      await finishStep(db, { scanCursor: cursor, stayed: found.length - evicted });
      report.found += found.length;
      report.evicted += evicted;
      if (cursor === '0') break;
    } catch (error) {
      await releaseStep(db).catch(() => undefined); // the claim expires by itself
      throw error;
    }
  }
  return report;
}

/**
 * Evicts those of these accounts that have been idle for `idleMs`, and at once those that have no entry: Redis has nothing of them
 * that a load does not bring. Returns what came of each of these.
 */
export async function evictAccounts(deps: EvictDeps, accountIds: readonly string[]): Promise<Eviction[]> {
  const { db, keys, clock, idleMs, metrics } = deps;
  const idle = await idleAmong(db, accountIds, clock() - idleMs);
  const books = await readBooks(db, idle.map(({ accountId }) => (
    { accountId, shard: keys.shardOf(accountId), seq: 0, holdIds: [], holdsMax: 0, onlyAtSeq: false })));
  const results: Eviction[] = [];
  for (let at = 0; at < idle.length; at += EVICTIONS_AT_ONCE_MAX) {
    const some = idle.slice(at, at + EVICTIONS_AT_ONCE_MAX);
    results.push(...await Promise.all(some.map((each) => evict(deps, each, books.get(each.accountId)))));
  }
  for (const result of results) metrics.count('evictions', { result });
  return results;
}

async function evict(
  { redis, keys, fence: gate, idleMs }: EvictDeps, { accountId, limitsVersion, isNew }: IdleAccount, book: AccountBook | undefined,
): Promise<Eviction> {
  const epoch = gate.epochOf(keys.shardOf(accountId));
  if (epoch === null || book?.epoch !== epoch.number) return 'closed';
  if (isNew !== (book.account === null)) return 'changed';
  if (book.openHolds > 0) return 'in_use';
  const account = book.account ?? NOTHING;
  const { fence, account: accountKey, lots, lot, lotsDue, open, limits, ticket } = keys.account(accountId, epoch.number);
  const [status] = await evictAccountScript.run(
    redis, { fence, account: accountKey, lots, lot, lots_due: lotsDue, open, limits, ticket },
    { epoch: epoch.fence, account_id: accountId, idle_ms: idleMs, limits_version: limitsVersion, figure_count: KEPT.length },
    {
      keys: [], args: [
        ...KEPT.map((name) => (name === 'frozen' ? (account.frozen ? '1' : '0') : account[name].toString())),
        ...book.lots.flatMap(({ id, facts }) => [id, facts]),
      ],
    },
  );
  return status === 'fenced' ? 'closed' : status as Eviction;
}
