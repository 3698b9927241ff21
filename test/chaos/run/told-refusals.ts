import { finding, type Finding } from '../../support/finding.js';
import type { NamedLosses } from './named-losses.js';
import type { ClientRecord, Op } from './record.js';
import { nameOf, type Index } from './told-index.js';

/** A refusal says that nothing happened, to every try of it; and each of them has its reason. */
export function auditRefused(record: ClientRecord, index: Index, losses: NamedLosses, lost: ReadonlySet<Op>): Finding[] {
  const { intentOfKey, transferOfKey, entriesOfKey } = index;
  const absent = finding('what was refused is not there');
  const reasons = finding('what was refused had a reason');
  const paid = paidBy(record);
  for (const op of record.ops.filter(({ state }) => state === 'refused')) {
    const transfer = op.kind === 'transfer' ? transferOfKey.get(op.key) : undefined;
    const intents = ['grant', 'refund'].flatMap((kind) => intentOfKey.get(`${kind} ${op.key}`) ?? []);
    const entries = op.kind === 'place' && op.code === 'hold_resolved' ? [] : entriesOfKey.get(op.key) ?? [];
    absent.compare(
      entries.length === 0 && intents.every(({ state }) => state === 'refused') && (transfer === undefined || transfer.state === 'refused'),
      () => `${nameOf(op)}; found ${JSON.stringify([...entries, ...intents, ...(transfer === undefined ? [] : [transfer])])}`,
    );
    reasons.compare(hasReason(op, { index, losses, lost, paid }), () => nameOf(op));
  }
  return [absent.done(), reasons.done()];
}

type Reasons = {
  readonly index: Index; readonly losses: NamedLosses; readonly lost: ReadonlySet<Op>;
  /** What can be refunded, by account and name. */
  readonly paid: ReadonlyMap<string, Op>;
};

function hasReason(op: Op, { index: { holds }, losses, lost, paid }: Reasons): boolean {
  const [hold] = holds.get(`${op.account} ${op.hold}`) ?? [];
  // Its expiry passed before a try went in.
  if (op.kind === 'grant') return op.expiresAtMs !== null && op.expiresAtMs <= op.endedMs;
  if (op.kind === 'refund') {
    // Clients refund nothing twice, so what was paid is lost.
    const what = paid.get(`${op.account} ${op.other}`);
    return what !== undefined && lost.has(what);
  }
  // Clients go on only with holds that were acknowledged: it is lost, and \`auditHolds\` has asked for its loss.
  if (op.code === 'hold_not_found') return hold === undefined;
  // Clients end a hold once: its lease has ended it. A loss may have undone that.
  if (op.code === 'hold_resolved') return hold?.state === 'expired' || hold?.late === true || losses.wasReloadedAfter(op);
  return true;
}

function paidBy({ ops }: ClientRecord): Map<string, Op> {
  const paid = new Map<string, Op>();
  for (const op of ops.filter(({ state }) => state === 'done')) {
    if (op.kind === 'charge') paid.set(`${op.account} ${op.key}`, op);
    if (op.kind === 'settle') paid.set(`${op.account} ${op.hold}`, op);
  }
  return paid;
}
