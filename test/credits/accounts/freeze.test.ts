import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFreeze } from '../../../src/books/frozen-account.table.js';
import { freezeAccount, thawAccount, type FreezeDeps } from '../../../src/credits/accounts/freeze-account.js';
import { nameAccount } from '../../../src/credits/accounts/show-account.js';
import { moneyIn, replayPending } from '../../../src/credits/grants/money-in.js';
import { freshen } from '../../../src/journal/freshen.js';
import { carryOut, planRepair } from '../../../src/journal/reconcile/repair-account.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { micros } from '../../../src/kit/money/micros.js';
import { expireForgotten } from '../../../src/worker/jobs/expire-forgotten.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';

let under: DurableLedger;
let deps: FreezeDeps;
beforeAll(async () => {
  under = await durableLedger();
  deps = {
    ledger: under.ledger, freshen: freshen(under.runDrain, under.keys),
    comparing: {
      db: under.db, redis: under.sharded, keys: under.keys, fence: under.fence, drain: under.runDrain, clock: Date.now,
    },
  };
});
afterAll(async () => { await under.close(); });

const away = (): Promise<never> => Promise.reject(new GatewayError('ledger_unavailable', 'Postgres is away', { outcome: 'not_executed' }));
const by = (accountId: string, reason: string) => ({ accountId, reason, actor: 'root' });
const fund = async (): Promise<string> => {
  const accountId = `f-${randomUUID()}`;
  await under.ledger.grantLot({ accountId, lotId: 'l', amount: micros(10), expiresAtMs: null, key: 'g', kind: 'grant', about: '{}' });
  return accountId;
};

test('an acknowledged freeze survives the loss of all of Redis, and so does a thaw', async () => {
  const accountId = await fund();
  expect(await freezeAccount(deps, by(accountId, 'chargeback'))).toEqual({ accountId, frozen: true, changed: true });
  await under.loseRedis();
  expect(await under.ledger.readAccount(accountId)).toMatchObject({ frozen: true, available: 10, seq: 2 });
  expect((await under.ledger.charge({ accountId, amount: micros(1), key: null, fingerprint: '', price: '', about: '{}' })).status)
    .toBe('account_frozen');
  expect(await readFreeze(under.db, accountId)).toMatchObject({ actor: 'root', reason: 'chargeback' });
  expect(await freezeAccount(deps, by(accountId, 'again'))).toMatchObject({ changed: false });
  expect(await readFreeze(under.db, accountId)).toMatchObject({ reason: 'chargeback' });

  expect(await thawAccount(deps, by(accountId, 'paid'))).toEqual({ accountId, frozen: false, changed: true });
  await under.loseRedis();
  expect((await under.ledger.readAccount(accountId)).frozen).toBe(false);
  expect(await readFreeze(under.db, accountId)).toBeNull();
  const { rows } = await under.db.raw<{ rows: { kind: string; about: string }[] }>(
    `select e.kind, d.about from entries e join entry_details d using (account_id, seq) where account_id = ?
       and kind in ('freeze', 'thaw') order by seq`, [accountId]);
  expect(rows.map(({ kind, about }) => [kind, JSON.parse(about) as object])).toEqual([
    ['freeze', { type: 'change', source: 'administration', actor: 'root', reason: 'chargeback' }],
    ['thaw', { type: 'change', source: 'administration', actor: 'root', reason: 'paid' }],
  ]);
});

test('while Postgres is away an account is frozen all the same, by its id', async () => {
  const accountId = await fund();
  const cut = { ...deps, freshen: { account: away }, comparing: { ...deps.comparing, drain: away } };
  const naming = { ledger: under.ledger, freshen: { account: away }, resolveAccount: away };
  expect(await nameAccount(naming, accountId)).toBe(accountId);
  await expect(nameAccount(naming, 'a-name')).rejects.toMatchObject({ code: 'ledger_unavailable' });
  await expect(nameAccount(naming, 'alice@example.com')).rejects.toMatchObject({ code: 'ledger_unavailable' });
  expect(await freezeAccount(cut, by(accountId, 'now'))).toMatchObject({ changed: true });
  expect((await under.ledger.readAccount(accountId)).frozen).toBe(true);
  // Whether it may be thawed is not known.
  await expect(thawAccount(cut, by(accountId, 'now'))).rejects.toMatchObject({ code: 'ledger_unavailable' });
  expect((await under.ledger.readAccount(accountId)).frozen).toBe(true);
});

