import { expect } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { REPORT_JOURNALED_EVERY_MS, TOKENS_MAX } from '../../src/kit/limits.js';
import { AMOUNT_MAX, micros } from '../../src/kit/money/micros.js';
import { chargeKey } from '../../src/ledger/charge-key.js';
import type { JournalEntry } from '../../src/ledger/entry.js';
import type { AccountSnapshot } from '../../src/ledger/account-snapshot.js';
import type { ExpiryPolicy, OverCapture, Principal } from '../../src/ledger/ledger.js';
import type { AccountLimits } from '../../src/ledger/limits.js';
import { ruleText, type LotRule } from '../../src/ledger/lot-rule.js';
import type { TestLedger } from '../support/ledger.js';
import { LIMIT_KINDS, type LimitKind, type OwnLimit } from './limits-model.js';
import { AccountModel, chargedFor, NO_RULE, type ModelHold, type ModelUse, type Terms } from './account-model.js';
import { refundCommand, refundIn, type RefundCommand } from './refunds.js';
import { aboutOf, amountFor, stopOf, usedBy } from './token-price.js';

/**
 * Time moves in whole steps, and all leases and lots end in the middle of a step, so that the test's own run time never
 * decides what is due.
 */
const STEP_MS = 60_000;
const HALF_STEP_MS = STEP_MS / 2;
const DEFAULT_LEASE_MS = STEP_MS + HALF_STEP_MS;
/** The highest total of refused usage (lua/debit.lua). */
const UNCOLLECTED_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 2);
/** For the ledgers under test: short, so that histories pass it. */
export const CORRECTION_WINDOW_MS = 2 * STEP_MS + HALF_STEP_MS;

const amount = fc.oneof(
  fc.integer({ min: 0, max: 50 }),
  fc.constantFrom(0, 1, 1_000_000, 7_500_000, 100_000_000_000_000, AMOUNT_MAX),
);
/** In steps from now; 0: never ends. */
const life = fc.constantFrom(0, 1, 1, 2, 3, 5);
const which = fc.nat({ max: 7 });
const policy = fc.constantFrom<ExpiryPolicy>('release', 'charge_reported', 'charge_reported', 'charge_input', 'charge_estimate');
const terms = fc.option(fc.record({
  over: fc.constantFrom<OverCapture>('debt', 'available', 'cap'), debtLimit: fc.constantFrom(null, 0, 10, 1_000_000), inputCost: fc.nat(20),
}));
const spender = fc.constantFrom('x', 'y');
/** Most lots have no rule, so that many histories have none at all. Names can have any character. */
const AWKWARD = 'm/1:b,2;x&y%é';
const rule = fc.constantFrom<LotRule>(
  ...Array.from({ length: 8 }, () => NO_RULE), { ...NO_RULE, priority: 10 }, { ...NO_RULE, priority: 90 }, { ...NO_RULE, models: ['a'] },
  { priority: 10, models: ['b', AWKWARD], features: [] }, { ...NO_RULE, features: ['f'] },
  { priority: 90, models: ['a'], features: ['f', 'g'] },
);
const use = fc.constantFrom<ModelUse>({}, { model: 'a' }, { model: 'a', feature: 'f' }, { model: AWKWARD }, { model: 'c', feature: 'g' });
const tokens = fc.option(fc.record({ input: fc.nat(20), least: fc.nat(10), most: fc.nat(40) }), { freq: 2 });
const own = fc.option(fc.record({ kind: fc.constantFrom(...LIMIT_KINDS), amount: fc.constantFrom(0, 20, 60) }), { freq: 1 });
const by = fc.constantFrom<Principal>('user', 'user', 'service', 'operator');

type Placing = {
  readonly by: Principal; readonly policy: ExpiryPolicy; readonly terms: Terms | null; readonly spender: string; readonly use: ModelUse;
  /** The amounts of a hold that is priced by tokens: its input, and the output that it asks for. */
  readonly tokens: { readonly input: number; readonly least: number; readonly most: number } | null;
  readonly own: OwnLimit | null;
};

