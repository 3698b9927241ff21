import { micros, type Micros } from '../../kit/money/micros.js';
import type { JournalEntry, LotChange } from '../../ledger/entry.js';
import type { HoldPart } from '../../ledger/account-image.js';

/** The parts of an entry that tell what it captured, and from where. */
export type CapturingEntry = Pick<JournalEntry, 'kind' | 'captured' | 'overage' | 'debt'> & {
  readonly lots: readonly Pick<LotChange, 'lotId' | 'remaining' | 'held'>[];
};

/** What was captured from one lot; `lotId` null: as debt. */
export type CapturedPart = { readonly lotId: string | null; readonly amount: Micros };

export type RefundPlan =
  /** `parts` in the order in which they return. */
  | { readonly status: 'planned'; readonly amount: Micros; readonly parts: readonly CapturedPart[] }
  /** Only `left` has not been refunded. */
  | { readonly status: 'exceeds'; readonly left: Micros };

/**
 * Plans a refund of what `entries` captured, oldest first, of which `refunded` has been refunded already. `amount` null:
 * all that is left. What was taken last returns first: the debt, then what was available, then the hold. So the account
 * becomes what it would be if the cost had been less.
 */
export function planRefund(
  { entries, holdParts, refunded, amount }: {
    readonly entries: readonly CapturingEntry[]; readonly holdParts: readonly HoldPart[];
    readonly refunded: Micros; readonly amount: Micros | null;
  },
): RefundPlan {
  const taken: CapturedPart[] = [];
  for (const entry of entries) {
    // A settle that found too much charged has given the difference back, the last part first.
    if (entry.captured < 0) dropLast(taken, 0 - entry.captured);
    else taken.push(...capturedParts(entry, holdParts));
  }
  const captured = taken.reduce((sum, part) => sum + part.amount, 0);
  const left = micros(captured - refunded);
  const wanted = amount ?? left;
  if (wanted > left || wanted === 0) return { status: 'exceeds', left };
  dropLast(taken, refunded);
  return { status: 'planned', amount: wanted, parts: lastOf(taken, wanted) };
}

/** Where one entry took its captured amount from, in the order in which it took it. */
export function capturedParts({ captured, overage, debt, lots }: CapturingEntry, holdParts: readonly HoldPart[]): CapturedPart[] {
  const parts: CapturedPart[] = [];
  const endsHold = lots.some(({ held }) => held < 0);
  if (endsHold && overage === 0) {
    // The first parts of the hold were spent; the rest has gone back, or has expired with its lot.
    let left: number = captured;
    for (const part of holdParts) {
      const spent = Math.min(left, part.amount);
      if (spent > 0) parts.push({ lotId: part.lotId, amount: micros(spent) });
      left -= spent;
    }
    if (left !== 0) throw new Error('an entry captured more of a hold than the hold had');
    return parts;
  }
  // Beyond its amount a hold is spent in full.
  for (const { lotId, held } of lots) if (held < 0) parts.push({ lotId, amount: micros(0 - held) });
  for (const { lotId, remaining } of lots) if (remaining < 0) parts.push({ lotId, amount: micros(0 - remaining) });
  if (debt > 0) parts.push({ lotId: null, amount: debt });
  return parts;
}

/** The last parts that make up `amount`, the very last first. */
function lastOf(parts: readonly CapturedPart[], amount: number): CapturedPart[] {
  const found: CapturedPart[] = [];
  let left = amount;
  for (const { lotId, amount: size } of parts.toReversed()) {
    if (left === 0) break;
    const part = Math.min(left, size);
    found.push({ lotId, amount: micros(part) });
    left -= part;
  }
  return found;
}

/** Takes `amount` off the end of the list. */
function dropLast(parts: CapturedPart[], amount: number): void {
  for (let left = amount; left > 0;) {
    const last = parts.pop();
    if (last === undefined) throw new Error('more was given back than was captured');
    if (last.amount > left) parts.push({ ...last, amount: micros(last.amount - left) });
    left -= Math.min(left, last.amount);
  }
}
