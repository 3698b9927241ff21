import type { ExpiryPolicy, OverCapture, Principal } from '../../src/ledger/ledger.js';
import type { LotRule } from '../../src/ledger/lot-rule.js';
import { LimitsModel, type CountedPart, type OwnLimit } from './limits-model.js';

/**
 * The required behaviour of an account, written as simply as possible and independently of the Lua: plain lists, no
 * caches, no indexes. The property test runs the same operations on both and compares every answer and every state.
 */

export type ModelLot = {
  readonly id: string; remaining: number; held: number; readonly amount: number; expiresAt: number; readonly rule: LotRule;
};
/** What an operation is for. */
export type ModelUse = { readonly model?: string; readonly feature?: string };
export const NO_RULE: LotRule = { priority: 50, models: [], features: [] };
/** What captured credits: from which lots in the order of taking (null: as debt), and how much of it was refunded. */
export type ModelCapture = { readonly taken: { readonly lot: string | null; readonly amount: number }[]; refunded: number };
export type ModelHold = {
  readonly id: string;
  amount: number;
  parts: { readonly lot: string; amount: number }[];
  expiresAt: number;
  /** When the lease was last set, as a number of operations: leases that are equal in the model end some milliseconds apart. */
  order: number;
  /** What it counts against limits, in the order in which it was taken. */
  readonly counted: CountedPart[];
  readonly spender: string;
  readonly own: OwnLimit | null;
  readonly use: ModelUse;
  /** Tokens of the input of a hold that is priced by tokens; null: it is not. */
  readonly input: number | null;
  /** Tokens of the output that were reported; null: none. */
  output: number | null;
  readonly placedAmount: number;
  readonly lease: number;
  readonly policy: ExpiryPolicy;
  readonly terms: Terms | null;
  reported: number;
  /** What Postgres will know after a loss of Redis, and since when. */
  journaled: {
    readonly reported: number; readonly output: number | null; readonly expiresAt: number; readonly order: number;
    readonly at: number | null;
  };
  /** The answers to keyed extensions. */
  readonly extensions: Map<string, { readonly fingerprint: string; readonly available: number }>;
  /** What its expiry took from lots. */
  spent: { readonly lot: string; readonly amount: number; readonly expiresAt: number }[];
  readonly fingerprint: string;
  readonly placedBy: Principal;
  state: 'open' | 'settled' | 'voided' | 'expired';
  endFingerprint: string;
  /** The seq of the ledger's last answer to an end. */
  endSeq: number;
  /** When it ended or was settled late. */
  closedAt: number;
  captured: number;
  overage: number;
  debt: number;
  uncollected: number;
  readonly capture: ModelCapture;
};

export type Terms = { readonly over: OverCapture; readonly debtLimit: number | null; readonly inputCost: number };
type Beyond = { readonly over: OverCapture; readonly debtLimit: number | null };
const NOTHING_BEYOND: Beyond = { over: 'available', debtLimit: null };

/** What a hold has been charged for so far, whether or not it could be collected. */
export const chargedFor = ({ captured, uncollected }: ModelHold): number => captured + uncollected;

export class AccountModel {
  lots: ModelLot[] = [];
  holds: ModelHold[] = [];
  debt = 0;
  granted = 0;
  captured = 0;
  expired = 0;
  removed = 0;
  uncollected = 0;
  /** While frozen nothing changes, and nothing falls due. */
  frozen = false;
  readonly limits = new LimitsModel();
  #orders = 0;
  /** The charges that were made, in order. */
  readonly captures: ModelCapture[] = [];
  readonly charges = new Map<string, { readonly amount: number; readonly available: number }>();
  /** The usage last refused under each key. */
  readonly refusals = new Map<string, number>();

  available(now: number): number {
    return this.live(now).reduce((sum, lot) => sum + lot.remaining, 0);
  }

  /** What an operation can use of what is available. */
  usable(now: number, use: ModelUse): number {
    return this.live(now, use).reduce((sum, lot) => sum + lot.remaining, 0);
  }

