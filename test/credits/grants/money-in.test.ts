import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { lotIdOf } from '../../../src/books/money-in.table.js';
import { grantCredits } from '../../../src/credits/grants/grant-credits.js';
import { moneyIn, replayPending, type GrantCredits, type MoneyIn } from '../../../src/credits/grants/money-in.js';
import { micros } from '../../../src/kit/money/micros.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { ALL_SHARDS, drainLab, type DrainLab } from '../../journal/drain-lab.js';
import { fakeLedger, type FakeLedger } from '../../journal/fake-ledger.js';
import { asAdmin } from '../../support/servers.js';

let lab: DrainLab;
let db: Db;
let fake: FakeLedger;
let money: MoneyIn;
beforeAll(async () => {
  lab = await drainLab();
  db = connectPostgres(lab.databaseUrl, apiProfile(2_000));
});
afterAll(async () => {
  await db.destroy();
  await lab.close();
});
beforeEach(async () => {
  await asAdmin(lab.databaseUrl, 'delete from money_in');
  fake = fakeLedger();
  money = moneyIn({ db, ledger: fake.ledger });
});

let keys = 0;
const request = (over: Partial<GrantCredits> = {}): GrantCredits => ({
  accountId: 'a', amount: micros(100), expiresAtMs: 5_000_000_000_000, about: '{"source":"purchase"}', fingerprint: 'f',
  idempotency: { scope: 'test', key: `key-${keys += 1}` }, ...over,
});
const states = (): Promise<{ state: string }[]> => lab.rows('select state from money_in order by intent_id');

test('a grant answers with its lot, and a repeat with the first answer', async () => {
  const command = request();
  const first = await money.grant(command);
  expect(first).toMatchObject({
    status: 'applied', replayed: false, remaining: 100, expiresAtMs: 5_000_000_000_000, previous: 0, available: 100, debtPaid: 0,
  });
  await money.grant(request());
  const again = await money.grant({ ...command, expiresAtMs: 5_000_000_009_999 });
  expect(again).toEqual({ ...first, replayed: true });
  expect(fake.applied).toHaveLength(2);
  expect(lotIdOf(7)).toBe('000000000007');
});

test('a key that named another request is refused, and another scope is another key', async () => {
  const command = request();
  await money.grant(command);
  await expect(money.grant({ ...command, fingerprint: 'g' })).rejects.toMatchObject({ code: 'idempotency_mismatch' });
  await expect(money.set(command)).rejects.toMatchObject({ code: 'idempotency_mismatch' });
  await expect(money.grant({ ...command, accountId: 'b' })).rejects.toMatchObject({ code: 'idempotency_mismatch' });
  expect(await money.grant({ ...command, idempotency: { scope: 'other', key: command.idempotency?.key ?? '' } })).toMatchObject({
    replayed: false,
  });
});

test('a hundred parallel repeats are one grant', async () => {
  const command = request();
  const results = await Promise.all(Array.from({ length: 100 }, () => money.grant(command)));
  expect(fake.applied).toHaveLength(1);
  expect(new Set(results.map((each) => (each.status === 'applied' ? each.available : each.status)))).toEqual(new Set([100]));
  expect(results.filter((each) => each.status === 'applied' && !each.replayed)).toHaveLength(1);
});

test('set, remove and adjust both ways', async () => {
  expect(await money.set(request({ amount: micros(40) }))).toMatchObject({ status: 'applied', previous: 0, available: 40, remaining: 40 });
  expect(await money.remove(request({ amount: micros(15) }))).toMatchObject({
    status: 'applied', previous: 40, available: 25, lotId: null,
  });
  expect(await money.adjust({ ...request(), delta: micros(-5), expiresAtMs: null })).toMatchObject({
    status: 'applied', available: 20, lotId: null,
  });
  expect(await money.adjust({ ...request(), delta: micros(5), expiresAtMs: null })).toMatchObject({
    status: 'applied', available: 25, remaining: 5,
  });
});

test('a refusal is final: the repeat hears it again, even when it would succeed now', async () => {
  const command = { ...request(), amount: micros(15) };
  const first = await money.remove(command);
  expect(first).toMatchObject({ status: 'refused', reason: 'insufficient_credits', available: 0, replayed: false });
  await money.grant(request());
  expect(await money.remove(command)).toEqual({ ...first, replayed: true });
  expect(await states()).toEqual([{ state: 'refused' }, { state: 'pending' }]);
});

