import { finding, type Finding } from '../../support/finding.js';
import type { NamedLosses } from './named-losses.js';
import type { ClientRecord, Op } from './record.js';
import type { EntryRow, HoldRow, IntentRow, ToldBooks, TransferRow } from './told-books.js';

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
  const lost = new Set<Op>();
  const found = { ...moneyIn(record, index), ...charges(record, index, losses, lost) };
  const holds = auditHolds(record, index, losses, lost);
  return [
    definite.done(), { ...allowed.done(), compared: record.ops.length },
    found.grants, found.refunds, found.transfers, found.charged, found.once, ...holds,
    refused(record, index), strangers(record, books, index), onlyEndsOweDebt(books),
    tallies(record, books, index, lost),
  ];
}

type Index = {
  readonly intentOfKey: ReadonlyMap<string, IntentRow>;
  readonly transferOfKey: ReadonlyMap<string, TransferRow>;
  /** By the last part of their key, which is the client's. */
  readonly entriesOfKey: ReadonlyMap<string, readonly EntryRow[]>;
  readonly holds: ReadonlyMap<string, readonly HoldRow[]>;
};

const lastPart = (key: string): string => key.slice(key.lastIndexOf(':') + 1);

function indexed({ entries, holds, intents, transfers }: ToldBooks): Index {
  const group = <T>(rows: readonly T[], nameOf_: (row: T) => string): Map<string, T[]> => {
    const groups = new Map<string, T[]>();
    for (const row of rows) groups.set(nameOf_(row), [...groups.get(nameOf_(row)) ?? [], row]);
    return groups;
  };
  return {
    intentOfKey: new Map(intents.flatMap((row) => (row.key === null ? [] : [[`${row.kind} ${row.key}`, row]]))),
    transferOfKey: new Map(transfers.map((row) => [row.key, row])),
    entriesOfKey: group(entries.filter(({ key }) => key !== ''), ({ key }) => (key.startsWith('intent:') ? key : lastPart(key))),
    holds: group(holds, ({ account, hold }) => `${account} ${hold}`),
  };
}

const done = ({ ops }: ClientRecord, kind: Op['kind']): Op[] => ops.filter((op) => op.kind === kind && op.state === 'done');
const nameOf = ({ key, kind, account, hold, state, status, code, tries, answer }: Op): string =>
  `${kind} ${key} of ${account}${hold === '' ? '' : ` hold ${hold}`}: ${state} ${status} ${code} after ${tries} tries `
    + JSON.stringify(answer);

/** Money-in is in Postgres before it is acknowledged: no loss of Redis excuses its absence. */
function moneyIn(record: ClientRecord, { intentOfKey, transferOfKey, entriesOfKey }: Index) {
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
  return { grants: grants.done(), refunds: refunds.done(), transfers: transfers.done() };
}

function charges(record: ClientRecord, { entriesOfKey }: Index, losses: NamedLosses, lost: Set<Op>) {
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
  return { charged: charged.done(), once: once.done() };
}

function auditHolds(record: ClientRecord, { holds, entriesOfKey }: Index, losses: NamedLosses, lost: Set<Op>): Finding[] {
  const placed = finding('every acknowledged hold is there once, or in a named loss');
  const extended = finding('every acknowledged extension is there once, or in a named loss');
  const ended = finding('every acknowledged settle and void is there as its client was told, or in a named loss');
  const amounts = finding('every hold has the amount that its client was told last');
  const byHold = new Map<string, Op[]>();
  for (const op of record.ops) {
    if (op.hold !== '') byHold.set(`${op.account} ${op.hold}`, [...byHold.get(`${op.account} ${op.hold}`) ?? [], op]);
  }
  for (const [name, ops] of byHold) {
    const [row, ...more] = holds.get(name) ?? [];
    const told = ops.filter(({ state }) => state === 'done');
    const losesBefore = lost.size;
    const check = (into: typeof placed, op: Op, isThere: boolean, isMissing: boolean): void => {
      if (!isThere && isMissing) lost.add(op);
      into.compare(isThere || (isMissing && losses.covers(op)), () => `${nameOf(op)}; found ${JSON.stringify([row, ...more])}`);
    };
    for (const op of told) {
      if (op.kind === 'place') check(placed, op, row !== undefined && more.length === 0, row === undefined);
      if (op.kind === 'extend') {
        const count = entriesOfKey.get(op.key)?.length ?? 0;
        check(extended, op, count === 1, count === 0);
      }
      if (op.kind === 'settle' || op.kind === 'void') {
        const count = entriesOfKey.get(op.key)?.length ?? 0;
        check(ended, op, count === 1 && row !== undefined && isAsTold(row, op), count === 0);
      }
    }
    const last = told.findLast((op) => typeof op.answer['amount'] === 'number');
    if (lost.size === losesBefore && row !== undefined && last !== undefined) {
      amounts.compare(row.amount === last.answer['amount'] || losses.explains(last), () => `${nameOf(last)}; found ${JSON.stringify(row)}`);
    }
  }
  const unknown = finding('a hold that is not found was never there, or is in a named loss');
  for (const op of record.ops.filter(({ code, hold }) => code === 'hold_not_found' && hold !== '')) {
    unknown.compare(losses.explains(op) || !holds.has(`${op.account} ${op.hold}`), () => nameOf(op));
  }
  return [placed, extended, ended, amounts, unknown].map((each) => each.done());
}

