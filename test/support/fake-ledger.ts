import { NO_TERMS } from '../../src/ledger/account-terms.js';
import { micros, ZERO, type Micros } from '../../src/kit/money/micros.js';
import { runAlone } from '../../src/kit/tell.js';
import type { AccountSnapshot, Lot, OpenHold } from '../../src/ledger/account-snapshot.js';
import { chargeKeyText } from '../../src/ledger/charge-key.js';
import { figuresOf, TOTALS } from '../../src/ledger/figures.js';
import type { HoldOutcome, Ledger, PlaceHold } from '../../src/ledger/ledger.js';

type Ended = { readonly outcome: HoldOutcome; readonly fingerprint: string };
type FakeHold = { readonly placed: OpenHold; readonly command: PlaceHold; ended: Ended | null };
type Charged = { readonly fingerprint: string; readonly seq: number; readonly atMs: number; readonly available: Micros };
type FakeAccount = {
  available: number;
  held: number;
  debt: number;
  captured: number;
  seq: number;
  lots: Lot[];
  holds: Map<string, FakeHold>;
  charges: Map<string, Charged>;
};

export type FakeLedger = Ledger & {
  /** Makes every further call throw this; null: calls work again. */
  fail(error: Error | null): void;
  /** The names of all calls: shows that a refused request did not reach the ledger. */
  readonly calls: string[];
};

/**
 * A minimal ledger for tests of the HTTP side: one balance per account, no expiry, no limits. The real ledger has its
 * own tests.
 */
