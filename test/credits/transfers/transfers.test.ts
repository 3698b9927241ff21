import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { moneyIn, replayPending } from '../../../src/credits/grants/money-in.js';
import { resumeTransfers } from '../../../src/credits/transfers/resume-transfers.js';
import { transferCredits, type TransferCommand, type TransferDeps } from '../../../src/credits/transfers/transfer-credits.js';
import { freshen } from '../../../src/journal/freshen.js';
import { compareAccount } from '../../../src/journal/reconcile/compare-account.js';
import { micros } from '../../../src/kit/money/micros.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';

const MINUTE_MS = 60_000;

let under: DurableLedger;
beforeAll(async () => { under = await durableLedger(); });
afterAll(async () => { await under.close(); });

const depsOf = (ledger = under.ledger): TransferDeps => ({
  db: under.db, ledger, moneyIn: moneyIn({ db: under.db, ledger }), freshen: freshen(under.runDrain, under.keys),
});
const resume = () => resumeTransfers(depsOf(), 0, 100);
const grant = async (accountId: string, amount: number, lifeMs: number | null): Promise<number | null> => {
  const expiresAtMs = lifeMs === null ? null : (await under.nowMs()) + lifeMs;
  await moneyIn(under).grant({ accountId, amount: micros(amount), expiresAtMs, about: '{}', idempotency: null, fingerprint: '' });
  return expiresAtMs;
};
const pair = () => ({ from: `t-${randomUUID()}`, to: `t-${randomUUID()}` });
const moving = (accounts: { readonly from: string; readonly to: string }, amount: number): TransferCommand => ({
  ...accounts, amount: micros(amount), expiry: 'lots', reason: 'a gift', actor: 'support', key: { caller: 'a', key: accounts.from },
});
const lotsOf = async (accountId: string) =>
  (await under.ledger.readAccount(accountId)).lots.map(({ remaining, expiresAtMs }) => [remaining, expiresAtMs]);
const kindsOf = async (accountId: string) => (await under.journal(accountId)).map(({ kind }) => kind);
const agree = async (...accountIds: readonly string[]): Promise<void> => {
  for (const accountId of accountIds) {
    const deps = { db: under.db, redis: under.redis, keys: under.keys, fence: under.fence, drain: under.runDrain };
    expect(await compareAccount(deps, accountId)).toMatchObject({ result: 'ok', differences: [] });
  }
};

test('what moves keeps the expiry of its lots, and each account gets one entry', async () => {
  const accounts = pair();
  const soon = await grant(accounts.from, 5, 60 * MINUTE_MS);
  await grant(accounts.from, 10, null);
  expect(await transferCredits(depsOf(), moving(accounts, 8))).toMatchObject({ transfer: { state: 'completed' }, replayed: false });
  expect([await lotsOf(accounts.from), await lotsOf(accounts.to)]).toEqual([[[7, null]], [[5, soon], [3, null]]]);
  expect([await kindsOf(accounts.from), await kindsOf(accounts.to)]).toEqual([['grant', 'grant', 'transfer_out'], ['transfer_in']]);
  expect(await transferCredits(depsOf(), moving(accounts, 8))).toMatchObject({ transfer: { state: 'completed' }, replayed: true });
  await expect(transferCredits(depsOf(), moving(accounts, 7))).rejects.toMatchObject({ code: 'idempotency_mismatch' });
  await agree(accounts.from, accounts.to);
});

test('with an expiry of its own one lot arrives; it pays the debt of the target first', async () => {
  const accounts = pair();
  await grant(accounts.from, 5, 60 * MINUTE_MS);
  await grant(accounts.from, 10, null);
  await under.ledger.placeHold({
    accountId: accounts.to, holdId: 'h', kind: 'test', minimum: micros(0), desired: micros(0), leaseMs: MINUTE_MS, expiryPolicy: 'release',
    price: 'p', fingerprint: '', about: '{}',
  });
  await under.ledger.settleHold({
    accountId: accounts.to, holdId: 'h', cost: micros(3), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: '', about: '{}',
  });
  await transferCredits(depsOf(), { ...moving(accounts, 8), expiry: { expiresAtMs: null } });
  expect(await under.ledger.readAccount(accounts.to)).toMatchObject({ available: 5, debt: 0, lots: [{ remaining: 5, expiresAtMs: null }] });
});