export type Command =
  | { readonly op: 'grant' | 'set'; readonly amount: number; readonly life: number; readonly rule: LotRule }
  | { readonly op: 'place'; readonly minimum: number; readonly desired: number; readonly life: number } & Placing
  | { readonly op: 'place_again'; readonly which: number; readonly same: boolean }
  | {
    readonly op: 'settle'; readonly which: number; readonly by: Principal;
    /** `stop`, `beyond`: the tokens at which the stream was told to stop, or one more; of a hold without a price all of it, or more. */
    readonly cost: 'amount' | 'part' | 'none' | 'over' | 'same' | 'more' | 'less' | 'stop' | 'beyond'; readonly over: number;
    readonly cap: boolean; readonly debtLimit: number | null; readonly corrects: 'any' | 'none' | 'known';
  }
  /** `lease`: in steps, or the hold's own. `key` 0: none. */
  | {
    readonly op: 'extend'; readonly which: number; readonly by: Principal; readonly mode: 'by' | 'to'; readonly minimum: number;
    readonly desired: number; readonly lease: number | null; readonly key: number;
  }
  | {
    readonly op: 'report'; readonly which: number; readonly by: Principal; readonly more: number; readonly back: boolean;
    readonly raise: number | null; readonly lease: number | null;
  }
  | { readonly op: 'void'; readonly which: number; readonly by: Principal }
  | { readonly op: 'expire'; readonly which: number }
  | { readonly op: 'remove'; readonly amount: number; readonly all: boolean; readonly transfers: boolean }
  | RefundCommand
  | { readonly op: 'receive'; readonly parts: readonly { readonly amount: number; readonly life: number; readonly rule: LotRule }[] }
  /** Defines one of the limits, or, with null, removes it. */
  | { readonly op: 'limit'; readonly kind: LimitKind; readonly amount: number | null; readonly anew: boolean }
  | {
    readonly op: 'charge'; readonly spender: string; readonly use: ModelUse; readonly amount: number; readonly all: boolean;
    readonly key: number; readonly usage: boolean;
  }
  | { readonly op: 'revoke'; readonly which: number }
  | { readonly op: 'expire_lots' | 'freeze' | 'thaw' }
  /** The account leaves Redis, if it may; `drains`: Postgres has it whole. */
  | { readonly op: 'evict'; readonly drains: boolean }
  /** `looks`: the account is read afterwards, which ends its due holds and lots. */
  | { readonly op: 'wait'; readonly steps: number; readonly looks: boolean };

export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('grant' as const, 'grant' as const, 'set' as const), amount, life, rule }) },
  { weight: 6, arbitrary: fc.record({
    op: fc.constant('place' as const), minimum: amount, desired: amount, life: fc.constantFrom(1, 2, 4), by, policy,
    terms, spender, use, tokens, own,
  }) },
  { weight: 5, arbitrary: fc.record({
    op: fc.constant('extend' as const), which, by, mode: fc.constantFrom('by' as const, 'to' as const), minimum: amount, desired: amount,
    lease: fc.constantFrom(null, 1, 3), key: fc.nat({ max: 2 }),
  }) },
  { weight: 8, arbitrary: fc.record({
    op: fc.constant('report' as const), which, by, more: fc.oneof(fc.nat({ max: 20 }), amount), back: fc.boolean(),
    raise: fc.option(amount), lease: fc.constantFrom(null, null, 1, 3),
  }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('place_again' as const), which, same: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('settle' as const), which, by, cost: fc.constantFrom(
        'amount' as const, 'part' as const, 'none' as const, 'over' as const, 'same' as const, 'more' as const, 'less' as const,
        'stop' as const, 'beyond' as const,
      ),
      corrects: fc.constantFrom('any' as const, 'any' as const, 'none' as const, 'known' as const), over: amount,
      cap: fc.boolean(), debtLimit: fc.constantFrom(null, 0, 10, 1_000_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({
    op: fc.constant('limit' as const), kind: fc.constantFrom(...LIMIT_KINDS),
    amount: fc.constantFrom(null, 0, 30, 80, 80, 8_000_000, AMOUNT_MAX), anew: fc.boolean(),
  }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('void' as const), which, by }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('expire' as const), which }) },
  { weight: 3, arbitrary: fc.record({
    op: fc.constant('charge' as const), spender, use, amount, all: fc.boolean(), key: fc.nat({ max: 3 }), usage: fc.boolean(),
  }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('remove' as const), amount, all: fc.boolean(), transfers: fc.boolean() }) },
  { weight: 5, arbitrary: refundCommand },
  { weight: 2, arbitrary: fc.record({
    op: fc.constant('receive' as const),
    parts: fc.array(fc.record({ amount, life: fc.oneof(life, fc.constant(-1)), rule }), { minLength: 1, maxLength: 3 }),
  }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('revoke' as const), which }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('expire_lots' as const) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('freeze' as const, 'thaw' as const, 'thaw' as const) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('wait' as const), steps: fc.integer({ min: 1, max: 3 }), looks: fc.boolean() }) },
);

/** For ledgers with a Postgres. */
export const evictCommand: fc.Arbitrary<Command> = fc.record({
  op: fc.constant('evict' as const), drains: fc.constantFrom(true, true, false),
});

/** A lease of one step that charges what was reported, and may make debt. */
export const LEASE: Extract<Command, { readonly op: 'place' }> = {
  op: 'place', minimum: 10, desired: 10, life: 1, by: 'user', policy: 'charge_reported', spender: 'x', use: {}, tokens: null, own: null,
  terms: { over: 'debt', debtLimit: null, inputCost: 0 },
};
export const REPORT = { op: 'report', which: 0, by: 'user', more: 30, back: false, raise: null, lease: null } as const;
export const EXTEND = { op: 'extend', which: 0, by: 'user', mode: 'by', minimum: 5, desired: 5, lease: 3, key: 1 } as const;
export const SETTLE = {
  op: 'settle', which: 0, by: 'user', cost: 'none', over: 0, cap: false, debtLimit: null, corrects: 'any',
} as const;
/** Credits for the model a only, and a lease for it. */
export const GRANT_FOR_A: Command = { op: 'grant', amount: 10, life: 0, rule: { ...NO_RULE, models: ['a'] } };
export const LEASE_FOR_A: Command = { ...LEASE, use: { model: 'a' } };
export const GRANT: Command = { op: 'grant', amount: 10, life: 0, rule: NO_RULE };

