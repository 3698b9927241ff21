import { changeHolds, insertHolds, readLastHolds, type HoldRow, type HoldState } from '../../books/hold.table.js';
import { joined } from '../../kit/ids.js';
import { micros, microsToText, ZERO, type Micros } from '../../kit/money/micros.js';
import type { EntryKind, JournalEntry } from '../../ledger/entry.js';
import { readFacts, type Facts, type LimitFact } from '../../ledger/facts.js';
import { joinedLimitParts, limitParts } from '../../ledger/limits.js';
import type { PlacedEntry } from '../fold-accounts.js';
import type { CorrectedEnd } from '../model-uses.js';
import { ShardFault } from '../shard-fault.js';
import { oncePerBatch, type Projection } from './projection.js';

/** The holds of a batch. Also used for the times at which ended holds were placed (write-batch.ts). */
export const holdsOf = oncePerBatch(async ({ fresh, factsOf }, trx) =>
  foldHolds(fresh, await readLastHolds(trx, holdsToRead(fresh)), factsOf));

/** For a `correct` entry of the batch: the end that it corrects and the stored facts of that end. Null for any other entry. */
export const correctedEnds = oncePerBatch(async (batch, trx) => {
  const { found } = await holdsOf(batch, trx);
  return (entry: JournalEntry): CorrectedEnd | null => {
    const before = entry.kind === 'correct' ? found.get(entry) : undefined;
    return before === undefined ? null : { state: before.state, facts: readFacts(before.endAbout ?? '') };
  };
});

/** What the expiry of a hold charged that an entry settles late; 0 for any other entry. */
export const chargedBefore = oncePerBatch(async (batch, trx) => {
  const { found } = await holdsOf(batch, trx);
  return (entry: JournalEntry): Micros =>
    (entry.kind === 'late_settle' || entry.kind === 'give_back' ? found.get(entry)?.captured : undefined) ?? ZERO;
});

export const changedHolds: Projection<readonly HoldRow[]> = {
  name: 'changed holds',
  fold: async (batch, trx) => (await holdsOf(batch, trx)).changed,
  write: changeHolds,
};

export const placedHolds: Projection<readonly HoldRow[]> = {
  name: 'placed holds',
  after: changedHolds,
  fold: async (batch, trx) => (await holdsOf(batch, trx)).placed,
  write: insertHolds,
};

type FactsOf = (entry: JournalEntry) => Facts;

/** The account id contains no colon (ids.ts), so no two holds share a name. */
const nameOf = ({ accountId, holdId }: { accountId: string; holdId: string }): string => joined(accountId, holdId);

/** The states in which each kind of entry may find its hold, and the state in which it leaves it. */
const CHANGES: Partial<Readonly<Record<EntryKind, { readonly from: readonly HoldState[]; readonly to: HoldState }>>> = {
  extend: { from: ['open'], to: 'open' },
  progress: { from: ['open'], to: 'open' },
  settle: { from: ['open'], to: 'settled' },
  void: { from: ['open'], to: 'voided' },
  expire_hold: { from: ['open'], to: 'expired' },
  late_settle: { from: ['expired'], to: 'settled' },
  give_back: { from: ['expired'], to: 'settled' },
  correct: { from: ['settled', 'voided'], to: 'settled' },
};

/** Holds that these entries change and that were placed before the batch: they must be read first. */
export function holdsToRead(fresh: readonly PlacedEntry[]): { accountId: string; holdId: string }[] {
  const placed = new Set<string>();
  const wanted = new Map<string, { accountId: string; holdId: string }>();
  for (const { entry } of fresh) {
    if (entry.kind === 'place') placed.add(nameOf(entry));
    else if (CHANGES[entry.kind] !== undefined && !placed.has(nameOf(entry))) {
      wanted.set(nameOf(entry), { accountId: entry.accountId, holdId: entry.holdId });
    }
  }
  return [...wanted.values()];
}

export type FoldedHolds = {
  readonly placed: readonly HoldRow[];
  readonly changed: readonly HoldRow[];
  /** The hold before each entry that changes one. */
  readonly found: ReadonlyMap<JournalEntry, HoldRow>;
};

/**
 * The changes of a batch to holds: those it places, in their state after the batch, and the others. Throws ShardFault when
 * an entry changes a hold that does not exist or has ended differently (I3).
 */
export function foldHolds(
  fresh: readonly PlacedEntry[], stored: readonly HoldRow[], factsOf: FactsOf,
): FoldedHolds {
  const isStored = new Set(stored.map(rowId));
  const current = new Map(stored.map((hold) => [nameOf(hold), hold]));
  const touched = new Map<string, HoldRow>();
  const found = new Map<JournalEntry, HoldRow>();
  for (const { entry, shard, index } of fresh) {
    const change = CHANGES[entry.kind];
    if (entry.kind !== 'place' && change === undefined) continue;
    const before = current.get(nameOf(entry));
    let after: HoldRow;
    if (change === undefined) {
      after = place(entry, factsOf(entry));
    } else if (before !== undefined && change.from.includes(before.state)) {
      after = change.to === 'open' ? extend(before, entry, factsOf) : finish(before, entry, change.to, factsOf);
      found.set(entry, before);
    } else {
      throw new ShardFault(
        shard.shard, index,
        `account ${entry.accountId}: entry ${entry.seq} (${entry.kind}) ${change.to === 'open' ? 'changes' : 'ends'} hold ${entry.holdId}, `
          + `which is ${before?.state ?? 'unknown'}`,
      );
    }
    current.set(nameOf(entry), after);
    touched.set(rowId(after), after);
  }
  const rows = [...touched.values()];
  return { placed: rows.filter((row) => !isStored.has(rowId(row))), changed: rows.filter((row) => isStored.has(rowId(row))), found };
}

