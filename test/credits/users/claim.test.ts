import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openAccount } from '../../../src/credits/accounts/open-account.js';
import { moneyIn, replayPending, type MoneyIn, type MoneyInResult } from '../../../src/credits/grants/money-in.js';
import { claimProvisional, moveCredits, type ClaimDeps } from '../../../src/credits/users/claim-provisional.js';
import type { NamesFrom } from '../../../src/credits/users/names.js';
import { findAccount, upsertProfiles } from '../../../src/credits/users/profile.table.js';
import { readOpenMoves } from '../../../src/credits/users/provisional.table.js';
import { claimResumer } from '../../../src/credits/users/resume-claims.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { micros, type Micros } from '../../../src/kit/money/micros.js';
import type { Ledger } from '../../../src/ledger/ledger.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';

/** What waits under a name goes to its claimant once, whatever breaks on the way. Real scripts, real Postgres. */
let lab: DurableLedger;
let money: MoneyIn;
let deps: ClaimDeps;
beforeAll(async () => {
  lab = await durableLedger();
  money = moneyIn({ db: lab.db, ledger: lab.ledger });
  deps = { db: lab.db, ledger: lab.ledger, moneyIn: money };
});
afterAll(async () => { await lab.close(); });

const HOUR_MS = 3_600_000;
const fresh = (name: string): string => `${name}-${randomUUID().slice(0, 8)}`;

/** A provisional account under an unused name, with lots that expire in so many hours; null: never. */
async function waiting(...lots: [amount: number, hours: number | null][]): Promise<string> {
  const name = fresh('name');
  await openAccount({ db: lab.db, resolveAccount: (text) => findAccount(lab.db, text, 'any') }, { text: name, actor: 'boss' });
  for (const [amount, hours] of lots) await grant(name, amount, hours);
  return name;
}

async function grant(accountId: string, amount: number, hours: number | null): Promise<void> {
  const expiresAtMs = hours === null ? null : Date.UTC(2100, 0, 1) + hours * HOUR_MS;
  expect(await money.grant({
    accountId, amount: micros(amount), expiresAtMs, about: '{}', idempotency: null, fingerprint: 'f',
  })).toMatchObject({ status: 'applied' });
}

const seen = (accountId: string, username: string, namesFrom: NamesFrom = 'access'): Promise<void> =>
  upsertProfiles(lab.db, [{ accountId, username, email: null, role: null, namesFrom, seenAtMs: Date.now() }]);
const lotsOf = async (accountId: string): Promise<[number, number | null][]> =>
  (await lab.ledger.readAccount(accountId)).lots.map(({ remaining, expiresAtMs }) => [
    remaining, expiresAtMs === null ? null : (expiresAtMs - Date.UTC(2100, 0, 1)) / HOUR_MS,
  ]);
const available = async (accountId: string): Promise<Micros> => (await lab.ledger.readBalance(accountId)).available;
/** Runs until a run finds nothing more to do. */
async function resume(): Promise<void> {
  await lab.drain();
  const run = claimResumer(deps);
  for (let turn = 0; turn < 10; turn += 1) {
    const { claimed, moved } = await run();
    await lab.drain();
    if (claimed === 0 && moved === 0) return;
  }
  throw new Error('the job never comes to rest');
}

/** What a claim may neither make nor lose: on both sides together, credits that were granted and not taken away. */
async function conserved(from: string, to: string, total: number): Promise<void> {
  const [source, target] = [await lab.ledger.readAccount(from), await lab.ledger.readAccount(to)];
  expect(source.totals.granted - source.totals.removed + target.totals.granted - target.totals.removed).toBe(total);
  expect(source.available + target.available).toBe(total);
  await lab.drain();
  const { rows } = await lab.db.raw<{
    rows: { sum: number }[];
  }>('select sum(available)::bigint as sum from accounts where account_id = any(?)', [[from, to]]);
  expect(rows[0]?.sum).toBe(total);
}