export type DefineLimits = (accountId: string, limits: AccountLimits, nowMs: number) => Promise<void>;

/** One account under test and its model. */
export class History {
  readonly #id = `p-${randomUUID()}`;
  readonly #model = new AccountModel();
  readonly #under: TestLedger;
  readonly #startMs: number;
  readonly #define: DefineLimits;
  readonly #revoked = new Set<string>();
  #steps = 0;
  #lots = 0;

  private constructor(ledger: TestLedger, startMs: number, define: DefineLimits) {
    this.#under = ledger;
    this.#define = define;
    this.#startMs = startMs;
  }

  /** Begins with a step, because windows of limits do. `define`: where the ledger takes the limits of a loaded account from. */
  static async begin(ledger: TestLedger, define?: DefineLimits): Promise<History> {
    ledger.advance(STEP_MS - await ledger.nowMs() % STEP_MS);
    return new History(ledger, await ledger.nowMs(), define ?? (async (accountId, limits, nowMs) => {
      await ledger.ledger.setLimits({ accountId, limits, nowMs });
    }));
  }

  get #now(): number {
    return this.#startMs + this.#steps * STEP_MS;
  }

  async run(each: Command): Promise<void> {
    await this.#apply(each);
    if (each.op !== 'wait' || each.looks) await this.#compareState();
  }

  async #apply(each: Command): Promise<void> {
    const { ledger } = this.#under;
    const model = this.#model;
    const accountId = this.#id;
    switch (each.op) {
      case 'grant':
      case 'set':
        return this.#grant(each.op, each.amount, each.life, each.rule);
      case 'place': {
        if (each.tokens !== null) {
          const { input, least, most } = each.tokens;
          const minimum = amountFor(input, least);
          return this.#place(holdName(model.holds.length), minimum, Math.max(minimum, amountFor(input, most)), each);
        }
        const desired = Math.max(each.minimum, each.desired);
        return this.#place(holdName(model.holds.length), Math.min(each.minimum, desired), desired, each);
      }
      case 'place_again': {
        const hold = model.holds[each.which];
        if (hold === undefined) return;
        const reply = await ledger.placeHold({
          accountId, holdId: hold.id, minimum: micros(0), desired: micros(5), leaseMs: STEP_MS, kind: 'test', expiryPolicy: 'release',
          price: 'p', fingerprint: each.same ? hold.fingerprint : 'another', about: '{}',
        });
        if (hold.state === 'open' && hold.expiresAt <= this.#now && !model.frozen) model.expire(this.#now, hold);
        if (hold.state !== 'open') expect(reply).toMatchObject({
          status: 'hold_resolved', outcome: { state: hold.state, captured: hold.captured },
        });
        else expect(reply).toMatchObject(each.same ? { status: 'placed', replayed: true, amount: hold.placedAmount } : {
          status: 'hold_exists',
        });
        return;
      }
      case 'settle': {
        const hold = model.holds[each.which];
        if (hold === undefined) return this.#expectNotFound();
        const charged = chargedFor(hold);
        const stop = stopOf(hold);
        const cost = {
          amount: hold.amount, part: Math.floor(hold.amount / 2), none: 0, over: hold.amount + each.over,
          same: charged, more: charged + 1 + each.over, less: Math.max(0, charged - 1 - each.over),
          stop: stop === null ? hold.amount : usedBy(hold.input ?? 0, stop).cost,
          beyond: stop === null ? hold.amount + 1 : usedBy(hold.input ?? 0, Math.min(stop + 1, TOKENS_MAX)).cost,
        }[each.cost];
        return this.#settle(hold, Math.min(cost, AMOUNT_MAX), each);
      }
      case 'extend': {
        const hold = model.holds[each.which];
        return hold === undefined ? this.#expectNotFound() : this.#extend(hold, each);
      }
      case 'report': {
        const hold = model.holds[each.which];
        return hold === undefined ? this.#expectNotFound() : this.#report(hold, each);
      }
      case 'void':
        return this.#void(model.holds[each.which], each.by);
      case 'expire':
        return this.#expire(model.holds[each.which]);
      case 'charge':
        return this.#charge(each.all ? model.usable(this.#now, each.use) : each.amount, each);
      case 'limit':
        return this.#limit(each.kind, each.amount, each.anew);
      case 'remove': {
        const amount = Math.min(each.all ? model.available(this.#now) : each.amount, AMOUNT_MAX);
        const remove = () => ledger.remove({
          accountId, amount: micros(amount), key: `intent:${randomUUID()}`, kind: each.transfers ? 'transfer_out' : 'remove', about: '{}',
        });
        if (model.frozen) return this.#expectFrozen(remove());
        if (model.available(this.#now) < amount) model.endDueHolds(this.#now);
        const isEnough = model.available(this.#now) >= amount;
        const reply = await remove();
        expect(reply.status).toBe(isEnough ? 'removed' : 'insufficient_credits');
        if (!isEnough) return;
        model.sweep(this.#now);
        model.take(this.#now, amount);
        model.removed += amount;
        return;
      }
      case 'refund':
        this.#lots += 1;
        return refundIn({ under: this.#under, accountId, model, now: this.#now, lotId: lotName(this.#lots) }, each);
      case 'receive':
        return this.#receive(each.parts);
      case 'revoke':
        return this.#revoke(lotName(each.which));
      case 'expire_lots': {
        const swept = model.frozen ? 0 : model.sweep(this.#now);
        expect(await ledger.expireLots(accountId)).toEqual(swept > 0 ? { status: 'expired', amount: swept } : { status: 'nothing_due' });
        return;
      }
      case 'freeze':
      case 'thaw': {
        const isChange = model.frozen !== (each.op === 'freeze');
        model.frozen = each.op === 'freeze';
        const reply = await ledger[each.op]({ accountId, about: '{}' });
        expect(reply.status).toBe(isChange ? 'changed' : 'unchanged');
        return;
      }
      case 'evict':
        return this.#evict(each.drains);
      case 'wait':
        this.#steps += each.steps;
        this.#under.advance(each.steps * STEP_MS);
        return;
    }
  }

  async #evict(drains: boolean): Promise<void> {
    if (drains) await this.#under.journal(this.#id);
    const result = await this.#under.evict?.(this.#id);
    const isHeld = this.#model.holds.some(({ state }) => state === 'open');
    // Undefined: Postgres does not know it, or knows of something held.
    if (isHeld) expect(result).not.toBe('evicted');
    else if (drains) expect(['evicted', 'not_loaded', undefined]).toContain(result);
  }

  #expiryIn(steps: number): number {
    return steps === 0 ? Infinity : this.#now + steps * STEP_MS - HALF_STEP_MS;
  }

  async #grant(op: 'grant' | 'set', amount: number, steps: number, rule: LotRule): Promise<void> {
    this.#lots += 1;
    const lotId = lotName(this.#lots);
    const expiresAt = this.#expiryIn(steps);
    const expiresAtMs = expiresAt === Infinity ? null : expiresAt;
    const common = { accountId: this.#id, lotId, amount: micros(amount), expiresAtMs, key: `intent:${randomUUID()}`, about: '{}' };
    const wouldBe = this.#model.granted + amount + (op === 'set' ? this.#model.debt : 0);
    const run = () => (op === 'grant'
      ? this.#under.ledger.grantLot({ ...common, kind: 'grant', rule: ruleText(rule) }) : this.#under.ledger.setBalance(common));
    if (this.#model.frozen) return this.#expectFrozen(run());
    const reply = await run();
    if (wouldBe > Number.MAX_SAFE_INTEGER) {
      expect(reply.status).toBe('balance_limit');
      return;
    }
    this.#model[op](this.#now, lotId, amount, expiresAt, rule);
    const available = this.#model.available(this.#now);
    expect(reply).toMatchObject({ status: op === 'grant' ? 'granted' : 'set', replayed: false, available });
    // The same intent again, as a worker would send it after a crash, changes nothing.
    expect(await run()).toEqual({ ...reply, replayed: true });
  }

  async #receive(parts: Extract<Command, { readonly op: 'receive' }>['parts']): Promise<void> {
    const lots = parts.map(({ amount, life: steps, rule }) => {
      this.#lots += 1;
      return { id: lotName(this.#lots), amount, expiresAt: this.#expiryIn(steps), rule };
    });
    const key = `intent:${randomUUID()}`;
    const run = () => this.#under.ledger.receiveLots({
      accountId: this.#id, key, about: '{}', lots: lots.map(({ id, amount, expiresAt, rule }) => ({
        lotId: id, amount: micros(amount), expiresAtMs: expiresAt === Infinity ? null : expiresAt, rule: ruleText(rule),
      })),
    });
    if (this.#model.frozen) return this.#expectFrozen(run());
    const reply = await run();
    if (lots.reduce((sum, { amount }) => sum + amount, this.#model.granted) > Number.MAX_SAFE_INTEGER) {
      expect(reply.status).toBe('balance_limit');
      return;
    }
    this.#model.receive(this.#now, lots);
    expect(reply).toMatchObject({ status: 'received', replayed: false, available: this.#model.available(this.#now) });
    expect(await run()).toEqual({ ...reply, replayed: true });
  }

  async #place(
    holdId: string, minimum: number, desired: number,
    { life: steps, by, policy, terms, spender, use, tokens, own }: Placing & { readonly life: number },
  ): Promise<void> {
    const leaseMs = steps * STEP_MS - HALF_STEP_MS;
    const input = tokens?.input ?? null;
    const run = () => this.#under.ledger.placeHold({
      accountId: this.#id, holdId, minimum: micros(minimum), desired: micros(desired), leaseMs, kind: 'test', expiryPolicy: policy,
      price: 'p', fingerprint: `f-${holdId}`, about: aboutOf(input), by, spending: { spender, ...use },
      ownLimits: own === null ? undefined : [[own.kind, micros(own.amount)]],
      ...(terms === null ? {} : { terms: {
        overCapture: terms.over, debtLimit: terms.debtLimit === null ? null : micros(terms.debtLimit),
        inputCost: micros(terms.inputCost), leaseMs,
      } }),
    });
    if (this.#model.frozen) return this.#expectFrozen(run());
    const reply = await run();
    const status = this.#model.place(this.#now, holdId, {
      minimum, desired, expiresAt: this.#now + leaseMs, fingerprint: `f-${holdId}`, placedBy: by,
      // A hold without terms has no lease of its own.
      lease: terms === null ? DEFAULT_LEASE_MS : leaseMs, policy, terms, spender, use, own, input,
    });
    if (status !== 'placed') {
      expect(reply).toMatchObject(status === 'unknown_limit' ? { status, limitId: own?.kind } : {
        status, available: this.#model.usable(this.#now, use),
      });
      return;
    }
    const available = this.#model.available(this.#now);
    const { limits } = this.#model;
    this.#checkStop();
    expect(reply).toMatchObject({
      status, replayed: false, available, amount: this.#model.holds.at(-1)?.amount,
      limits: limits.matching(spender).map((each) => (
        { limitId: each.limitId, remaining: limits.left(each, spender, this.#now, own) })),
    });
    expect(await run()).toEqual({ ...reply, replayed: true });
  }

  async #settle(hold: ModelHold, cost: number, { by, cap, corrects, ...each }: Extract<Command, { readonly op: 'settle' }>): Promise<void> {
    const model = this.#model;
    const fingerprint = `settle-${cost}`;
    const asked = { over: cap ? 'available' : 'debt', debtLimit: each.debtLimit } as const;
    const run = (price: string | null) => this.#under.ledger.settleHold({
      accountId: this.#id, holdId: hold.id, cost: micros(cost), price, overCapture: asked.over,
      debtLimit: asked.debtLimit === null ? null : micros(asked.debtLimit), fingerprint, about: '{}', by,
      ...(corrects === 'any' ? {} : { corrects: corrects === 'none' ? null : hold.endSeq }),
    });
    if (hold.placedBy === 'service' && by === 'user') {
      expect(await run('p')).toEqual({ status: 'forbidden' });
      return;
    }
    const { state } = hold;
    const charged = chargedFor(hold);
    const isSame = state === 'settled' && hold.endFingerprint === fingerprint;
    if (!isSame) expect(await run(null)).toMatchObject({ status: 'price_needed', price: 'p' });
    const isUnknown = corrects === 'none' && (state === 'settled' || state === 'voided');
    if (isSame || (state !== 'open' && !isUnknown && cost === charged)) {
      expect(await run('p')).toMatchObject({
        status: 'settled', replayed: true, outcome: { state, captured: hold.captured, uncollected: hold.uncollected },
      });
      return;
    }
    const isOver = (state === 'settled' || state === 'voided') && this.#now - hold.closedAt > CORRECTION_WINDOW_MS;
    const givesBack = state === 'expired' && hold.policy === 'charge_reported' && cost < charged;
    if (state !== 'open' && (isUnknown || (cost < charged && !givesBack) || isOver)) {
      expect(await run('p')).toMatchObject({
        status: 'hold_resolved', outcome: { state, captured: hold.captured, uncollected: hold.uncollected },
      });
      return;
    }
    if (model.frozen) return this.#expectFrozen(run('p'));
    if (!givesBack) model.end(this.#now, hold, 'settled', cost, asked, fingerprint);
    const reply = await run('p');
    if (givesBack && reply.status === 'settled') model.giveBack(this.#now, hold, cost, fingerprint, reply.outcome.seq);
    expect(reply).toMatchObject({
      status: 'settled', replayed: false,
      outcome: {
        state: 'settled', amount: hold.amount, captured: hold.captured, overage: hold.overage, debt: hold.debt,
        uncollected: hold.uncollected,
        available: model.available(this.#now),
      },
    });
    if (reply.status === 'settled') hold.endSeq = reply.outcome.seq;
    expect(await run('p')).toEqual({ ...reply, replayed: true });
  }

  async #void(hold: ModelHold | undefined, by: Principal): Promise<void> {
    if (hold === undefined) return this.#expectNotFound();
    const reply = await this.#under.ledger.voidHold({ accountId: this.#id, holdId: hold.id, about: '{}', by });
    if (hold.placedBy === 'service' && by === 'user') {
      expect(reply).toEqual({ status: 'forbidden' });
      return;
    }
    if (hold.state === 'open' && this.#model.frozen) {
      expect(reply).toEqual({ status: 'account_frozen' });
      return;
    }
    if (hold.state === 'open') {
      this.#model.end(this.#now, hold, 'voided', 0, { over: 'available', debtLimit: null }, '');
      expect(reply).toMatchObject({
        status: 'voided', replayed: false, outcome: { captured: 0, available: this.#model.available(this.#now) },
      });
      if (reply.status === 'voided') hold.endSeq = reply.outcome.seq;
      return;
    }
    expect(reply).toMatchObject(chargedFor(hold) === 0
      ? { status: 'voided', replayed: true, outcome: { state: hold.state, captured: 0 } }
      : { status: 'hold_resolved', outcome: { state: hold.state, captured: hold.captured } });
  }

  async #expire(hold: ModelHold | undefined): Promise<void> {
    if (hold === undefined) return;
    const reply = await this.#under.ledger.expireHold(this.#id, hold.id);
    if (hold.state !== 'open') {
      expect(reply).toEqual({ status: 'hold_resolved' });
    } else if (hold.expiresAt > this.#now || this.#model.frozen) {
      expect(reply).toEqual({ status: 'not_due' });
    } else {
      this.#model.expire(this.#now, hold);
      expect(reply.status).toBe('expired');
    }
  }

  /** `usage`: a report of usage. A refused one counts as uncollected, once per key and amount, until its repeat is charged. */
  async #charge(
    amount: number, { key: keyNumber, usage, spender, use }: {
      readonly key: number; readonly usage: boolean; readonly spender: string; readonly use: ModelUse;
    },
  ): Promise<void> {
    const model = this.#model;
    const key = keyNumber === 0 ? null : `c${keyNumber}`;
    const bounded = Math.min(amount, AMOUNT_MAX);
    const reply = await this.#under.ledger.charge({
      accountId: this.#id, amount: micros(bounded), key: chargeKey('use', key === null ? null : { caller: 'a', key }),
      fingerprint: `charge-${bounded}`, price: '', about: '{}', spending: { spender, ...use },
      ...(usage ? { purpose: 'usage' } : {}),
    });
    const earlier = key === null ? undefined : model.charges.get(key);
    if (earlier !== undefined) {
      expect(reply).toMatchObject(earlier.amount === bounded
        ? { status: 'charged', replayed: true, available: earlier.available }
        : { status: 'idempotency_mismatch' });
      return;
    }
    if (model.frozen) {
      expect(reply).toEqual({ status: 'account_frozen' });
      return;
    }
    const matching = model.limits.matching(spender);
    const room = (): number => model.limits.room(matching, spender, this.#now, null);
    if (Math.min(model.usable(this.#now, use), room()) < bounded) model.endDueHolds(this.#now);
    const wasRefused = usage && key !== null && model.refusals.get(key) === bounded;
    const available = model.usable(this.#now, use);
    if (Math.min(available, room()) < bounded) {
      if (usage && !wasRefused && model.uncollected + bounded <= UNCOLLECTED_MAX) {
        model.sweep(this.#now);
        model.uncollected += bounded;
        if (key !== null) model.refusals.set(key, bounded);
      }
      expect(reply).toMatchObject(room() < available
        ? { status: 'limit_reached', available, limit: { remaining: room() } }
        : { status: 'insufficient_credits', available });
      return;
    }
    model.limits.take(matching, spender, this.#now, bounded);
    model.sweep(this.#now);
    model.captures.push({ taken: model.take(this.#now, bounded, use) ?? [], refunded: 0 });
    model.captured += bounded;
    if (wasRefused) model.uncollected -= bounded;
    const left = model.available(this.#now);
    if (key !== null) model.charges.set(key, { amount: bounded, available: left });
    expect(reply).toMatchObject({ status: 'charged', replayed: false, available: left });
  }

  async #revoke(lotId: string): Promise<void> {
    const run = () => this.#under.ledger.revokeLot({ accountId: this.#id, lotId, key: `intent:revoke-${lotId}`, about: '{}' });
    if (this.#model.frozen) {
      const lot = this.#model.lots.find((each) => each.id === lotId);
      const isThere = lot !== undefined && lot.remaining + lot.held > 0;
      expect(await run()).toMatchObject(this.#revoked.has(lotId) ? { status: 'revoked', replayed: true } : {
        status: isThere ? 'account_frozen' : 'lot_not_found',
      });
      return;
    }
    const before = this.#model.available(this.#now);
    const amount = this.#model.revoke(this.#now, lotId);
    if (amount === null) {
      // A lot that was revoked before answers as the first time.
      expect(await run()).toMatchObject(this.#revoked.has(lotId) ? { status: 'revoked', replayed: true } : { status: 'lot_not_found' });
      return;
    }
    this.#revoked.add(lotId);
    const reply = await run();
    expect(reply).toEqual({ status: 'revoked', replayed: false, amount, previous: before, available: before - amount });
    expect(await run()).toEqual({ ...reply, replayed: true });
  }

  async #extend(hold: ModelHold, each: Extract<Command, { readonly op: 'extend' }>): Promise<void> {
    const model = this.#model;
    // Of a hold that is priced by tokens, what it shall have in all is the price of an output.
    const ofTokens = hold.input === null || each.mode === 'by' ? null : amountFor(hold.input, each.desired % TOKENS_AT_ONCE);
    const desired = ofTokens ?? Math.min(Math.max(each.minimum, each.desired), AMOUNT_MAX);
    const minimum = ofTokens ?? Math.min(each.minimum, desired);
    const key = each.key === 0 ? null : `e${each.key}`;
    const fingerprint = `${each.mode}-${desired}`;
    const leaseMs = each.lease === null ? null : each.lease * STEP_MS - HALF_STEP_MS;
    const run = () => this.#under.ledger.extendHold({
      accountId: this.#id, holdId: hold.id, mode: each.mode, minimum: micros(minimum), desired: micros(desired), leaseMs,
      defaultLeaseMs: DEFAULT_LEASE_MS, price: 'p', key: key === null ? null : { caller: 'a', key }, fingerprint, about: '{}', by: each.by,
    });
    const first = key === null ? undefined : hold.extensions.get(key);
    if (hold.placedBy === 'service' && each.by === 'user') {
      expect(await run()).toEqual({ status: 'forbidden' });
      return;
    }
    if (first !== undefined) {
      // An answer that was loaded from Postgres does not know the amount that the hold had then.
      expect(await run()).toMatchObject(first.fingerprint === fingerprint ? {
        status: 'extended', replayed: true, hold: { available: first.available },
      } : { status: 'idempotency_mismatch' });
      return;
    }
    if (await this.#isOver(hold, run)) return;
    const raise = each.mode === 'by' ? { minimum, desired } : {
      minimum: Math.max(0, minimum - hold.amount), desired: Math.max(0, desired - hold.amount),
    };
    const added = model.raise(this.#now, hold, raise.minimum, raise.desired, leaseMs);
    const reply = await run();
    if (typeof added === 'string') {
      expect(reply).toMatchObject({ status: added, available: model.usable(this.#now, hold.use) });
      return;
    }
    const available = model.available(this.#now);
    model.journal(this.#now, hold);
    this.#checkStop();
    expect(reply).toMatchObject({
      status: 'extended', replayed: false, hold: { amount: hold.amount, reported: hold.reported, available, final: this.#isFinal(hold) },
    });
    if (key === null) return;
    hold.extensions.set(key, { fingerprint, available });
    expect(await run()).toEqual({ ...reply, replayed: true });
  }

  async #report(hold: ModelHold, each: Extract<Command, { readonly op: 'report' }>): Promise<void> {
    const model = this.#model;
    const { reported, usage, output, raiseTo } = reportOf(hold, each);
    const leaseMs = each.lease === null ? null : each.lease * STEP_MS - HALF_STEP_MS;
    const run = () => this.#under.ledger.reportProgress({
      accountId: this.#id, holdId: hold.id, reported: micros(reported), usage,
      raiseTo: raiseTo === null ? null : micros(raiseTo), leaseMs, defaultLeaseMs: DEFAULT_LEASE_MS, price: 'p', about: '{}', by: each.by,
    });
    if (hold.placedBy === 'service' && each.by === 'user') {
      expect(await run()).toEqual({ status: 'forbidden' });
      return;
    }
    if (await this.#isOver(hold, run)) return;
    if (reported < hold.reported) {
      expect(await run()).toMatchObject({ status: 'progress_backwards', reported: hold.reported });
      return;
    }
    const tenth = hold.amount / 10;
    const counts = model.limits.unseen(hold).length > 0;
    const raised = model.raise(this.#now, hold, 0, Math.max(0, (raiseTo ?? 0) - hold.amount), leaseMs);
    const added = typeof raised === 'string' ? 0 : raised;
    hold.output = output;
    this.#checkStop();
    model.report(this.#now, hold, reported, { added, tenth, everyMs: REPORT_JOURNALED_EVERY_MS, counts });
    const available = model.available(this.#now);
    const reply = await run();
    expect(reply).toMatchObject({
      status: 'reported', added, hold: { amount: hold.amount, reported, available, final: this.#isFinal(hold) },
    });
    // The same report again changes nothing but the lease.
    model.raise(this.#now, hold, 0, 0, leaseMs);
    expect(await run()).toMatchObject({ status: 'reported', hold: { amount: hold.amount, reported, available } });
  }

  /** Every open stream is told a token at which its hold covers it, and one more would not be covered. */
  #checkStop(): void {
    for (const hold of this.#model.openHolds()) stopOf(hold);
  }

  /** Nothing more can be held now. */
  #isFinal(hold: ModelHold): boolean {
    const { limits } = this.#model;
    return Math.min(this.#model.usable(this.#now, hold.use), limits.roomOf(hold, this.#now)) === 0;
  }

  async #limit(kind: LimitKind, amount: number | null, anew: boolean): Promise<void> {
    const { limits } = this.#model;
    limits.define(kind, amount, anew);
    await this.#define(this.#id, { version: limits.version, limits: limits.definitions }, this.#now);
  }

  /** Whether the hold has ended, ends now because its lease is over, or may not change: then that is the answer. */
  async #isOver(hold: ModelHold, run: () => Promise<unknown>): Promise<boolean> {
    const model = this.#model;
    if (hold.state === 'open' && model.frozen) {
      await this.#expectFrozen(run() as Promise<{ readonly status: string }>);
      return true;
    }
    if (hold.state === 'open' && hold.expiresAt <= this.#now) model.expire(this.#now, hold);
    if (hold.state === 'open') return false;
    expect(await run()).toMatchObject({ status: 'hold_resolved', outcome: { state: hold.state, captured: hold.captured } });
    return true;
  }

  /** Redis is lost. */
  lose(): void {
    this.#model.lose();
  }

  async #expectFrozen(refused: Promise<{ readonly status: string }>): Promise<void> {
    expect(await refused).toEqual({ status: 'account_frozen' });
  }

  async #expectNotFound(): Promise<void> {
    const { ledger } = this.#under;
    const command = { accountId: this.#id, holdId: 'never-placed', about: '{}' };
    expect(await ledger.voidHold(command)).toEqual({ status: 'hold_not_found' });
  }

  async #compareState(): Promise<void> {
    const model = this.#model;
    const state = await this.#under.ledger.readAccount(this.#id);
    // A read ends due holds, so that they are never shown as held.
    model.endDueHolds(this.#now);
    const now = this.#now;
    const dueLots = model.lots.filter((lot) => lot.expiresAt <= now).reduce((sum, lot) => sum + lot.remaining, 0);
    expect(state.frozen).toBe(model.frozen);
    expect({ ...pick(state), lots: state.lots.map((lot) => [lot.lotId, lot.remaining, lot.held, lot.rule]) }).toEqual({
      available: model.available(now), held: model.held(), debt: model.debt, granted: model.granted, captured: model.captured,
      expired: model.expired + dueLots, removed: model.removed, uncollected: model.uncollected,
      holds: model.openHolds().map((hold) => [hold.id, hold.amount]),
      lots: model.live(now).map((lot) => [lot.id, lot.remaining, lot.held, ruleText(lot.rule)]),
    });
    for (const spender of ['x', 'y']) {
      const uses = await this.#under.ledger.readLimits(this.#id, { spender });
      expect(uses.map(({ limitId, used }) => [limitId, used])).toEqual(
        model.limits.matching(spender).map((each) => [each.limitId, model.limits.used(each, spender, now)]));
    }
    // I1, from the numbers in Redis.
    expect(BigInt(state.totals.granted)).toBe(
      BigInt(state.available) + BigInt(state.held) + BigInt(state.totals.captured) + BigInt(state.totals.expired) +
      BigInt(state.totals.removed) - BigInt(state.debt),
    );
  }

  /** I7: seq has no gaps, each entry conserves, and the entries add up to the account and to each of its lots. */
  async checkJournal(): Promise<void> {
    // Reading the account ends its due holds and lots.
    const state = await this.#under.ledger.readAccount(this.#id);
    const entries = await this.#under.journal(this.#id);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    const sums = { available: 0n, held: 0n, debt: 0n };
    const lots = new Map<string, { remaining: bigint; held: bigint }>();
    for (const entry of entries) {
      expect(conserves(entry)).toBe(true);
      sums.available += BigInt(entry.available);
      sums.held += BigInt(entry.held);
      sums.debt += BigInt(entry.debt);
      expect([BigInt(entry.availableAfter), BigInt(entry.heldAfter), BigInt(entry.debtAfter)]).toEqual([
        sums.available, sums.held, sums.debt,
      ]);
      for (const change of entry.lots) {
        const lot = lots.get(change.lotId) ?? { remaining: 0n, held: 0n };
        lots.set(change.lotId, { remaining: lot.remaining + BigInt(change.remaining), held: lot.held + BigInt(change.held) });
      }
    }
    const inLots = [...lots.values()];
    expect(inLots.every((lot) => lot.remaining >= 0n && lot.held >= 0n)).toBe(true);
    expect(inLots.reduce((sum, lot) => sum + lot.remaining, 0n)).toBe(sums.available);
    expect(inLots.reduce((sum, lot) => sum + lot.held, 0n)).toBe(sums.held);
    expect(sums.held).toBe(BigInt(state.held));
  }
}

/** Tokens that one command adds: reports of a whole history stay below TOKENS_MAX. */
const TOKENS_AT_ONCE = 1_000_000;

/** What a report says: of a hold that is priced by tokens the output so far, otherwise what it costs, by class or as an amount only. */
function reportOf(hold: ModelHold, { which, more, back, raise }: Extract<Command, { readonly op: 'report' }>) {
  if (hold.input === null) {
    const reported = Math.min(back ? Math.max(0, hold.reported - more) : hold.reported + more, AMOUNT_MAX);
    return {
      reported, usage: which % 2 === 0 ? `out=${reported}` : '', output: null,
      raiseTo: raise === null ? null : Math.min(reported + raise, AMOUNT_MAX),
    };
  }
  const before = hold.output ?? 0;
  const output = back ? Math.max(0, before - more) : before + more % TOKENS_AT_ONCE;
  const { cost: reported, usage } = usedBy(hold.input, output);
  return { reported, usage, output, raiseTo: raise === null ? null : amountFor(hold.input, output + raise % TOKENS_AT_ONCE) };
}

const pick = ({ available, held, debt, totals, holds }: AccountSnapshot) => ({
  available, held, debt, ...totals, holds: holds.map((hold) => [hold.holdId, hold.amount]),
});

const conserves = (entry: JournalEntry): boolean =>
  BigInt(entry.granted) === BigInt(entry.available) + BigInt(entry.held) + BigInt(entry.captured) + BigInt(entry.expired) +
    BigInt(entry.removed) - BigInt(entry.debt);

const lotName = (number: number): string => String(number).padStart(12, '0');

/** Padded, so that names sort by the order of placing: leases that are equal in the model end some milliseconds apart in Redis. */
const holdName = (number: number): string => `h${String(number).padStart(3, '0')}`;