export function fakeLedger(clock: () => number): FakeLedger {
  const accounts = new Map<string, FakeAccount>();
  const calls: string[] = [];
  let failure: Error | null = null;

  const open = (operation: string, accountId: string): FakeAccount => {
    calls.push(operation);
    if (failure !== null) throw failure;
    let account = accounts.get(accountId);
    if (account === undefined) {
      account = { available: 0, held: 0, debt: 0, captured: 0, seq: 0, lots: [], holds: new Map(), charges: new Map() };
      accounts.set(accountId, account);
    }
    return account;
  };
  const notFaked = (): never => { throw new Error('not faked'); };
  const operation = <Args extends unknown[], Reply>(work: (...args: Args) => Reply) =>
    // eslint-disable-next-line @typescript-eslint/require-await -- turns an exception of `work` into a rejection
    async (...args: Args): Promise<Reply> => work(...args);

  const snapshot = (asked: string, accountId: string): AccountSnapshot => {
    const { available, held, debt, captured, seq, lots, holds } = open(asked, accountId);
    return {
      available: micros(available), held: micros(held), debt: micros(debt), seq, lots,
      totals: { ...figuresOf(TOTALS, () => ZERO), captured: micros(captured) },
      frozen: false, terms: NO_TERMS,
      holds: [...holds.values()].filter(({ ended }) => ended === null).map(({ placed }) => placed),
    };
  };

  const ledger: FakeLedger = {
    calls,
    fail: (error) => { failure = error; },
    grantLot: operation(({ accountId, amount, lotId, expiresAtMs }) => {
      const account = open('grantLot', accountId);
      account.seq += 1;
      account.available += amount;
      account.lots.push({ lotId, amount, remaining: amount, held: ZERO, grantedAtMs: clock(), expiresAtMs, rule: '' });
      return {
        status: 'granted' as const, replayed: false, remaining: amount, debtPaid: ZERO,
        previous: micros(account.available - amount), available: micros(account.available),
      };
    }),
    placeHold: operation((command) => {
      const account = open('placeHold', command.accountId);
      const { holdId } = command;
      const amount = command.desired ?? notFaked();
      const earlier = account.holds.get(holdId);
      const isSame = earlier?.command.fingerprint === command.fingerprint;
      if (earlier !== undefined && !isSame) return { status: 'hold_exists' as const };
      if (earlier === undefined && account.available < amount) {
        return { status: 'insufficient_credits' as const, available: micros(account.available), required: amount };
      }
      if (earlier === undefined) {
        account.seq += 1;
        account.available -= amount;
        account.held += amount;
        const placed = {
          holdId, kind: command.kind, seq: account.seq, amount, placedAtMs: clock(), expiresAtMs: clock() + command.leaseMs,
          price: command.price, about: command.about,
        };
        account.holds.set(holdId, { placed, command, ended: null });
      }
      const { placed } = account.holds.get(holdId) ?? notFaked();
      return { status: 'placed' as const, replayed: isSame, ...placed, available: micros(account.available), limits: [], most: null };
    }),
    placeHolds: (commands, tell) => runAlone(commands, tell, (command) => ledger.placeHold(command)),
    settleHold: operation((command) => {
      const account = open('settleHold', command.accountId);
      const hold = account.holds.get(command.holdId);
      if (hold === undefined) return { status: 'hold_not_found' as const };
      const { placed, ended } = hold;
      if (ended !== null) {
        return ended.fingerprint === command.fingerprint
          ? { status: 'settled' as const, replayed: true, outcome: ended.outcome }
          : { status: 'hold_resolved' as const, outcome: ended.outcome };
      }
      if (command.price !== placed.price) {
        return { status: 'price_needed' as const, price: placed.price, placedAtMs: placed.placedAtMs, about: placed.about };
      }
      const overage = Math.max(0, command.cost - placed.amount);
      const debt = Math.max(0, overage - account.available);
      account.seq += 1;
      account.held -= placed.amount;
      account.available += Math.max(0, placed.amount - command.cost) - (overage - debt);
      account.debt += debt;
      account.captured += command.cost;
      const outcome: HoldOutcome = {
        state: 'settled', seq: account.seq, amount: placed.amount, captured: command.cost,
        released: micros(Math.max(0, placed.amount - command.cost)),
        expired: ZERO, overage: micros(overage), debt: micros(debt), uncollected: ZERO, available: micros(account.available),
        endedAtMs: clock(), placedAtMs: placed.placedAtMs, late: false, about: command.about,
      };
      hold.ended = { outcome, fingerprint: command.fingerprint };
      return { status: 'settled' as const, replayed: false, outcome };
    }),
    charge: operation(({ accountId, amount, key: named, fingerprint }) => {
      const key = named === null ? null : chargeKeyText(named);
      const account = open('charge', accountId);
      const earlier = key === null ? undefined : account.charges.get(key);
      if (earlier !== undefined && earlier.fingerprint !== fingerprint) return { status: 'idempotency_mismatch' as const };
      if (earlier !== undefined) return { status: 'charged' as const, replayed: true, ...earlier };
      if (account.available < amount) return { status: 'insufficient_credits' as const, available: micros(account.available) };
      account.seq += 1;
      account.available -= amount;
      account.captured += amount;
      const charged = { fingerprint, seq: account.seq, atMs: clock(), available: micros(account.available) };
      if (key !== null) account.charges.set(key, charged);
      return { status: 'charged' as const, replayed: false, ...charged };
    }),
    readBalance: operation((accountId) => {
      const { available, held, debt } = open('readBalance', accountId);
      return { available: micros(available), held: micros(held), debt: micros(debt) };
    }),
    readFunds: operation((accountId) => snapshot('readFunds', accountId)),
    readAccount: operation((accountId) => snapshot('readAccount', accountId)),
    voidHold: notFaked,
    expireHold: notFaked,
    extendHold: notFaked,
    reportProgress: notFaked,
    readHold: notFaked,
    setBalance: notFaked,
    remove: notFaked,
    revokeLot: notFaked,
    refund: notFaked,
    receiveLots: notFaked,
    expireLots: notFaked,
    setLimits: notFaked,
    setTerms: notFaked,
    readLimits: () => Promise.resolve([]),
    freeze: notFaked,
    thaw: notFaked,
  };
  return ledger;
}