test('a try that finds the target frozen gets the answer of another try that went in before', async () => {
  const accounts = pair();
  await grant(accounts.from, 10, null);
  let hasMoved = false;
  const ledger = {
    ...under.ledger,
    readAccount: async (accountId: string) => {
      if (!hasMoved) {
        hasMoved = true;
        await transferCredits(depsOf(), moving(accounts, 8));
        await under.ledger.freeze({ accountId: accounts.to, about: '{}' });
      }
      return under.ledger.readAccount(accountId);
    },
  };
  expect(await transferCredits(depsOf(ledger), moving(accounts, 8))).toMatchObject({ transfer: { state: 'completed' }, replayed: true });
});

test('too little, a frozen source, a frozen target, and itself: nothing moves, and a repeat gets the same answer', async () => {
  const accounts = pair();
  await grant(accounts.from, 5, null);
  for (const replayed of [false, true]) {
    expect(await transferCredits(depsOf(), moving(accounts, 6))).toMatchObject({
      replayed, transfer: { state: 'refused', refusal: 'insufficient_credits', available: 5 },
    });
  }
  await under.ledger.freeze({ accountId: accounts.from, about: '{}' });
  const other = { ...moving(accounts, 1), key: null };
  expect(await transferCredits(depsOf(), other)).toMatchObject({ transfer: { state: 'refused', refusal: 'account_frozen' } });
  await under.ledger.thaw({ accountId: accounts.from, about: '{}' });
  await under.ledger.freeze({ accountId: accounts.to, about: '{}' });
  await expect(transferCredits(depsOf(), other)).rejects.toMatchObject({ code: 'account_frozen' });
  await expect(transferCredits(depsOf(), { ...other, to: accounts.from })).rejects.toMatchObject({ code: 'invalid_request' });
  expect(await under.ledger.readAccount(accounts.from)).toMatchObject({ available: 5, totals: { removed: 0 } });
  expect(await resume()).toMatchObject({ reopened: 0 });
});

test('a target that is frozen between the debit and the credit gets it after the thaw', async () => {
  const accounts = pair();
  await grant(accounts.from, 5, null);
  const deps = depsOf();
  const freezing: TransferDeps = { ...deps, moneyIn: { ...deps.moneyIn, send: async (command) => {
    const sent = await deps.moneyIn.send(command);
    await under.ledger.freeze({ accountId: accounts.to, about: '{}' });
    return sent;
  } } };
  expect(await transferCredits(freezing, moving(accounts, 5))).toMatchObject({ transfer: { state: 'pending' } });
  expect(await resume()).toMatchObject({ pending: 1, completed: 0 });
  expect((await under.ledger.readBalance(accounts.to)).available).toBe(0);
  await under.ledger.thaw({ accountId: accounts.to, about: '{}' });
  expect(await resume()).toMatchObject({ pending: 0, completed: 1 });
  expect((await under.ledger.readBalance(accounts.to)).available).toBe(5);
  await agree(accounts.from, accounts.to);
});

class Killed extends Error {}
type Step = { readonly deps: TransferDeps; readonly wasReached: () => boolean };
/** Runs `act` before or after the nth awaited step of a transfer. */
const at = (nth: number, when: 'before' | 'after', act: () => Promise<void>): Step => {
  let steps = 0;
  const step = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    steps += 1;
    const isLast = steps === nth;
    if (isLast && when === 'before') await act();
    const value = await work();
    if (isLast && when === 'after') await act();
    return value;
  };
  const watched = <Target extends object>(target: Target, names: readonly (keyof Target)[]): Target => new Proxy(target, {
    get: (object, name) => {
      const member = Reflect.get(object, name) as unknown;
      if (typeof member !== 'function') return member;
      const bound = member.bind(object) as (...args: unknown[]) => Promise<unknown>;
      return names.includes(name as keyof Target) ? (...args: unknown[]) => step(() => bound(...args)) : bound;
    },
  });
  const ledger = watched(under.ledger, ['remove', 'receiveLots', 'readAccount']);
  const db = watched(under.db, ['raw']);
  return {
    wasReached: () => steps >= nth,
    deps: { db, ledger, moneyIn: moneyIn({ db, ledger }), freshen: { account: (id) => step(() => depsOf().freshen.account(id)) } },
  };
};
/** Throws instead of, or right after, the nth awaited step of a transfer, as a process that is killed there stops. */
const killedAt = (nth: number, when: 'before' | 'after'): Step => at(nth, when, () => Promise.reject(new Killed()));

