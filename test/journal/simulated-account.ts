import { ENTRY_LINES, type EntryField, type EntryKind } from '../../src/ledger/entry.js';
import { AMOUNTS } from '../../src/ledger/figures.js';
import { encodeEntry } from '../support/encode-entry.js';

/** Optional facts about an operation of the simulator. */
export type Facts = {
  readonly key?: string;
  readonly about?: string;
  /** Of a place: what the hold is for. */
  readonly holdKind?: string;
  readonly fingerprint?: string;
  readonly price?: string;
  readonly atMs?: number;
};

type SimulatedLot = { readonly id: string; remaining: number; held: number; readonly expires: string };
type SimulatedHold = { readonly amount: number; readonly parts: { readonly lot: SimulatedLot; readonly amount: number }[] };
type Deltas = Partial<Record<EntryField, number>>;
type Text = Partial<Record<EntryField, string>>;

/** Fields and values of one entry, as a script passes them to XADD. */
export type SimulatedEntry = string[];

/**
 * An account that writes journal entries as the scripts do, without Redis: enough to test what reads the stream. Amounts
 * are micros. Lots are spent in the order in which they were granted.
 */
export function simulatedAccount(accountId: string, startMs: number) {
  const balance = { available: 0, held: 0, debt: 0, seq: 0 };
  const lots: SimulatedLot[] = [];
  const holds = new Map<string, SimulatedHold>();
  let nowMs = startMs;

  const entry = (kind: EntryKind, deltas: Deltas, text: Text, facts: Facts): SimulatedEntry => {
    balance.seq += 1;
    nowMs += 1;
    for (const name of ['available', 'held', 'debt'] as const) balance[name] += deltas[name] ?? 0;
    const values: Text = {
      account: accountId, seq: String(balance.seq), at_ms: String(facts.atMs ?? nowMs), kind,
      available_after: String(balance.available), held_after: String(balance.held), debt_after: String(balance.debt),
      key: facts.key ?? '', about: facts.about ?? '', hold_kind: facts.holdKind ?? '',
      fingerprint: facts.fingerprint ?? '', price: facts.price ?? '',
      ...text,
    };
    const amounts = new Set<EntryField>([...AMOUNTS, 'overage', 'lease_ends_at_ms', 'corrects', 'reported']);
    return encodeEntry((field) => values[field] ?? (amounts.has(field) ? String(deltas[field] ?? 0) : ''));
  };

  const take = (amount: number): { readonly lot: SimulatedLot; readonly amount: number }[] => {
    const parts = [];
    let left = amount;
    for (const lot of lots) {
      const taken = Math.min(left, lot.remaining);
      if (taken === 0) continue;
      lot.remaining -= taken;
      left -= taken;
      parts.push({ lot, amount: taken });
    }
    if (left > 0) throw new Error(`${accountId} has not enough`);
    return parts;
  };
  const known = (holdId: string): SimulatedHold => {
    const hold = holds.get(holdId);
    if (hold === undefined) throw new Error(`no hold ${holdId}`);
    return hold;
  };

  const grant = (id: string, amount: number, facts: Facts & { readonly expiresAtMs?: number } = {}): SimulatedEntry => {
    const paid = Math.min(balance.debt, amount);
    const expires = facts.expiresAtMs === undefined ? 'inf' : String(facts.expiresAtMs);
    lots.push({ id, remaining: amount - paid, held: 0, expires });
    return entry('grant', { granted: amount, available: amount - paid, debt: -paid },
      { lots: `${id}:${amount - paid}:0:${amount}:${expires}` }, facts);
  };

  const place = (holdId: string, amount: number, facts: Facts = {}): SimulatedEntry => {
    const parts = take(amount);
    for (const part of parts) part.lot.held += part.amount;
    holds.set(holdId, { amount, parts });
    return entry('place', { available: -amount, held: amount },
      { hold: holdId, policy: 'release', lease_ends_at_ms: String(nowMs + 600_000), lots: parts.map((part) =>
        `${part.lot.id}:-${part.amount}:${part.amount}`).join(',') }, facts);
  };

  const end = (kind: 'settle' | 'void' | 'expire_hold', holdId: string, cost: number, facts: Facts): SimulatedEntry => {
    const { amount, parts } = known(holdId);
    let left = Math.min(cost, amount);
    const changes = new Map<SimulatedLot, { remaining: number; held: number }>();
    const change = (lot: SimulatedLot, remaining: number, held: number): void => {
      const before = changes.get(lot) ?? { remaining: 0, held: 0 };
      changes.set(lot, { remaining: before.remaining + remaining, held: before.held + held });
    };
    for (const part of parts) {
      const spent = Math.min(left, part.amount);
      left -= spent;
      part.lot.held -= part.amount;
      part.lot.remaining += part.amount - spent;
      change(part.lot, part.amount - spent, -part.amount);
    }
    const captured = Math.min(cost, amount);
    const overage = cost - captured;
    const fromAvailable = Math.min(overage, balance.available + amount - captured);
    for (const part of take(fromAvailable)) change(part.lot, -part.amount, 0);
    return entry(kind, {
      held: -amount, available: amount - captured - fromAvailable, captured: cost, overage, debt: overage - fromAvailable,
    }, { hold: holdId, lots: [...changes].map(([lot, { remaining, held }]) => `${lot.id}:${remaining}:${held}`).join(',') }, facts);
  };

  return {
    accountId,
    balance,
    grant,
    place,
    settle: (holdId: string, cost: number, facts: Facts = {}) => end('settle', holdId, cost, facts),
    voidHold: (holdId: string, facts: Facts = {}) => end('void', holdId, 0, facts),
    expireHold: (holdId: string, facts: Facts = {}) => end('expire_hold', holdId, 0, facts),
    lateSettle(holdId: string, cost: number, facts: Facts = {}): SimulatedEntry {
      known(holdId);
      const parts = take(cost);
      return entry('late_settle', { available: -cost, captured: cost, overage: cost, corrects: balance.seq },
        { hold: holdId, lots: parts.map((part) => `${part.lot.id}:-${part.amount}:0`).join(',') }, facts);
    },
    /** Charges `more` for a hold whose last end was the previous entry. */
    correct(holdId: string, more: number, facts: Facts = {}): SimulatedEntry {
      known(holdId);
      const parts = take(more);
      return entry('correct', { available: -more, captured: more, overage: more, corrects: balance.seq },
        { hold: holdId, lots: parts.map((part) => `${part.lot.id}:-${part.amount}:0`).join(',') }, facts);
    },
    debit(kind: 'charge' | 'remove', amount: number, facts: Facts = {}): SimulatedEntry {
      const parts = take(amount);
      return entry(kind, { available: -amount, [kind === 'charge' ? 'captured' : 'removed']: amount },
        { lots: parts.map((part) => `${part.lot.id}:-${part.amount}:0`).join(',') }, facts);
    },
  };
}

export type SimulatedAccount = ReturnType<typeof simulatedAccount>;

/** The entry with some facts replaced: tests use it to make entries that no script would write. */
export function forged(entry: SimulatedEntry, changes: Text): SimulatedEntry {
  const [, lines = '', ...texts] = entry;
  const facts = new Map([
    ...lines.split('\n').map((value, index) => [ENTRY_LINES[index], value] as const),
    ...texts.flatMap((field, index) => (index % 2 === 0 ? [[field as EntryField, texts[index + 1] ?? ''] as const] : [])),
  ]);
  return encodeEntry((field) => changes[field] ?? facts.get(field) ?? '');
}