  held(): number {
    return this.openHolds().reduce((sum, hold) => sum + hold.amount, 0);
  }

  openHolds(): ModelHold[] {
    return this.holds.filter((hold) => hold.state === 'open').sort((a, b) => a.expiresAt - b.expiresAt || a.order - b.order);
  }

  /** Live lots in the order in which they are spent: all of them, or those that an operation may use. */
  live(now: number, use?: ModelUse): ModelLot[] {
    const allows = (names: readonly string[], name?: string): boolean =>
      names.length === 0 || (name !== undefined && names.includes(name));
    return this.lots
      .filter((lot) => lot.remaining > 0 && lot.expiresAt > now)
      .filter(({ rule }) => use === undefined || (allows(rule.models, use.model) && allows(rule.features, use.feature)))
      .sort((a, b) => a.rule.priority - b.rule.priority || a.expiresAt - b.expiresAt || (a.id < b.id ? -1 : 1));
  }

  /** Ends due lots; returns the credits that were left in them. */
  sweep(now: number): number {
    let swept = 0;
    for (const lot of this.lots) {
      if (lot.expiresAt > now) continue;
      swept += lot.remaining;
      lot.remaining = 0;
    }
    this.expired += swept;
    return swept;
  }

  grant(now: number, id: string, amount: number, expiresAt: number, rule: LotRule): void {
    this.sweep(now);
    const paid = Math.min(this.debt, amount);
    this.debt -= paid;
    this.granted += amount;
    this.lots.push({ id, amount, remaining: amount - paid, held: 0, expiresAt, rule });
  }

  set(now: number, id: string, amount: number, expiresAt: number): void {
    this.sweep(now);
    this.removed += this.available(now);
    for (const lot of this.live(now)) lot.remaining = 0;
    this.granted += amount + this.debt;
    this.debt = 0;
    this.lots.push({ id, amount, remaining: amount, held: 0, expiresAt, rule: NO_RULE });
  }

  /** Ends a lot early; returns the credits that were left, or null when there is no such live lot. */
  revoke(now: number, id: string): number | null {
    const lot = this.lots.find((each) => each.id === id);
    if (lot === undefined || lot.expiresAt <= now || lot.remaining + lot.held === 0) return null;
    this.sweep(now);
    const { remaining } = lot;
    this.removed += remaining;
    lot.remaining = 0;
    lot.expiresAt = now;
    return remaining;
  }

  /** Debits live lots in order, for an operation those that it may use; returns how much each gave, or null when that is too little. */
  take(now: number, amount: number, use?: ModelUse): { lot: string; amount: number }[] | null {
    if (this.live(now, use).reduce((sum, lot) => sum + lot.remaining, 0) < amount) return null;
    const parts: { lot: string; amount: number }[] = [];
    let left = amount;
    for (const lot of this.live(now, use)) {
      const taken = Math.min(left, lot.remaining);
      if (taken === 0) continue;
      lot.remaining -= taken;
      left -= taken;
      parts.push({ lot: lot.id, amount: taken });
    }
    return parts;
  }

