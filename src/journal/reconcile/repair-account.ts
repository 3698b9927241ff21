import { loadImages } from '../../books/load-account.js';
import type { Clock } from '../../kit/clock.js';
import { SNAPSHOT_HOLDS_MAX } from '../../kit/limits.js';
import type { AccountImage } from '../../ledger/account-image.js';
import { writeFacts } from '../../ledger/facts.js';
import { accountArgs, openHoldRecord } from '../../ledger/hydrate.js';
import { repairAccountScript } from '../../ledger/scripts.js';
import { compareStreamIds } from '../../ledger/stream-position.js';
import { readBooks, type AccountBook } from './account-book.table.js';
import { auditDifferences } from './audit-account.js';
import { auditAccounts } from './audit.table.js';
import type { CompareDeps } from './compare-account.js';
import { compareBooks } from './compare-books.js';
import { mergeDifferences, type Difference } from './comparison.js';
import { holdsToCompare, inspectAccount, type StoredAccount } from './inspect-account.js';

export type RepairDeps = CompareDeps & { readonly clock: Clock; readonly timeOffsetMs?: () => number };

/** What a repair would do, and with what it was seen. */
export type RepairPlan =
  /** Redis does not have the account, or says the same as the books. */
  | { readonly status: 'nothing_to_do' }
  /** It cannot be decided now, or, where that is lasting, not until an operator has done something. */
  | { readonly status: 'refused'; readonly reason: string; readonly isLasting: boolean; readonly differences: readonly Difference[] }
  | {
    readonly status: 'differs'; readonly differences: readonly Difference[];
    readonly stored: StoredAccount; readonly image: AccountImage;
    /** Contradictions of the books with themselves: then they are no measure to repair by. */
    readonly audited: readonly Difference[];
    /** The number that the adjusting entry will have. */
    readonly seq: number;
  };

/** `source`: where the entry says that it came from. */
export type RepairCommand = {
  readonly accountId: string; readonly source: 'reconciler' | 'administration'; readonly actor: string; readonly reason: string;
};

/** `not_as_seen`: it was written to in the meantime, so nothing was changed. */
export type Repaired = { readonly status: 'changed'; readonly seq: number } | { readonly status: 'not_as_seen' | 'closed' };

/** `freeze` leaves the account as it is and freezes it. */
export type RepairKind = 'repair' | 'freeze';

/**
 * Compares an account with the books, after the journal was drained up to what Redis had when it was read: so the books have all
 * entries of the account as it was seen. Changes nothing. An account with too many open holds is only refused a `repair`.
 */
export async function planRepair(deps: RepairDeps, accountId: string, kind: RepairKind = 'repair'): Promise<RepairPlan> {
  const { db, keys, drain } = deps;
  const shard = keys.shardOf(accountId);
  const stored = await inspectAccount(deps, accountId);
  if (stored === 'not_loaded') return { status: 'nothing_to_do' };
  const refused = (reason: string, { isLasting = false, differences = [] as readonly Difference[] } = {}): RepairPlan =>
    ({ status: 'refused', reason, isLasting, differences });
  if (stored === 'closed') return refused('its shard is being verified');
  await drain([shard]);
  const books = await readBooks(db, [{
    accountId, shard, seq: stored.seq, onlyAtSeq: false, ...holdsToCompare(stored, SNAPSHOT_HOLDS_MAX),
  }]);
  const book = books.get(accountId);
  if (book?.epoch !== stored.epoch) return refused('its shard is being verified');
  if (book.stoppedReason !== null) {
    return refused(`its shard is stopped (credit-gateway shards): ${book.stoppedReason}`, { isLasting: true });
  }
  if (compareStreamIds(book.cursor, stored.journalEnd) < 0) return refused('Postgres has not caught up');
  const [image] = await loadImages(deps, [accountId]);
  if (image?.seq !== (book.account?.seq ?? 0)) return refused('it was written to');
  const audited = (await auditAccounts(db, [accountId], null)).flatMap((row) => auditDifferences(row, null));
  const differences = mergeDifferences([...compareSeq(stored, book), ...compareBooks(stored, book)]);
  if (differences.length === 0 && audited.length === 0) return { status: 'nothing_to_do' };
  if (kind === 'repair' && Math.max(stored.openHolds, image.openHolds.length) > SNAPSHOT_HOLDS_MAX) {
    return refused(`it has more than ${SNAPSHOT_HOLDS_MAX} open holds`, { isLasting: true, differences });
  }
  return { status: 'differs', differences, stored, image, audited: mergeDifferences(audited), seq: image.seq + 1 };
}