test.each(['before', 'after'] as const)('killed %s any step, a transfer is completed by the worker, once', async (when) => {
  let nth = 0;
  for (let reached = true; reached;) {
    nth += 1;
    const accounts = pair();
    await grant(accounts.from, 5, 60 * MINUTE_MS);
    await grant(accounts.from, 5, null);
    const { deps, wasReached } = killedAt(nth, when);
    const ended = await transferCredits(deps, moving(accounts, 7)).then(({ transfer }) => transfer.state, (error: unknown) => error);
    reached = wasReached();
    if (reached) expect(ended).toBeInstanceOf(Killed);
    // The caller tries again, at the same time as two workers: only a transfer whose row was never written begins here.
    await Promise.all([resume(), transferCredits(depsOf(), moving(accounts, 7)), resume(), replayPending(under, 0, 100)]);
    await resume();
    expect([await kindsOf(accounts.from), await kindsOf(accounts.to)]).toEqual([['grant', 'grant', 'transfer_out'], ['transfer_in']]);
    const [source, target] = [await under.ledger.readBalance(accounts.from), await under.ledger.readBalance(accounts.to)];
    expect([source.available, target.available]).toEqual([3, 7]);
    await agree(accounts.from, accounts.to);
  }
  // Two accounts are read; the row, both intents, both scripts, both stored answers, the look-up of the entry, the drain, the end.
  expect(nth).toBeGreaterThan(10);
});

test.each(['source', 'target'] as const)('the %s frozen before any step: nothing is lost or doubled', async (which) => {
  const states = new Set<string>();
  let nth = 0;
  for (let reached = true; reached;) {
    nth += 1;
    const accounts = pair();
    const frozen = which === 'source' ? accounts.from : accounts.to;
    await grant(accounts.from, 5, 60 * MINUTE_MS);
    await grant(accounts.from, 5, null);
    const { deps, wasReached } = at(nth, 'before', async () => { await under.ledger.freeze({ accountId: frozen, about: '{}' }); });
    const first = await transferCredits(deps, moving(accounts, 7)).then(({ transfer }) => transfer.state, (error: unknown) => {
      expect(error).toMatchObject({ code: 'account_frozen' });
      return 'none' as const;
    });
    reached = wasReached();
    states.add(first);
    const balances = async () => {
      const [source, target] = [await under.ledger.readBalance(accounts.from), await under.ledger.readBalance(accounts.to)];
      return [source.available, target.available];
    };
    // The workers change nothing while it is frozen; what was debited waits in the intent of the credit.
    const before = await balances();
    await resume();
    await replayPending(under, 0, 100);
    expect(await balances()).toEqual(before);
    expect([[10, 0], [3, 0], [3, 7]]).toContainEqual(before);
    if (first === 'completed') expect(before).toEqual([3, 7]);
    if (first === 'none' || first === 'refused') expect(before).toEqual([10, 0]);
    await under.ledger.thaw({ accountId: frozen, about: '{}' });
    await Promise.all([resume(), replayPending(under, 0, 100), resume()]);
    await resume();
    const ended = first === 'pending' || first === 'completed';
    expect(await balances()).toEqual(ended ? [3, 7] : [10, 0]);
    if (first !== 'none') {
      expect(await transferCredits(depsOf(), moving(accounts, 7))).toMatchObject({ transfer: { state: ended ? 'completed' : 'refused' } });
    }
    await agree(accounts.from, accounts.to);
  }
  expect(nth).toBeGreaterThan(10);
  expect([...states].sort()).toEqual(which === 'source' ? ['completed', 'refused'] : ['completed', 'none', 'pending']);
});

test('Redis lost after each half: the debit and the credit happen once', async () => {
  const accounts = pair();
  await grant(accounts.from, 5, null);
  await under.drain();
  const deps = depsOf();
  const losing: TransferDeps = { ...deps, moneyIn: { ...deps.moneyIn, send: async (command) => {
    const sent = await deps.moneyIn.send(command);
    await under.loseRedis();
    return sent;
  } } };
  // The debit was not in Postgres yet: it is gone, and nothing was granted for it.
  expect(await transferCredits(losing, moving(accounts, 5))).toMatchObject({ transfer: { state: 'pending' } });
  expect((await under.ledger.readBalance(accounts.from)).available).toBe(5);
  await replayPending(under, 0, 100);
  await resume();
  expect((await under.ledger.readBalance(accounts.to)).available).toBe(5);
  await under.loseRedis();
  await replayPending(under, 0, 100);
  const [source, target] = [await under.ledger.readBalance(accounts.from), await under.ledger.readBalance(accounts.to)];
  expect([source.available, target.available]).toEqual([0, 5]);
  await agree(accounts.from, accounts.to);
});
