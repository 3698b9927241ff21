import { endHolds, insertHolds, readLastHolds, type HoldRow, type HoldState } from '../../books/hold.table.js';
import { micros, microsToText, ZERO, type Micros } from '../../kit/money/micros.js';
import type { EntryKind, JournalEntry } from '../../ledger/entry.js';
import { readFacts } from '../../ledger/facts.js';
import { limitParts } from '../../ledger/limits.js';
import type { PlacedEntry } from '../fold-accounts.js';
import type { CorrectedEnd } from '../model-uses.js';
import { ShardFault } from '../shard-fault.js';
import { oncePerBatch, type Projection } from './projection.js';

/** The holds of a batch. Also used for the times at which ended holds were placed (write-batch.ts). */
export const holdsOf = oncePerBatch(async ({ fresh }, trx) =>
  foldHolds(fresh, await readLastHolds(trx, holdsToRead(fresh)), ({ about }) => about));

/** For a `correct` entry of the batch: the end that it corrects and the stored facts of that end. Null for any other entry. */
export const correctedEnds = oncePerBatch(async (batch, trx) => {
  const { found } = await holdsOf(batch, trx);
  return (entry: JournalEntry): CorrectedEnd | null => {
    const before = entry.kind === 'correct' ? found.get(entry) : undefined;
    return before === undefined ? null : { state: before.state, facts: readFacts(before.endAbout ?? '') };
  };
});

export const placedHolds: Projection<readonly HoldRow[]> = {
  name: 'placed holds',
  fold: async (batch, trx) => (await holdsOf(batch, trx)).placed,
  write: insertHolds,
};

export const endedHolds: Projection<readonly HoldRow[]> = {
  name: 'ended holds',
  fold: async (batch, trx) => (await holdsOf(batch, trx)).ended,
  write: endHolds,
};

/** The account id contains no colon (ids.ts), so no two holds share a name. */
const nameOf = ({ accountId, holdId }: { accountId: string; holdId: string }): string => `${accountId}:${holdId}`;

/** How each kind of entry ends a hold, and the states in which it may find the hold. */
const ENDS: Partial<Readonly<Record<EntryKind, { readonly from: readonly HoldState[]; readonly to: Exclude<HoldState, 'open'> }>>> = {
  settle: { from: ['open'], to: 'settled' },
  void: { from: ['open'], to: 'voided' },
  expire_hold: { from: ['open'], to: 'expired' },
  late_settle: { from: ['expired'], to: 'settled' },
  correct: { from: ['settled', 'voided'], to: 'settled' },
};

/** Holds that these entries end and that were placed before the batch: they must be read first. */
export function holdsToRead(fresh: readonly PlacedEntry[]): { accountId: string; holdId: string }[] {
  const placed = new Set<string>();
  const wanted = new Map<string, { accountId: string; holdId: string }>();
  for (const { entry } of fresh) {
    if (entry.kind === 'place') placed.add(nameOf(entry));
    else if (ENDS[entry.kind] !== undefined && !placed.has(nameOf(entry))) {
      wanted.set(nameOf(entry), { accountId: entry.accountId, holdId: entry.holdId });
    }
  }
  return [...wanted.values()];
}

export type FoldedHolds = {
  readonly placed: readonly HoldRow[];
  readonly ended: readonly HoldRow[];
  /** The hold before each entry that ends one. */
  readonly found: ReadonlyMap<JournalEntry, HoldRow>;
};

/**
 * The changes of a batch to holds: those it places, in their state after the batch, and those it ends. `aboutOf` returns
 * the text to store. Throws ShardFault when an entry ends a hold that does not exist or has ended differently (I3).
 */
export function foldHolds(
  fresh: readonly PlacedEntry[], stored: readonly HoldRow[], aboutOf: (entry: JournalEntry) => string,
): FoldedHolds {
  const isStored = new Set(stored.map(rowId));
  const current = new Map(stored.map((hold) => [nameOf(hold), hold]));
  const touched = new Map<string, HoldRow>();
  const found = new Map<JournalEntry, HoldRow>();
  for (const { entry, shard, index } of fresh) {
    const end = ENDS[entry.kind];
    if (entry.kind !== 'place' && end === undefined) continue;
    const before = current.get(nameOf(entry));
    let after: HoldRow;
    if (end === undefined) {
      after = place(entry, aboutOf(entry));
    } else if (before !== undefined && end.from.includes(before.state)) {
      after = finish(before, entry, end.to, aboutOf(entry));
      found.set(entry, before);
    } else {
      throw new ShardFault(
        shard.shard, index,
        `account ${entry.accountId}: entry ${entry.seq} (${entry.kind}) ends hold ${entry.holdId}, which is ${before?.state ?? 'unknown'}`,
      );
    }
    current.set(nameOf(entry), after);
    touched.set(rowId(after), after);
  }
  const rows = [...touched.values()];
  return { placed: rows.filter((row) => !isStored.has(rowId(row))), ended: rows.filter((row) => isStored.has(rowId(row))), found };
}

const rowId = (hold: HoldRow): string => `${nameOf(hold)} ${hold.placedSeq}`;

const place = (entry: JournalEntry, about: string): HoldRow => ({
  accountId: entry.accountId,
  holdId: entry.holdId,
  placedSeq: entry.seq,
  kind: entry.holdKind,
  state: 'open',
  amount: entry.held,
  parts: entry.lots.filter(({ held }) => held > 0).map(({ lotId, held }) => `${lotId}:${microsToText(held)}`).join(','),
  policy: entry.policy,
  price: entry.price,
  fingerprint: entry.fingerprint,
  about,
  placedAvailable: entry.availableAfter,
  placedAtMs: entry.atMs,
  placedAmount: entry.held,
  placedExpiresAtMs: entry.leaseEndsAtMs,
  expiresAtMs: entry.leaseEndsAtMs,
  placedBy: entry.principal === '' ? 'user' : entry.principal,
  limitParts: limitParts(readFacts(entry.about).limits),
  captured: ZERO, released: ZERO, expired: ZERO, overage: ZERO, debt: ZERO, uncollected: ZERO,
  late: false, availableAfter: null, endFingerprint: null, endAbout: null, endedAtMs: null, endedSeq: null, closedAtMs: null,
});

/** A late settle and a correction add to the charge of a hold; the released and expired amounts of its end stay unchanged. */
function finish(hold: HoldRow, entry: JournalEntry, state: HoldState, endAbout: string): HoldRow {
  const isAgain = hold.state !== 'open';
  const isCorrection = entry.kind === 'correct';
  return {
    ...hold,
    state,
    captured: micros(hold.captured + entry.captured),
    released: isAgain ? hold.released : releasedBy(hold.amount, entry),
    expired: isAgain ? hold.expired : entry.expired,
    overage: micros(hold.overage + entry.overage),
    debt: micros(hold.debt + entry.debt),
    uncollected: micros(hold.uncollected + entry.uncollected),
    late: isCorrection ? hold.late : isAgain,
    availableAfter: entry.availableAfter,
    endFingerprint: entry.fingerprint,
    endAbout,
    endedAtMs: entry.atMs,
    endedSeq: entry.seq,
    closedAtMs: isCorrection ? hold.closedAtMs : entry.atMs,
  };
}

/** The part of a hold that was neither captured nor expired with its lot. */
const releasedBy = (amount: Micros, { captured, overage, expired }: JournalEntry): Micros =>
  micros(amount - (captured - overage) - expired);