describe('an account that differs from the books', () => {
  const at = (accountId: string) => under.keys.account(accountId, under.fence.epochOf(under.keys.shardOf(accountId))?.number ?? 0);
  const drifts: [string, (accountId: string) => Promise<unknown>][] = [
    ['its balance', (id) => under.redis.hincrby(at(id).account, 'available', 7)],
    ['a lot', (id) => under.redis.hset(at(id).lot, 'l', '3:0:10:inf:0')],
    ['an older number', (id) => under.redis.hset(at(id).account, 'seq', '1')],
    ['a newer number', (id) => under.redis.hset(at(id).account, 'seq', '9')],
  ];

  test.each(drifts)('%s: is frozen as it is, not thawed before it is repaired, and its shard is never stopped', async (what, drift) => {
    const accountId = await fund();
    await under.ledger.charge({ accountId, amount: micros(1), key: null, fingerprint: '', price: '', about: '{}' });
    await under.drain();
    await drift(accountId);
    const found = await under.redis.hgetall(at(accountId).account);
    expect(await freezeAccount(deps, by(accountId, 'fraud'))).toEqual({ accountId, frozen: true, changed: true });
    expect(await freezeAccount(deps, by(accountId, 'again'))).toMatchObject({ changed: false });
    await under.drain(); // throws when a shard is stopped
    expect(await readFreeze(under.db, accountId)).toMatchObject({ actor: 'root', reason: 'fraud' });
    expect(await under.redis.hgetall(at(accountId).account)).toEqual({ ...found, seq: '3', frozen: '1' });

    if (!what.endsWith('number')) { // the entry of the freeze has the number that the books expect, which mends a wrong one
      await expect(thawAccount(deps, by(accountId, 'cleared'))).rejects.toMatchObject({
        code: 'conflict', message: expect.stringMatching(/expected, .* found.*reconcile repair --account/) as unknown,
      });
      const plan = await planRepair(deps.comparing, accountId);
      if (plan.status !== 'differs') throw new Error(`it should differ: ${plan.status}`);
      await carryOut(deps.comparing, plan, 'repair', { accountId, source: 'administration', actor: 'root', reason: 'the books are right' });
    }
    expect(await thawAccount(deps, by(accountId, 'repaired'))).toMatchObject({ changed: true });
    await under.ledger.charge({ accountId, amount: micros(9), key: null, fingerprint: '', price: '', about: '{}' });
    await under.drain();
    expect(await under.ledger.readAccount(accountId)).toMatchObject({ available: 0, frozen: false });
  });

  test('the flag alone: a freeze that only one side has is completed, a thaw refused', async () => {
    const [inRedis, inBooks] = [await fund(), await fund()];
    await freezeAccount(deps, by(inBooks, 'x'));
    await under.drain();
    await under.redis.hset(at(inRedis).account, 'frozen', '1');
    await under.redis.hset(at(inBooks).account, 'frozen', '0');
    for (const accountId of [inRedis, inBooks]) {
      await expect(thawAccount(deps, by(accountId, 'x'))).rejects.toMatchObject({ code: 'conflict' });
      expect(await freezeAccount(deps, by(accountId, 'y'))).toMatchObject({ changed: true });
      expect(await thawAccount(deps, by(accountId, 'x'))).toMatchObject({ changed: true });
      await under.drain();
      expect(await readFreeze(under.db, accountId)).toBeNull();
    }
  });

  test('in a stopped shard it is frozen, and a thaw is refused', async () => {
    const accountId = await fund();
    await under.drain();
    const stop = (reason: string | null) =>
      under.db.raw('update shards set stopped_reason = ? where shard = ?', [reason, at(accountId).shard]);
    await stop('a test');
    try {
      expect(await freezeAccount(deps, by(accountId, 'x'))).toMatchObject({ changed: true });
      await expect(thawAccount(deps, by(accountId, 'x'))).rejects.toMatchObject({
        code: 'conflict', message: expect.stringContaining('a test') as unknown,
      });
    } finally {
      await stop(null);
    }
    expect(await thawAccount(deps, by(accountId, 'x'))).toMatchObject({ changed: true });
  });
});

test('while Postgres is away a text is not taken for the id of an account whose credits were moved to their owner', async () => {
  const accountId = await fund();
  const naming = { ledger: under.ledger, freshen: { account: away }, resolveAccount: away };
  await under.ledger.revokeLot({ accountId, lotId: 'l', key: 'claim', about: '{}' });
  await expect(nameAccount(naming, accountId)).rejects.toMatchObject({ code: 'ledger_unavailable' });
});

describe('grants to a frozen account', () => {
  test('are refused for good: nothing of them comes later', async () => {
    const accountId = await fund();
    const money = moneyIn({ db: under.db, ledger: under.ledger });
    await freezeAccount(deps, by(accountId, 'x'));
    const grant = () => money.grant({
      accountId, amount: micros(5), expiresAtMs: null, about: '{}', idempotency: { scope: accountId, key: 'k' }, fingerprint: 'f',
    });
    expect(await grant()).toMatchObject({ status: 'refused', reason: 'account_frozen', replayed: false });
    await thawAccount(deps, by(accountId, 'x'));
    expect(await replayPending({ db: under.db, ledger: under.ledger }, 0, 100)).toEqual({ applied: 0, refused: 0, pending: 0 });
    expect(await grant()).toMatchObject({ status: 'refused', reason: 'account_frozen', replayed: true });
    expect((await under.ledger.readBalance(accountId)).available).toBe(10);
  });
});

test('holds that fell due on a frozen account end after the thaw, and keep no others waiting before', async () => {
  const [frozen, other] = [await fund(), await fund()];
  for (const accountId of [frozen, other]) {
    await under.ledger.placeHold({
      accountId, holdId: 'h', minimum: micros(4), desired: micros(4), leaseMs: 60_000, kind: 'test', expiryPolicy: 'release', price: 'p',
      fingerprint: 'f', about: '{}',
    });
  }
  await freezeAccount(deps, by(frozen, 'x'));
  await under.drain();
  under.advance(120_000);
  const clock = (): number => Date.now() + 120_000;
  expect(await expireForgotten({ db: under.db, ledger: under.ledger, clock })).toEqual({ ended: 1 });
  expect((await under.ledger.readAccount(frozen)).held).toBe(4);
  await thawAccount(deps, by(frozen, 'x'));
  expect(await expireForgotten({ db: under.db, ledger: under.ledger, clock })).toEqual({ ended: 1 });
  expect(await under.ledger.readBalance(frozen)).toEqual({ available: 10, held: 0, debt: 0 });
});