test('all lots move, each with its expiry, and the ledger of both sides says so', async () => {
  const name = await waiting([5, 30], [7, null], [3, 1]);
  const claimant = fresh('claimant');
  expect(await claimProvisional(deps, { accountId: name, claimant })).toEqual({ status: 'claimed', waiting: 0 });
  expect(await lotsOf(claimant)).toEqual([[3, 1], [5, 30], [7, null]]);
  expect(await lotsOf(name)).toEqual([]);
  await conserved(name, claimant, 15);
  const { rows } = await lab.db.raw<{ rows: { account_id: string; kind: string; about: string }[] }>(
    `select e.account_id, e.kind, d.about from entries e join entry_details d using (account_id, seq)
       where e.account_id = any(?) and d.about like '%"claim"%' order by 1, 2`,
    [[name, claimant]],
  );
  expect(rows.map(({ account_id, kind }) => [account_id, kind])).toEqual([
    ...[1, 2, 3].map(() => [claimant, 'grant']), ...[1, 2, 3].map(() => [name, 'revoke']),
  ]);
  expect(rows.map(({ about }) => JSON.parse(about) as Record<string, unknown>)).toEqual(expect.arrayContaining([
    expect.objectContaining({ source: 'claim', from: name }), expect.objectContaining({ source: 'claim', to: claimant }),
  ]));
});

test('twenty claims at once, by three claimants: one gets all of it, once', async () => {
  const name = await waiting([5, 30], [7, null]);
  const claimants = [fresh('a'), fresh('b'), fresh('c')];
  const results = await Promise.all(Array.from({
    length: 20,
  }, (_, index) => claimProvisional(deps, { accountId: name, claimant: claimants[index % 3] ?? '' })));
  const winners = new Set(results.flatMap(({ status }, index) => (status === 'claimed' ? [index % 3] : [])));
  expect(winners.size).toBe(1);
  await resume();
  const balances = await Promise.all(claimants.map(available));
  expect(balances.toSorted((a, b) => a - b)).toEqual([0, 0, 12]);
  await conserved(name, claimants[balances.indexOf(micros(12))] ?? '', 12);
});

test('moving at once, from many places, moves once', async () => {
  const name = await waiting([5, 30], [7, null], [1, 2]);
  const claimant = fresh('claimant');
  const stopped = { ...deps, moneyIn: { ...money, revoke: () => Promise.reject(new Error('crash')) } };
  await expect(claimProvisional(stopped, { accountId: name, claimant })).rejects.toThrow('crash');
  await Promise.all(Array.from({ length: 12 }, () => moveCredits(deps, name)));
  await conserved(name, claimant, 13);
  expect(await available(claimant)).toBe(13);
});

/** Every call of the claim's money, and whether it takes effect before the process dies. */
const CRASHES = [1, 2, 3, 4].flatMap((call) => [[call, false], [call, true]] as const);

/** The ledger, without its answer to one operation while `isAway`. */
function partly(operation: 'grantLot' | 'revokeLot', isAway: () => boolean): Ledger {
  const ask = <Reply>(work: () => Promise<Reply>): Promise<Reply> =>
    (isAway() ? Promise.reject(new GatewayError('ledger_unavailable', 'away', { outcome: 'not_executed' })) : work());
  return {
    ...lab.ledger,
    ...(operation === 'grantLot'
      ? { grantLot: (command) => ask(() => lab.ledger.grantLot(command)) }
      : { revokeLot: (command) => ask(() => lab.ledger.revokeLot(command)) }),
  };
}

test.each(CRASHES)('a crash at call %d of the money (which took effect: %s) is made up for by the worker', async (fatal, takesEffect) => {
  const name = await waiting([5, 30], [7, null]);
  const claimant = fresh('claimant');
  let calls = 0;
  const dying = <Command>(work: (command: Command) => Promise<MoneyInResult>) => async (command: Command): Promise<MoneyInResult> => {
    calls += 1;
    if (calls !== fatal) return work(command);
    if (takesEffect) await work(command);
    throw new Error('crash');
  };
  const crashing: ClaimDeps = {
    ...deps, moneyIn: { grant: dying((command) => money.grant(command)), revoke: dying((command) => money.revoke(command)) },
  };
  await expect(claimProvisional(crashing, { accountId: name, claimant })).rejects.toThrow('crash');
  await resume();
  expect(await lotsOf(claimant)).toEqual([[5, 30], [7, null]]);
  expect(await readOpenMoves(lab.db, name)).toEqual([]);
  await conserved(name, claimant, 12);
});