const compareSeq = (stored: StoredAccount, book: AccountBook): Difference[] => {
  const seq = book.account?.seq ?? 0;
  return stored.seq === seq ? [] : [{
    check: book.account === null ? 'unknown_account' : 'sequence', expected: `entry ${seq}`, actual: `entry ${stored.seq}`, micros: 0,
  }];
};

/**
 * Writes the adjusting entry of a plan, and with it brings the account in Redis to what the books have; `freeze` leaves it as it
 * is and freezes it. The script compares the account with what the plan saw: one that was written to since is not changed.
 */
export async function carryOut(
  deps: RepairDeps, plan: Extract<RepairPlan, { readonly status: 'differs' }>, kind: RepairKind,
  { accountId, source, actor, reason }: RepairCommand,
): Promise<Repaired> {
  const { redis, keys, fence } = deps;
  const { stored, image, differences, audited, seq } = plan;
  const epoch = fence.epochOf(keys.shardOf(accountId));
  if (epoch?.number !== stored.epoch) return { status: 'closed' };
  const at = keys.account(accountId, epoch.number);
  const { figures, lots } = accountArgs(kind === 'freeze' ? { ...image, frozen: true } : image, seq);
  const { dropped, added } = kind === 'freeze' ? { dropped: [], added: [] } : holdChanges(stored, image);
  const records = added.map((hold) => openHoldRecord(at, hold));
  const reply = await repairAccountScript.run(redis, {
    fence: at.fence, account: at.account, lots: at.lots, lot: at.lot, lots_due: at.lotsDue, open: at.open, holds_due: at.holdsDue,
    journal: at.journal,
  }, {
    epoch: epoch.fence, time_offset_ms: deps.timeOffsetMs?.() ?? 0, account_id: accountId, kind,
    about: writeFacts({
      type: 'change', source, actor, reason, metadata: { found: [...differences, ...audited] },
    }),
    holds_max: SNAPSHOT_HOLDS_MAX, hold_prefix: at.hold(''), seen_count: stored.texts.length, figure_count: figures.length / 2,
    lot_count: image.lots.length, dropped_count: dropped.length,
  }, {
    keys: [...dropped.map((holdId) => at.hold(holdId)), ...records.map(({ key }) => key)],
    args: [
      ...stored.texts, ...figures, ...lots, ...dropped,
      ...added.flatMap((hold, index) => {
        const fields = records[index]?.fields ?? [];
        return [hold.holdId, hold.expiresAtMs.toString(), (fields.length / 2).toString(), ...fields];
      }),
    ],
  });
  switch (reply[0]) {
    case 'changed': return { status: 'changed', seq };
    case 'fenced': return { status: 'closed' };
    default: return { status: 'not_as_seen' };
  }
}

/** Open holds that only Redis has, and those that it lacks or has with another amount. */
function holdChanges(stored: StoredAccount, image: AccountImage) {
  const known = new Map(image.openHolds.map(({ holdId, amount }) => [holdId, amount.toString()]));
  return {
    dropped: [...stored.holds.keys()].filter((holdId) => !known.has(holdId)),
    added: image.openHolds.filter(({ holdId, amount }) => stored.holds.get(holdId) !== amount.toString()),
  };
}
