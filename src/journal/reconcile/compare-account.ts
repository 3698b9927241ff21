import { setTimeout as sleep } from 'node:timers/promises';
import { LOOK_HOLDS_MAX, SNAPSHOT_HOLDS_MAX } from '../../kit/limits.js';
import { compareStreamIds } from '../../ledger/stream-position.js';
import type { Db } from '../../stores/postgres/connect.js';
import { rethrow } from '../../stores/postgres/errors.js';
import type { Drain } from '../drain.js';
import { readBooks, type AccountBook } from './account-book.table.js';
import { auditDifferences } from './audit-account.js';
import { auditAccounts } from './audit.table.js';
import { compareBalances, compareBooks, lostEntries } from './compare-books.js';
import { mergeDifferences, type Comparison, type Difference } from './comparison.js';
import { holdsToCompare, inspectAccount, type Inspected, type InspectDeps, type StoredAccount } from './inspect-account.js';

export type CompareDeps = InspectDeps & { readonly db: Db; readonly drain: Drain };

/** How thorough to be: `newest` entries are read back, null for all of them. */
export type CompareOptions = { readonly newest: number | null };

/** Repeated looks at an account that Postgres has not caught up with, or that is written to all the time. */
const LOOKS_MAX = 8;
/** After this many equal balances of a busy account further looks add nothing. */
const AGREED_MAX = 3;
const WAIT_MS = 25;
/**
 * Accounts read from Redis in one go, so that requests in between wait about a millisecond, not for a whole page. One whose holds are
 * all listed is read alone.
 */
const READ_AT_ONCE = 20;

/** What is known of an account between two looks. */
type Pending = {
  readonly accountId: string;
  /** Postgres had this entry in this epoch, so every later read of Redis must have it, too. */
  readonly floor: { readonly epoch: number; readonly seq: number } | null;
  /** The last seq at which balances agreed. */
  readonly agreedAt: number | null;
  readonly agreed: number;
  /**
   * Whether the next look lists all open holds. Each is a read of Redis, so only an account that both had at the same entry is looked
   * at in this way, not one that is written to all the time.
   */
  readonly listsAll: boolean;
  /** What was found at the same entry where not all open holds were listed. */
  readonly inPart: Verdict | null;
  readonly reason: string;
};

type Verdict = { readonly seq: number | null; readonly differences: readonly Difference[] };

/**
 * Compares accounts in Redis with Postgres. Lag is never reported as drift: an account is compared in full only where
 * both are at the same entry; if Postgres is further, its balances after Redis' entry are compared; and missing entries
 * are only reported when Postgres has the whole stream as it was when Redis was read. Accounts that cannot be decided
 * in this way are `busy` or `failed`.
 *
 * @throws GatewayError ledger_unavailable when Postgres is down.
 */
export async function compareAccounts(deps: CompareDeps, accountIds: readonly string[], { newest }: CompareOptions): Promise<Comparison[]> {
  const audited = new Map((await auditAccounts(deps.db, accountIds, newest).catch(rethrow)).map((row) => [
    row.accountId, auditDifferences(row, newest),
  ]));
  const verdicts = new Map<string, Verdict>();
  let pending: Pending[] = accountIds.map((accountId) => (
    { accountId, floor: null, agreedAt: null, agreed: 0, listsAll: false, inPart: null, reason: '' }));
  const undecided = new Map<string, Pending>();
  for (let look = 0; look < LOOKS_MAX && pending.length > 0; look += 1) {
    // A delay lets Postgres catch up; accounts that are written to all the time are best read again at once.
    if (look > 1 && pending.some(({ floor, listsAll }) => floor === null && !listsAll)) await sleep(WAIT_MS * look);
    const open = await lookAgain(deps, pending, look > 0, verdicts);
    for (const each of open) undecided.set(each.accountId, each);
    pending = open.filter(({ agreed }) => agreed < AGREED_MAX);
  }
  return accountIds.map((accountId) =>
    conclude(deps, accountId, audited.get(accountId) ?? [], verdicts.get(accountId), undecided.get(accountId)));
}

/** Compares one account completely, on demand. */
export async function compareAccount(deps: CompareDeps, accountId: string): Promise<Comparison> {
  const [comparison] = await compareAccounts(deps, [accountId], { newest: null });
  if (comparison === undefined) throw new Error('one account was asked for');
  return comparison;
}