const ENDED: Readonly<Record<string, string>> = { settle: 'settled', void: 'voided' };

const isAsTold = (row: HoldRow, { kind, answer }: Op): boolean => row.state === ENDED[kind]
  && (['captured', 'overage', 'debt', 'uncollected'] as const).every((name) => row[name] === answer[name]);

/** A refusal says that nothing happened, to every try of it. */
function refused({ ops }: ClientRecord, { intentOfKey, transferOfKey, entriesOfKey }: Index): Finding {
  const checked = finding('what was refused is not there');
  for (const op of ops.filter(({ state }) => state === 'refused')) {
    const transfer = op.kind === 'transfer' ? transferOfKey.get(op.key) : undefined;
    const intents = ['grant', 'refund'].flatMap((kind) => intentOfKey.get(`${kind} ${op.key}`) ?? []);
    const entries = op.kind === 'place' && op.code === 'hold_resolved' ? [] : entriesOfKey.get(op.key) ?? [];
    checked.compare(
      entries.length === 0 && intents.every(({ state }) => state === 'refused') && (transfer === undefined || transfer.state === 'refused'),
      () => `${nameOf(op)}; found ${JSON.stringify([...entries, ...intents, ...(transfer === undefined ? [] : [transfer])])}`,
    );
  }
  return checked.done();
}

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

type Tally = { granted: number; captured: number; removed: number };

/** What every account got and paid, by the record of the clients, without what is in a named loss. */
function tallies(record: ClientRecord, { totals }: ToldBooks, { holds, entriesOfKey }: Index, lost: ReadonlySet<Op>): Finding {
  const checked = finding("every account was granted, charged and relieved of what the clients' own record says");
  const own = new Map<string, Tally>();
  const add = (account: string, name: keyof Tally, amount: number): void => {
    const tally = own.get(account) ?? { granted: 0, captured: 0, removed: 0 };
    tally[name] += amount;
    own.set(account, tally);
  };
  const settled = new Set<string>();
  const isThere = (op: Op): boolean =>
    (op.state === 'done' && !lost.has(op)) || (op.state === 'unknown' && entriesOfKey.has(op.key));
  for (const op of record.ops.filter(isThere)) {
    if (op.kind === 'grant') add(op.account, 'granted', op.amount);
    if (op.kind === 'charge' || op.kind === 'once') add(op.account, 'captured', op.amount);
    if (op.kind === 'refund') add(op.account, 'captured', 0 - op.amount);
    if (op.kind === 'transfer') {
      add(op.account, 'removed', op.amount);
      add(op.other, 'granted', op.amount);
    }
    if (op.kind === 'settle' || op.kind === 'void') {
      settled.add(`${op.account} ${op.hold}`);
      add(op.account, 'captured', Number(op.answer['captured'] ?? 0));
    }
  }
  // Holds that their leases have ended: at most what was reported.
  const reported = new Map<string, number>();
  for (const { kind, account, hold, amount, state } of record.ops) {
    if (kind === 'progress' && state !== 'refused') reported.set(`${account} ${hold}`, amount);
  }
  const lapsed = finding('a lease that ended charged what was reported, at most');
  for (const [name, rows] of holds) {
    if (settled.has(name)) continue;
    for (const { account, captured, policy, state } of rows) {
      add(account, 'captured', captured);
      lapsed.compare(state === 'expired' && captured <= (policy === 'release' ? 0 : reported.get(name) ?? 0), () =>
        `${name}: ${state}, captured ${captured} by ${policy}, reported ${reported.get(name) ?? 0}`);
    }
  }
  for (const { account, granted, captured, removed } of totals) {
    const mine = own.get(account) ?? { granted: 0, captured: 0, removed: 0 };
    checked.compare(mine.granted === granted && mine.captured === captured && mine.removed === removed, () =>
      `${account}: own ${JSON.stringify(mine)}, ledger ${JSON.stringify({ granted, captured, removed })}`);
  }
  const [sums, lapses] = [checked.done(), lapsed.done()];
  return {
    check: `${sums.check}; ${lapses.check}`, compared: sums.compared + lapses.compared, wrongCount: sums.wrongCount + lapses.wrongCount,
    wrong: [...sums.wrong, ...lapses.wrong],
  };
}