  place(
    now: number, id: string, { minimum, desired, ...facts }:
    Pick<ModelHold, 'expiresAt' | 'fingerprint' | 'placedBy' | 'lease' | 'policy' | 'terms' | 'spender' | 'own' | 'use' | 'input'> & {
      readonly minimum: number;
      readonly desired: number;
    },
  ): 'placed' | 'insufficient_credits' | 'limit_reached' | 'unknown_limit' {
    if (facts.own !== null && !this.limits.definitions.some(({ limitId }) => limitId === facts.own?.kind)) return 'unknown_limit';
    const matching = this.limits.matching(facts.spender);
    const room = (): number => this.limits.room(matching, facts.spender, now, facts.own);
    const usable = (): number => this.usable(now, facts.use);
    if (Math.min(usable(), room()) < desired) this.endDueHolds(now);
    const amount = Math.min(desired, usable(), room());
    if (amount < minimum) return room() < usable() ? 'limit_reached' : 'insufficient_credits';
    this.sweep(now);
    const parts = this.take(now, amount, facts.use) ?? [];
    for (const part of parts) this.lot(part.lot).held += part.amount;
    this.#orders += 1;
    this.holds.push({
      ...facts, id, amount, parts, counted: this.limits.take(matching, facts.spender, now, amount),
      order: this.#orders, placedAmount: amount, reported: 0, output: null,
      journaled: { reported: 0, output: null, expiresAt: facts.expiresAt, order: this.#orders, at: null }, extensions: new Map(), spent: [],
      state: 'open', endFingerprint: '', endSeq: 0, closedAt: 0, captured: 0, overage: 0, debt: 0, uncollected: 0,
      capture: { taken: [], refunded: 0 },
    });
    return 'placed';
  }

  /** Raises a hold by as much of `wanted` as is there, at least `minimum`, and renews its lease; how much, or what refuses. */
  raise(
    now: number, hold: ModelHold, minimum: number, wanted: number, lease: number | null,
  ): number | 'insufficient_credits' | 'limit_reached' {
    const room = (): number => this.limits.roomOf(hold, now);
    const usable = (): number => this.usable(now, hold.use);
    if (Math.min(usable(), room()) < wanted) this.endDueHolds(now);
    const added = Math.min(wanted, usable(), room());
    if (added < minimum) return room() < usable() ? 'limit_reached' : 'insufficient_credits';
    this.countUnseen(now, hold);
    for (const part of added > 0 ? this.limits.take(this.limits.matching(hold.spender), hold.spender, now, added) : []) {
      const known = hold.counted.find(({ counter, from }) => counter === part.counter && from === part.from);
      if (known === undefined) hold.counted.push(part);
      else known.credits += added;
    }
    for (const part of this.take(now, added, hold.use) ?? []) {
      this.lot(part.lot).held += part.amount;
      const known = hold.parts.find(({ lot }) => lot === part.lot);
      if (known === undefined) hold.parts.push(part);
      else known.amount += part.amount;
    }
    hold.amount += added;
    const expiresAt = now + (lease ?? hold.lease);
    if (lease !== null || expiresAt >= hold.expiresAt) {
      this.#orders += 1;
      Object.assign(hold, { expiresAt, order: this.#orders });
    }
    return added;
  }

  /** What an open hold has counts against limits that were defined since it was last changed, in the windows of now. */
  countUnseen(now: number, hold: ModelHold): void {
    hold.counted.push(...this.limits.take(this.limits.unseen(hold), hold.spender, now, hold.amount));
  }

  /** `tenth`: of the hold before it was raised. `counts`: it began to count against a limit. */
  report(now: number, hold: ModelHold, reported: number, { added, tenth, everyMs, counts }: {
    readonly added: number; readonly tenth: number; readonly everyMs: number; readonly counts: boolean;
  }): void {
    const { at, reported: before } = hold.journaled;
    const isMuch = reported > before && reported - before >= tenth;
    hold.reported = reported;
    if (added > 0 || counts || at === null || now - at >= everyMs || isMuch) this.journal(now, hold);
  }

  /** The journal gets what is known of the hold now. */
  journal(now: number, hold: ModelHold): void {
    this.sweep(now);
    hold.journaled = { reported: hold.reported, output: hold.output, expiresAt: hold.expiresAt, order: hold.order, at: now };
  }

  /** Redis is lost: what the journal did not get is gone. */
  lose(): void {
    for (const hold of this.openHolds()) {
      const { reported, output, expiresAt, order } = hold.journaled;
      Object.assign(hold, { reported, output, expiresAt, order });
    }
  }

  /**
   * Ends a hold, or charges the difference for one that has ended. `cost` beyond the hold is taken from what is available,
   * then becomes debt up to `debtLimit`, then is uncollected.
   */
  end(now: number, hold: ModelHold, state: 'settled' | 'voided' | 'expired', cost: number, asked: Beyond, fingerprint: string): void {
    this.sweep(now);
    const { over, debtLimit } = hold.terms ?? asked;
    const remembers = state === 'expired' && hold.policy === 'charge_reported';
    const spend = (lot: ModelLot, amount: number): void => {
      if (remembers && amount > 0) hold.spent.push({ lot: lot.id, amount, expiresAt: lot.expiresAt });
    };
    let left = cost;
    if (hold.state === 'open') {
      for (const part of hold.parts) {
        const lot = this.lot(part.lot);
        const spent = Math.min(left, part.amount);
        left -= spent;
        this.captured += spent;
        hold.captured += spent;
        spend(lot, spent);
        hold.capture.taken.push({ lot: part.lot, amount: spent });
        lot.held -= part.amount;
        if (lot.expiresAt <= now) this.expired += part.amount - spent;
        else lot.remaining += part.amount - spent;
      }
    } else {
      left = Math.max(0, cost - chargedFor(hold));
    }
    const fromAvailable = over === 'cap' ? 0 : Math.min(left, this.usable(now, hold.use));
    const taken = this.take(now, fromAvailable, hold.use) ?? [];
    for (const part of taken) spend(this.lot(part.lot), part.amount);
    hold.capture.taken.push(...taken);
    const debt = over === 'debt' ? Math.min(left - fromAvailable, Math.max(0, (debtLimit ?? Number.MAX_SAFE_INTEGER) - this.debt)) : 0;
    this.debt += debt;
    hold.capture.taken.push({ lot: null, amount: debt });
    this.captured += fromAvailable + debt;
    hold.captured += fromAvailable + debt;
    hold.overage += fromAvailable + debt;
    hold.debt += debt;
    const uncollected = left - fromAvailable - debt;
    this.uncollected += uncollected;
    hold.uncollected += uncollected;
    if (hold.state === 'open') this.countUnseen(now, hold);
    if (hold.state === 'open') this.limits.end(hold.counted, Math.min(cost, hold.amount), fromAvailable + debt);
    else this.limits.addBeyond(hold.counted, fromAvailable + debt);
    if (hold.state === 'open' || hold.state === 'expired') hold.closedAt = now;
    hold.state = state;
    hold.endFingerprint = fingerprint;
  }

  /** How much of a capture can still be refunded. */
  refundable({ taken, refunded }: ModelCapture): number {
    return taken.reduce((sum, part) => sum + part.amount, 0) - refunded;
  }

  /**
   * Gives `amount` of a capture back, what was taken last first, micro by micro as it were: debt is paid first, then lots get
   * theirs. `grace` null: what came from an ended lot expires at once. Otherwise it becomes a lot of the refund's own, or one per
   * rule.
   */
  refund(now: number, capture: ModelCapture, amount: number, ownId: string, grace: number | null, debtGrace: number): void {
    this.sweep(now);
    let [skipped, left, toDebt] = [capture.refunded, amount, Math.min(this.debt, amount)];
    let fromDebt = 0;
    const own = new Map<LotRule, number>();
    const keep = (rule: LotRule, back: number): void => {
      if (back > 0) own.set(rule, (own.get(rule) ?? 0) + back);
    };
    this.debt -= toDebt;
    this.captured -= amount;
    capture.refunded += amount;
    for (const part of [...capture.taken].reverse()) {
      const already = Math.min(skipped, part.amount);
      const back = Math.min(left, part.amount - already);
      skipped -= already;
      left -= back;
      const paid = Math.min(toDebt, back);
      toDebt -= paid;
      if (part.lot === null) {
        fromDebt += back - paid;
        keep(NO_RULE, back - paid);
        continue;
      }
      const lot = this.lot(part.lot);
      if (lot.expiresAt > now) lot.remaining += back - paid;
      else if (grace === null) this.expired += back - paid;
      else keep(lot.rule, back - paid);
    }
    [...own].forEach(([rule, size], index) => {
      const life = Math.max(rule === NO_RULE && fromDebt > 0 ? debtGrace : 0, grace ?? 0);
      const id = index === 0 ? ownId : `${ownId}.${String(index + 1).padStart(3, '0')}`;
      this.lots.push({ id, amount: size, remaining: size, held: 0, expiresAt: now + life, rule });
    });
  }

  /** Opens the lots of a transfer; debt is paid from those that have not ended. */
  receive(
    now: number, lots: readonly { readonly id: string; readonly amount: number; readonly expiresAt: number; readonly rule: LotRule }[],
  ): void {
    this.sweep(now);
    for (const { id, amount, expiresAt, rule } of lots) {
      const ends = expiresAt <= now;
      const paid = ends ? 0 : Math.min(this.debt, amount);
      this.debt -= paid;
      this.granted += amount;
      if (ends) this.expired += amount;
      this.lots.push({ id, amount, remaining: ends ? 0 : amount - paid, held: 0, expiresAt, rule });
    }
  }

  endDueHolds(now: number): void {
    if (this.frozen) return;
    for (const hold of this.openHolds().filter((each) => each.expiresAt <= now)) {
      this.expire(now, hold);
    }
  }

  expire(now: number, hold: ModelHold): void {
    const cost = {
      release: 0, charge_estimate: hold.amount, charge_reported: hold.reported, charge_input: hold.terms?.inputCost ?? 0,
    }[hold.policy];
    this.end(now, hold, 'expired', cost, NOTHING_BEYOND, '');
  }

  /** A late settle of less than the expiry charged by report. `seq`: of its entry, which names the lots that come back. */
  giveBack(now: number, hold: ModelHold, cost: number, fingerprint: string, seq: number): void {
    this.sweep(now);
    const excess = chargedFor(hold) - cost;
    const uncollected = Math.min(excess, hold.uncollected);
    const captured = excess - uncollected;
    this.limits.giveBack(hold.counted, hold.captured - hold.overage, hold.overage, captured);
    const paid = Math.min(captured, this.debt);
    const loose = Math.max(0, Math.min(captured, hold.debt) - paid);
    let reopened = 0;
    const reopen = (amount: number, expiresAt: number, rule: LotRule): void => {
      reopened += 1;
      this.lots.push({ id: `back-${seq}-${reopened}`, amount, remaining: amount, held: 0, expiresAt, rule });
    };
    if (loose > 0) reopen(loose, Infinity, NO_RULE);
    let left = captured - paid - loose;
    for (const part of [...hold.spent].reverse()) {
      const amount = Math.min(left, part.amount);
      left -= amount;
      if (amount === 0) continue;
      const lot = this.lot(part.lot);
      const isGone = lot.remaining + lot.held === 0;
      if ((isGone ? part : lot).expiresAt <= now) this.expired += amount;
      else if (isGone) reopen(amount, part.expiresAt, lot.rule);
      else lot.remaining += amount;
    }
    for (let back = captured; back > 0;) {
      const last = hold.capture.taken.pop();
      if (last === undefined) throw new Error('more comes back than was captured');
      if (last.amount > back) hold.capture.taken.push({ ...last, amount: last.amount - back });
      back -= Math.min(back, last.amount);
    }
    this.debt -= paid;
    this.captured -= captured;
    this.uncollected -= uncollected;
    Object.assign(hold, {
      state: 'settled', endFingerprint: fingerprint, closedAt: now, captured: hold.captured - captured,
      overage: hold.overage - Math.min(captured, hold.overage),
      debt: hold.debt - Math.min(captured, hold.debt), uncollected: hold.uncollected - uncollected,
    });
  }

  lot(id: string): ModelLot {
    const found = this.lots.find((lot) => lot.id === id);
    if (found === undefined) throw new Error(`no lot ${id}`);
    return found;
  }
}