/** Reads Redis, then drains, then reads Postgres: so Postgres may be further than the read of Redis, but need not lag. */
async function lookAgain(
  deps: CompareDeps, pending: readonly Pending[], drains: boolean, verdicts: Map<string, Verdict>,
): Promise<Pending[]> {
  const shardOf = ({ accountId }: Pending): number => deps.keys.shardOf(accountId);
  const found: { readonly each: Pending; readonly stored: Inspected | Error }[] = [];
  for (const some of readTogether(pending)) {
    found.push(...await Promise.all(some.map(async (each) => ({
      each, stored: await inspectAccount(deps, each.accountId, { holdsMax: holdsMaxOf(each) }).catch(reasonOf),
    }))));
  }
  if (drains) await deps.drain([...new Set(pending.map(shardOf))]).catch(rethrow);
  const books = await readBooks(deps.db, found.flatMap(({ each, stored }) =>
    typeof stored === 'object' && !(stored instanceof Error)
      ? [{ accountId: each.accountId, shard: shardOf(each), seq: stored.seq, onlyAtSeq: true, ...holdsToCompare(stored, holdsMaxOf(each)) }]
      : []))
    .catch(rethrow);
  return found.flatMap(({ each, stored }) => {
    const judged = stored instanceof Error ? { ...each, reason: stored.message } : judge(each, stored, books.get(each.accountId));
    if ('accountId' in judged) return [judged];
    verdicts.set(each.accountId, judged);
    return [];
  });
}

const holdsMaxOf = ({ listsAll }: Pending): number => (listsAll ? SNAPSHOT_HOLDS_MAX : LOOK_HOLDS_MAX);

function readTogether(pending: readonly Pending[]): Pending[][] {
  const [light, whole] = [pending.filter(({ listsAll }) => !listsAll), pending.filter(({ listsAll }) => listsAll)];
  const pages = Array.from({ length: Math.ceil(light.length / READ_AT_ONCE) }, (_, page) =>
    light.slice(page * READ_AT_ONCE, (page + 1) * READ_AT_ONCE));
  return [...pages, ...whole.map((each) => [each])];
}

function judge(before: Pending, stored: Inspected, book: AccountBook | undefined): Verdict | Pending {
  const pending = { ...before, listsAll: false };
  if (stored === 'not_loaded') return { seq: null, differences: [] };
  if (stored === 'closed' || book?.epoch !== stored.epoch) return { ...pending, reason: 'the shard is being verified' };
  const has = book.account?.seq ?? 0;
  const { floor } = pending;
  // Only Redis numbers entries, so it cannot be behind what Postgres had before Redis was read.
  if (floor?.epoch === stored.epoch && stored.seq < floor.seq) return { seq: stored.seq, differences: [wentBack(stored, floor.seq)] };
  if (has === stored.seq) {
    const verdict = { seq: stored.seq, differences: compareBooks(stored, book) };
    const isWhole = before.listsAll || Math.max(stored.openHolds, book.openHolds) <= LOOK_HOLDS_MAX;
    return isWhole ? verdict
      : { ...pending, agreedAt: stored.seq, listsAll: true, inPart: verdict, reason: 'it is written to all the time' };
  }
  if (has > stored.seq) {
    const differences = book.entry === null ? [] : compareBalances(stored, book.entry);
    if (differences.length > 0) return { seq: stored.seq, differences };
    const agreed = book.entry === null ? {} : { agreedAt: stored.seq, agreed: pending.agreed + 1 };
    return { ...pending, ...agreed, floor: { epoch: book.epoch, seq: has }, reason: 'it is written to all the time' };
  }
  if (compareStreamIds(book.cursor, stored.journalEnd) >= 0) return { seq: stored.seq, differences: [lostEntries(stored, book)] };
  return { ...pending, reason: book.stoppedReason === null ? 'Postgres has not caught up' : `its shard is stopped: ${book.stoppedReason}` };
}

const wentBack = (stored: StoredAccount, seq: number): Difference => ({
  check: 'sequence', expected: `entry ${seq} in Postgres`, actual: `entry ${stored.seq} in Redis`, micros: 0,
});

function conclude(
  { keys }: CompareDeps, accountId: string, audited: readonly Difference[], verdict: Verdict | undefined,
  undecided: Pending | undefined,
): Comparison {
  const shard = keys.shardOf(accountId);
  const differences = mergeDifferences([...((verdict ?? undecided?.inPart)?.differences ?? []), ...audited]);
  const result = differences.length > 0 ? 'drift' : verdict !== undefined ? 'ok' : undecided?.agreedAt === null ? 'failed' : 'busy';
  return {
    accountId, shard, seq: verdict?.seq ?? undecided?.agreedAt ?? null, result,
    reason: verdict === undefined ? (undecided?.reason ?? null) : null, differences,
  };
}

const reasonOf = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
