import { finding, type Finding } from '../../support/finding.js';
import type { NamedLosses } from './named-losses.js';
import type { ClientRecord, Op } from './record.js';
import type { IntentRow, ToldBooks } from './told-books.js';
import { auditHolds } from './told-holds.js';
import { done, indexed, lastPart, nameOf, type Index } from './told-index.js';
import { auditRefused } from './told-refusals.js';
import { auditTallies } from './told-tallies.js';

/**
 * Compares what clients were told, by their own record, with the books: so that both sides cannot have forgotten the same. What
 * is acknowledged is there once and to the micro, or inside a loss that the gateway has named; what was refused is not there; and
 * nothing is there that no client wanted.
 */
export function auditTold(record: ClientRecord, books: ToldBooks, losses: NamedLosses): Finding[] {
  const index = indexed(books);
  const definite = finding('every intent of a client has a definite outcome');
  for (const op of record.ops) definite.compare(op.state !== 'open', () => nameOf(op));
  const allowed = finding('every answer is one that the contract allows');
  for (const surprise of record.surprises) allowed.compare(false, () => surprise);
  /** What was acknowledged and is not there. */
  const lost = new Set<Op>();
  const money = moneyIn(record, index);
  const charged = charges(record, index, losses, lost);
  const holds = auditHolds(record, index, losses, lost);
  return [
    definite.done(), { ...allowed.done(), compared: record.ops.length },
    ...money, ...charged, ...holds, ...auditRefused(record, index, losses, lost),
    strangers(record, books, index), onlyEndsOweDebt(books), ...auditTallies(record, books, index, { losses, lost }),
  ];
}

/** Money-in is in Postgres before it is acknowledged: no loss of Redis excuses its absence. */
function moneyIn(record: ClientRecord, { intentOfKey, transferOfKey, entriesOfKey }: Index): Finding[] {
  const appliedOnce = (intent: IntentRow | undefined, account: string, amount: number): boolean => {
    const entries = entriesOfKey.get(`intent:${intent?.intentId ?? ''}`) ?? [];
    return intent?.state === 'applied' && intent.account === account && intent.amount === amount && entries.length === 1
      && entries[0]?.account === account;
  };
  const grants = finding('every acknowledged grant is there once');
  for (const op of done(record, 'grant')) {
    const intent = intentOfKey.get(`grant ${op.key}`);
    grants.compare(appliedOnce(intent, op.account, op.amount) && String(intent?.intentId) === op.answer['id'], () =>
      `${nameOf(op)}; found ${JSON.stringify(intent)}`);
  }
  const refunds = finding('every acknowledged refund is there once');
  for (const op of done(record, 'refund')) {
    const intent = intentOfKey.get(`refund ${op.key}`);
    refunds.compare(appliedOnce(intent, op.account, op.amount), () => `${nameOf(op)}; found ${JSON.stringify(intent)}`);
  }
  const transfers = finding('every acknowledged transfer is there, with both its entries');
  for (const op of done(record, 'transfer')) {
    const row = transferOfKey.get(op.key);
    const [sent, received] = ['transfer_out', 'transfer_in'].map((kind) => intentOfKey.get(`${kind} ${row?.transferId ?? ''}`));
    transfers.compare(
      row?.state === 'completed' && row.amount === op.amount && appliedOnce(sent, op.account, op.amount)
        && appliedOnce(received, op.other, op.amount),
      () => `${nameOf(op)}; found ${JSON.stringify([row, sent, received])}`,
    );
  }
  return [grants.done(), refunds.done(), transfers.done()];
}

function charges(record: ClientRecord, { entriesOfKey }: Index, losses: NamedLosses, lost: Set<Op>): Finding[] {
  const charged = finding('every acknowledged charge is there once, or in a named loss');
  for (const op of [...done(record, 'charge'), ...done(record, 'once')]) {
    const [entry, ...more] = entriesOfKey.get(op.key) ?? [];
    if (entry === undefined) lost.add(op);
    charged.compare(
      entry === undefined ? losses.covers(op)
        : more.length === 0 && entry.account === op.account && entry.captured === op.amount && entry.seq === op.answer['entry'],
      () => `${nameOf(op)}; found ${JSON.stringify([entry, ...more])}`,
    );
  }
  const once = finding('a charge without a key whose answer was lost is there once at most');
  for (const op of record.ops.filter(({ state }) => state === 'unknown')) {
    const rows = entriesOfKey.get(op.key) ?? [];
    once.compare(rows.length <= 1 && (rows[0]?.captured ?? op.amount) === op.amount, () => `${nameOf(op)}; found ${JSON.stringify(rows)}`);
  }
  return [charged.done(), once.done()];
}

/** How a hold ends by its client. */
const ENDS = ['settle', 'void', 'late_settle', 'correct', 'give_back'];
const BY_ITSELF = ['expire_hold', 'expire_lots'];

function strangers(record: ClientRecord, { entries, transfers }: ToldBooks, { intentOfKey }: Index): Finding {
  const checked = finding('nothing is there that no client wanted');
  const wanted = new Set(record.ops.map(({ key }) => key));
  const holds = new Set(record.ops.filter(({ kind }) => kind === 'place').map(({ account, hold }) => `${account} ${hold}`));
  const intents = new Set([...intentOfKey.values()].flatMap(({ intentId, kind, key }) => {
    const isWanted = kind.startsWith('transfer_')
      ? transfers.some(({ transferId, key: name }) => String(transferId) === key && wanted.has(name)) : wanted.has(key ?? '');
    return isWanted ? [`intent:${intentId}`] : [];
  }));
  for (const { account, seq, kind, hold, key } of entries) {
    const isWanted = key.startsWith('intent:') ? intents.has(key)
      : hold !== '' ? holds.has(`${account} ${hold}`) && (!ENDS.includes(kind) || wanted.has(lastPart(key)))
        : BY_ITSELF.includes(kind) || wanted.has(lastPart(key));
    checked.compare(isWanted, () => `${account} entry ${seq}: ${kind} ${hold} ${key}`);
  }
  return checked.done();
}

function onlyEndsOweDebt({ entries }: ToldBooks): Finding {
  const checked = finding('nothing goes above the balance but the ends of holds');
  for (const { account, seq, kind, debt } of entries) {
    checked.compare(debt <= 0 || ENDS.includes(kind) || kind === 'expire_hold', () => `${account} entry ${seq}: ${kind} ${debt}`);
  }
  return checked.done();
}