test.each([['not_executed', false], ['unknown', false], ['unknown', true]] as const)(
  'a ledger that is away (%s, took effect: %s) leaves a pending intent, and the worker applies it once', async (outcome, takesEffect) => {
    const command = request();
    fake.failNext(outcome, takesEffect);
    expect(await money.grant(command)).toMatchObject({ status: 'pending' });
    expect(await states()).toEqual([{ state: 'pending' }]);
    expect(await replayPending({ db, ledger: fake.ledger }, 0, 10)).toEqual({ applied: 1, refused: 0, pending: 0 });
    expect(await replayPending({ db, ledger: fake.ledger }, 0, 10)).toEqual({ applied: 1, refused: 0, pending: 0 });
    expect(fake.applied).toHaveLength(1);
    expect(await money.grant(command)).toMatchObject({ status: 'applied', replayed: true, available: 100 });
  });

test('a pending grant that is asked for again has the expiry of the first request', async () => {
  let nowMs = 1_000;
  const ask = () => grantCredits({ moneyIn: money, clock: () => nowMs }, {
    accountId: 'a', target: 'a', amount: micros(5), expiryDays: 1, about: '{}', key: { caller: 'me', key: 'asked-twice' },
  });
  fake.failNext('unknown', false);
  const first = await ask();
  nowMs += 60_000;
  fake.failNext('unknown', false);
  expect(first).toMatchObject({ status: 'pending', expiresAtMs: 86_401_000 });
  expect(await ask()).toEqual(first);
});

test('the worker leaves young intents alone, and one that fails for ever does not starve the others', async () => {
  await money.grant(request());
  expect(await replayPending({ db, ledger: fake.ledger }, 60_000, 10)).toEqual({ applied: 0, refused: 0, pending: 0 });
  await money.grant(request());
  fake.failNext('unknown', false);
  expect(await replayPending({ db, ledger: fake.ledger }, 0, 1)).toEqual({ applied: 0, refused: 0, pending: 1 });
  expect(await replayPending({ db, ledger: fake.ledger }, 0, 1)).toEqual({ applied: 1, refused: 0, pending: 0 });
  expect(new Set(fake.calls.slice(-2)).size).toBe(2);
});

test('an intent that the worker finds refused is refused, and one whose entry came is applied', async () => {
  fake.failNext('not_executed', false);
  await money.grant(request());
  fake.freeze(true);
  expect(await replayPending({ db, ledger: fake.ledger }, 0, 10)).toEqual({ applied: 0, refused: 1, pending: 0 });
  expect(await states()).toEqual([{ state: 'refused' }]);
});

test('an answer that was never stored is read from the entry', async () => {
  const command = request({ accountId: 'replaced-below' });
  const account = lab.account();
  await lab.write(account, account.grant('old', 7), account.place('h', 5), account.settle('h', 10));
  fake.failNext('unknown', true);
  const pending = await money.grant({ ...command, accountId: account.accountId });
  const intentId = pending.status === 'pending' ? pending.intentId : 0;
  await lab.write(account, account.grant(lotIdOf(intentId), 100, { key: `intent:${intentId}` }));
  await lab.drain(ALL_SHARDS);
  expect(await money.grant({ ...command, accountId: account.accountId })).toEqual({
    status: 'applied', intentId, replayed: true, lotId: intentId, remaining: 97, expiresAtMs: command.expiresAtMs, previous: 0,
    available: 97, debtPaid: 3,
  });
});

test('without Postgres nothing happens', async () => {
  const away = connectPostgres('postgres://postgres@127.0.0.1:1/none', apiProfile(500));
  await expect(moneyIn({ db: away, ledger: fake.ledger }).grant(request())).rejects.toMatchObject({
    code: 'ledger_unavailable', outcome: 'not_executed',
  });
  expect(fake.calls).toEqual([]);
  await away.destroy();
});

test('Postgres that goes away after the intent leaves it pending, or applied without a stored answer', async () => {
  const dying = connectPostgres(lab.databaseUrl, apiProfile(500));
  const killer = fakeLedger();
  const ledger = {
    ...killer.ledger,
    grantLot: async (command: Parameters<typeof killer.ledger.grantLot>[0]) => {
      const reply = await killer.ledger.grantLot(command);
      await lab.db.raw(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
         and application_name = 'credit-gateway-api'`);
      await lab.db.raw(`alter role current_user set statement_timeout = 0`);
      return reply;
    },
  };
  const command = request();
  expect(await moneyIn({ db: dying, ledger }).grant(command)).toMatchObject({ status: 'applied', replayed: false });
  await dying.destroy();
});