const rowId = (hold: HoldRow): string => joined(nameOf(hold), hold.placedSeq);

const place = (entry: JournalEntry, facts: Facts): HoldRow => ({
  accountId: entry.accountId,
  holdId: entry.holdId,
  placedSeq: entry.seq,
  kind: entry.holdKind,
  state: 'open',
  amount: entry.held,
  parts: partsText(heldOf(entry)),
  policy: entry.policy,
  price: entry.price,
  fingerprint: entry.fingerprint,
  about: entry.about,
  placedAvailable: entry.availableAfter,
  placedAtMs: entry.atMs,
  placedAmount: entry.held,
  placedExpiresAtMs: entry.leaseEndsAtMs,
  expiresAtMs: entry.leaseEndsAtMs,
  placedBy: entry.principal === '' ? 'user' : entry.principal,
  limitParts: limitParts(facts.limits), spentOn: entry.spentOn,
  spending: entry.spending,
  overCapture: entry.terms?.overCapture ?? null, debtLimit: entry.terms?.debtLimit ?? null, inputCost: entry.terms?.inputCost ?? null,
  leaseMs: entry.terms?.leaseMs ?? null,
  reported: ZERO, reportedUsage: '', reportedAtMs: null, spent: '',
  captured: ZERO, released: ZERO, expired: ZERO, overage: ZERO, debt: ZERO, uncollected: ZERO,
  late: false, availableAfter: null, endFingerprint: null, endAbout: null, endedAtMs: null, endedSeq: null, closedAtMs: null,
});

/** The lots that an entry holds more of, in the order in which they were taken. */
const heldOf = ({ lots }: JournalEntry): [lotId: string, amount: number][] =>
  lots.filter(({ held }) => held > 0).map(({ lotId, held }) => [lotId, held]);

const partsText = (parts: Iterable<readonly [lotId: string, amount: number]>): string =>
  [...parts].map(([lotId, amount]) => `${lotId}:${microsToText(micros(amount))}`).join(',');

/** An extension or a report: one part per lot, as in lua/includes/leases.lua. */
function extend(hold: HoldRow, entry: JournalEntry, factsOf: FactsOf): HoldRow {
  const parts = new Map(hold.parts === '' ? [] : hold.parts.split(',').map((part): [string, number] => {
    const [lotId = '', amount = ''] = part.split(':');
    return [lotId, Number(amount)];
  }));
  for (const [lotId, amount] of heldOf(entry)) parts.set(lotId, (parts.get(lotId) ?? 0) + amount);
  return {
    ...hold, ...reportOf(hold, entry), amount: micros(hold.amount + entry.held), parts: partsText(parts), expiresAtMs: entry.leaseEndsAtMs,
    limitParts: joinedLimitParts(hold.limitParts, factsOf(entry).limits),
  };
}

/** What a hold began to count with its end, against limits that were defined after it was placed. */
const taken = ({ limits }: Facts): LimitFact[] => limits.filter(({ open }) => open > 0);

/** What was last reported of a hold. The end of a hold tells what the journal did not get before. */
const reportOf = (hold: HoldRow, { kind, reported, reportedUsage, atMs }: JournalEntry) => (
  kind !== 'progress' && reported === hold.reported && reportedUsage === hold.reportedUsage ? {} : {
    reported, reportedUsage, reportedAtMs: atMs,
  }
);

/** A late settle and a correction add to the charge of a hold; the released and expired amounts of its end stay unchanged. */
function finish(hold: HoldRow, entry: JournalEntry, state: HoldState, factsOf: FactsOf): HoldRow {
  const isAgain = hold.state !== 'open';
  const isCorrection = entry.kind === 'correct';
  if (entry.kind === 'give_back') return giveBack(hold, entry);
  return {
    ...hold,
    ...(isAgain ? {} : { ...reportOf(hold, entry), limitParts: joinedLimitParts(hold.limitParts, taken(factsOf(entry))) }),
    spent: isAgain ? hold.spent : entry.spent,
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
    endAbout: entry.about,
    endedAtMs: entry.atMs,
    endedSeq: entry.seq,
    closedAtMs: isCorrection ? hold.closedAtMs : entry.atMs,
  };
}

/**
 * Less was used than the expiry charged: first what was beyond the hold comes back, then the hold's own part, as in
 * lua/includes/givebacks.lua.
 */
function giveBack(hold: HoldRow, entry: JournalEntry): HoldRow {
  const captured = 0 - entry.captured;
  const overage = Math.min(captured, hold.overage);
  const expired = Math.min(entry.expired, captured - overage);
  return {
    ...hold, state: 'settled', captured: micros(hold.captured - captured), overage: micros(hold.overage - overage),
    expired: micros(hold.expired + expired), released: micros(hold.released + captured - overage - expired),
    debt: micros(hold.debt - Math.min(captured, hold.debt)), uncollected: micros(hold.uncollected + entry.uncollected),
    late: true, availableAfter: entry.availableAfter, endFingerprint: entry.fingerprint, endAbout: entry.about, endedAtMs: entry.atMs,
    endedSeq: entry.seq, closedAtMs: entry.atMs,
  };
}

/** The part of a hold that was neither captured nor expired with its lot. */
const releasedBy = (amount: Micros, { captured, overage, expired }: JournalEntry): Micros =>
  micros(amount - (captured - overage) - expired);
