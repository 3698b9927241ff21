import { finding, type Finding } from '../../support/finding.js';
import type { NamedLosses } from './named-losses.js';
import type { ClientRecord, Op } from './record.js';
import type { HoldRow } from './told-books.js';
import { nameOf, type Index } from './told-index.js';

/** Compares every hold with what its client was told of it. Adds what is missing, and covered or not by a named loss, to `lost`. */
export function auditHolds(record: ClientRecord, { holds, entriesOfKey }: Index, losses: NamedLosses, lost: Set<Op>): Finding[] {
  const placed = finding('every acknowledged hold is there once, or in a named loss');
  const extended = finding('every acknowledged extension is there once, or in a named loss');
  const ended = finding('every acknowledged settle and void is there as its client was told, or in a named loss');
  const amounts = finding('every hold has the amount that its client was told last, of what is not in a named loss');
  for (const [name, ops] of byHold(record)) {
    const [row, ...more] = holds.get(name) ?? [];
    const found = (): string => `found ${JSON.stringify([row, ...more])}`;
    const check = (into: typeof placed, op: Op, isThere: boolean, isMissing: boolean): void => {
      if (isMissing) lost.add(op);
      into.compare(isThere || (isMissing && losses.covers(op)), () => `${nameOf(op)}; ${found()}`);
    };
    const told = ops.filter(({ state }) => state === 'done');
    for (const op of told) {
      const count = entriesOfKey.get(op.key)?.length ?? 0;
      if (op.kind === 'place') check(placed, op, row !== undefined && more.length === 0, row === undefined);
      if (op.kind === 'extend') check(extended, op, count === 1, count === 0);
      if (op.kind === 'settle' || op.kind === 'void') {
        // The lease had ended it, with the same usage: that end is the answer, and there is no entry of this one.
        const isRepeat = op.answer['state'] === 'expired';
        const isThere = row !== undefined && isAsTold(row, op) && count === (isRepeat ? 0 : 1);
        check(ended, op, isThere, isRepeat ? row === undefined : count === 0);
      }
    }
    if (row !== undefined) {
      amounts.compare(hasAmountAsTold(row, ops, losses, lost), () => `${ops.map(nameOf).join('\n      ')}; ${found()}`);
    }
  }
  return [placed, extended, ended, amounts].map((each) => each.done());
}

function byHold({ ops }: ClientRecord): Map<string, Op[]> {
  const found = new Map<string, Op[]>();
  for (const op of ops) {
    if (op.hold !== '') found.set(`${op.account} ${op.hold}`, [...found.get(`${op.account} ${op.hold}`) ?? [], op]);
  }
  return found;
}

const ENDED: Readonly<Record<string, string>> = { settle: 'settled', void: 'voided' };

const isAsTold = (row: HoldRow, { kind, answer }: Op): boolean => row.state === answer['state']
  && (row.state === 'expired' || row.state === ENDED[kind])
  && (['captured', 'overage', 'debt', 'uncollected'] as const).every((name) => row[name] === answer[name]);

/**
 * Goes back through the amounts that a client was told, to the one that the books have. Those after it told nothing new, or what
 * they told is lost. A report has no key, so it is its loss that is asked for.
 */
function hasAmountAsTold({ amount }: HoldRow, ops: readonly Op[], losses: NamedLosses, lost: ReadonlySet<Op>): boolean {
  const tellers = ops.filter(({ state, answer }) => state === 'done' && typeof answer['amount'] === 'number');
  // A report that was refused because the lease had ended may have raised the hold by a try whose answer was lost.
  const [last] = tellers.slice(-1);
  if (last === undefined) return true;
  const mayBeMore = ops.some(({ kind, state, tries }) => kind === 'progress' && state === 'refused' && tries > 1);
  if (mayBeMore && Number(last.answer['amount']) < amount) return true;
  for (let index = tellers.length - 1; index >= 0; index -= 1) {
    const [before, op] = [tellers[index - 1], tellers[index]];
    if (op === undefined || op.answer['amount'] === amount) return op !== undefined;
    if (op.answer['amount'] === before?.answer['amount']) continue; // told nothing new, and needs no excuse of those that are left
    if (!lost.has(op) && !(op.kind === 'progress' && losses.covers(op))) return false;
  }
  return false;
}