test.each([
  'grantLot', 'revokeLot',
] as const)('a Redis that goes away at %s leaves it pending; later it arrives, once', async (operation) => {
  const name = await waiting([5, 30], [7, null]);
  const claimant = fresh('claimant');
  let isAway = true;
  const ledger = partly(operation, () => isAway);
  const half: ClaimDeps = { db: lab.db, ledger, moneyIn: moneyIn({ db: lab.db, ledger }) };
  expect(await claimProvisional(half, { accountId: name, claimant })).toEqual({ status: 'claimed', waiting: 2 });
  expect(await available(claimant)).toBe(0);
  isAway = false;
  await replayPending({ db: lab.db, ledger: lab.ledger }, 0, 100);
  await resume();
  await conserved(name, claimant, 12);
  expect(await available(claimant)).toBe(12);
});

test('a claimant who cannot be credited now is credited later', async () => {
  const name = await waiting([5, 30]);
  const claimant = fresh('claimant');
  await grant(claimant, 1, 1);
  const account = lab.keys.account(claimant, 1).account;
  await lab.redis.hset(account, 'frozen', '1');
  expect(await claimProvisional(deps, { accountId: name, claimant })).toEqual({ status: 'claimed', waiting: 1 });
  expect(await moveCredits(deps, name)).toBe(1);
  await lab.redis.hset(account, 'frozen', '0');
  expect(await moveCredits(deps, name)).toBe(0);
  await conserved(name, claimant, 6);
});

test('Redis loses its memory in the middle: the receipts come back with the accounts', async () => {
  const name = await waiting([5, 30], [7, null]);
  const claimant = fresh('claimant');
  const stopped = { ...deps, moneyIn: { ...money, grant: () => Promise.reject(new Error('crash')) } };
  await expect(claimProvisional(stopped, { accountId: name, claimant })).rejects.toThrow('crash');
  await lab.drain();
  await lab.loseRedis();
  await resume();
  expect(await lotsOf(claimant)).toEqual([[5, 30], [7, null]]);
  await conserved(name, claimant, 12);
});

test('credits that come after the claim are forwarded', async () => {
  const name = await waiting([5, 30]);
  const claimant = fresh('claimant');
  await claimProvisional(deps, { accountId: name, claimant });
  await grant(name, 4, 2);
  await resume();
  expect(await lotsOf(claimant)).toEqual([[4, 2], [5, 30]]);
  await conserved(name, claimant, 9);
});

test('the worker claims for callers of an outage, but only for tokens of the auth service, and for one account alone', async () => {
  const [claimed, chatty, registered, two] = [await waiting([1, 1]), await waiting([2, 1]), await waiting([3, 1]), await waiting([4, 1])];
  const accounts = [fresh('p'), fresh('p'), fresh('p'), fresh('p'), fresh('p')] as const;
  await seen(accounts[0], claimed);
  await seen(accounts[1], chatty, 'chatsparty');
  await seen(accounts[2], registered, 'admin');
  await seen(accounts[3], two);
  await seen(accounts[4], two);
  await resume();
  expect(await Promise.all(accounts.map(available))).toEqual([1, 0, 0, 0, 0]);
  expect(await Promise.all([claimed, chatty, registered, two].map(available))).toEqual([0, 2, 3, 4]);
  // The token has arrived now.
  await seen(accounts[2], registered);
  await resume();
  expect(await available(accounts[2])).toBe(3);
});

test('an account that its own subject uses cannot be claimed, even if Postgres has no profile of it', async () => {
  const name = await waiting([10, 30]);
  await lab.ledger.charge({ accountId: name, amount: micros(1), key: null, fingerprint: 'f', price: '', about: '{}' });
  expect(await claimProvisional(deps, { accountId: name, claimant: fresh('mallory') })).toEqual({ status: 'owned' });
  expect(await available(name)).toBe(9);
  expect(await findAccount(lab.db, name, 'any')).toMatchObject({ accountId: name });
});

test('what came to an account after its owner did stays there, though it was claimed before', async () => {
  const name = await waiting([10, 30]);
  const claimant = fresh('claimant');
  await claimProvisional(deps, { accountId: name, claimant });
  await seen(name, 'another name');
  await grant(name, 4, 2);
  await resume();
  expect([await available(name), await available(claimant)]).toEqual([4, 10]);
});
