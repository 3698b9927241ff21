import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { MoneyIn } from '../../src/credits/grants/money-in.js';
import { refundCredits } from '../../src/credits/refunds/refund-credits.js';
import { transferCredits } from '../../src/credits/transfers/transfer-credits.js';
import { deliverDue, sweepWebhooks } from '../../src/credits/webhooks/deliver.js';
import { webhooks } from '../../src/credits/webhooks/manage-endpoints.js';
import { micros } from '../../src/kit/money/micros.js';
import type { Post } from '../../src/stores/outbound/post.js';
import { Crashed, doomed, type Doomed } from '../support/crash-points.js';
import { crashLab, type Case, type CrashLab } from './crash-lab.js';

/** Crashes at every call of the flows that move money and its journal (crash-lab.ts). */

const TIMEOUT_MS = 300_000;
const SHARDS = [0, 1, 2, 3];

let lab: CrashLab;
beforeAll(async () => { lab = await crashLab(); }, TIMEOUT_MS);
afterAll(async () => { await lab.under.close(); });

const newAccount = (): string => `c-${randomUUID()}`;
const keyOf = (accountId: string) => ({ scope: 'test', key: accountId });

/** The id of the lot that an account of `funded` begins with. */
const FUNDED_LOT = 'funded';

async function funded(amount: number): Promise<string> {
  const accountId = newAccount();
  await lab.under.ledger.grantLot({
    accountId, lotId: FUNDED_LOT, amount: micros(amount), expiresAtMs: null, key: randomUUID(), kind: 'grant', about: '{}',
  });
  return accountId;
}

const available = async (accountId: string): Promise<number> => (await lab.under.ledger.readBalance(accountId)).available;
const rows = async <Row>(sql: string, values: readonly (string | number)[]): Promise<Row[]> =>
  (await lab.under.db.raw<{ rows: Row[] }>(sql, [...values])).rows;
const crashEverywhere = (begin: () => Promise<Case>, every?: number): Promise<readonly string[]> => lab.crashEverywhere(begin, every);

/** The intents under the key of a case: their states, and how many entries each has. */
const intents = (key: string): Promise<{ state: string; entries: number }[]> => rows(
  `select state, (select count(*)::integer from entries e where e.account_id = m.account_id and e.key = 'intent:' || m.intent_id) as entries
     from money_in m where idempotency_key = ?`, [key],
);

const APPLIED = [{ state: 'applied', entries: 1 }];

/** A request for money of an account that has 100. */
function moneyCase(accountId: string, run: (money: MoneyIn) => Promise<unknown>, left: number): Case {
  return {
    accounts: [accountId],
    run: (process) => run(lab.partsOf(process).moneyIn),
    async allOrNothing() {
      const found = await intents(accountId);
      if (found.length > 0) expect(found).toEqual(APPLIED);
      expect(await available(accountId)).toBe(found.length > 0 ? left : 100);
    },
    async happenedOnce() {
      expect(await intents(accountId)).toEqual(APPLIED);
      expect(await available(accountId)).toBe(left);
    },
  };
}

const request = (accountId: string) => ({ accountId, about: '{}', idempotency: keyOf(accountId), fingerprint: 'f' });

const MONEY: readonly (readonly [string, number, (money: MoneyIn, accountId: string) => Promise<unknown>])[] = [
  ['a grant', 130, (money, accountId) => money.grant({ ...request(accountId), amount: micros(30), expiresAtMs: null })],
  ['a set balance', 30, (money, accountId) => money.set({ ...request(accountId), amount: micros(30), expiresAtMs: null })],
  ['a removal', 70, (money, accountId) => money.remove({ ...request(accountId), amount: micros(30) })],
  ['a revocation', 0, (money, accountId) => money.revoke({ ...request(accountId), lotId: FUNDED_LOT })],
  ['an adjustment upwards', 130, (money, accountId) => money.adjust({ ...request(accountId), delta: micros(30), expiresAtMs: null })],
  ['an adjustment downwards', 70, (money, accountId) => money.adjust({ ...request(accountId), delta: micros(-30), expiresAtMs: null })],
];

test.each(MONEY)('money-in: %s', async (_what, left, run) => {
  const names = await crashEverywhere(async () => {
    const accountId = await funded(100);
    return moneyCase(accountId, (money) => run(money, accountId), left);
  });
  // A server that has not run the script yet gets it by EVAL: each master of a Cluster once.
  expect(names.filter((name) => name !== 'redis: eval')).toEqual(
    ['postgres: insert into money_in', 'redis: evalsha', 'postgres: update money_in']);
}, TIMEOUT_MS);

test('a refund of a charge', async () => {
  const names = await crashEverywhere(async () => {
    const accountId = await funded(100);
    const named = { operation: 'use', caller: 'server.a', key: 'paid' } as const;
    await lab.under.ledger.charge({ accountId, amount: micros(40), key: named, fingerprint: '', price: '', about: '{}' });
        return {
      ...moneyCase(accountId, () => Promise.resolve(), 75),
      run: async (process) => refundCredits(lab.partsOf(process), {
        accountId, of: { entry: 2 }, amount: micros(15), graceMs: null, reason: 'r', actor: 'a', caller: 'server.a',
        key: { caller: 'server.a', key: accountId },
      }),
      async allOrNothing() {
        const found = await intents(accountId);
        if (found.length > 0) expect(found).toEqual(APPLIED);
        expect(await available(accountId)).toBe(found.length > 0 ? 75 : 60);
      },
    };
  });
  expect(names).toEqual(expect.arrayContaining(['postgres: insert into money_in', 'postgres: commit', 'redis: evalsha']));
}, TIMEOUT_MS);

test('a transfer', async () => {
  const names = await crashEverywhere(async () => {
    const [from, to] = [await funded(100), newAccount()];
    const states = () => rows<{ state: string }>('select state from transfers where from_account = ?', [from]);
    const balances = async () => [await available(from), await available(to)];
    return {
      accounts: [from, to],
      run: async (process) => transferCredits(lab.partsOf(process), {
        from, to, amount: micros(30), expiry: 'lots', reason: 'r', actor: 'a', key: { caller: 'server.a', key: from },
      }),
      async allOrNothing() {
        const found = await states();
        if (found.length > 0) expect(found).toEqual([{ state: 'completed' }]);
        expect(await balances()).toEqual(found.length > 0 ? [70, 30] : [100, 0]);
      },
      async happenedOnce() {
        expect(await states()).toEqual([{ state: 'completed' }]);
        expect(await balances()).toEqual([70, 30]);
      },
    };
  });
  expect(names).toEqual(expect.arrayContaining([
    'postgres: insert into transfers', 'postgres: insert into money_in', 'redis: evalsha', 'redis: readStreams', 'postgres: update shards',
    'postgres: commit', 'postgres: update transfers',
  ]));
}, TIMEOUT_MS);

const UNREADABLE = '{"usage":{"service":"a\\u0000b","operation":"o","metadata":{}}}';

/** Four shards, each with an account whose hold was settled and that was charged once. */
async function drainCase(about: string, shardsUsed: readonly number[]): Promise<Case> {
  const accounts = await Promise.all(shardsUsed.map(() => funded(100)));
  for (const accountId of accounts) {
    await lab.under.ledger.placeHold({
      accountId, holdId: 'h', kind: 'test', minimum: micros(30), desired: micros(30), leaseMs: 600_000, expiryPolicy: 'release', price: 'p',
      fingerprint: '', about: '{}',
    });
    await lab.under.ledger.settleHold({
      accountId, holdId: 'h', cost: micros(20), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: '20', about: '{}',
    });
    await lab.under.ledger.charge({ accountId, amount: micros(5), key: null, fingerprint: '', price: '', about });
  }
  const happenedOnce = async (): Promise<void> => {
    for (const accountId of accounts) {
      expect(await rows('select seq, available, held, captured from accounts where account_id = ?', [accountId]))
        .toEqual([{ seq: 4, available: 75, held: 0, captured: 25 }]);
    }
    expect(await Promise.all(SHARDS.map((shard) => lab.under.redis.xlen(lab.under.keys.shard(shard, 1).journal)))).toEqual([0, 0, 0, 0]);
  };
  return { accounts, run: (process) => lab.partsOf(process).drain(SHARDS), allOrNothing: happenedOnce, happenedOnce };
}

test('the drain', async () => {
  expect(await crashEverywhere(() => drainCase('{}', SHARDS))).toEqual(expect.arrayContaining([
    'postgres: select shards', 'redis: streamStates', 'redis: readStreams', 'postgres: copy entries', 'postgres: update shards',
    'postgres: commit', 'redis: evalsha', 'redis: trimStreams',
  ]));
}, TIMEOUT_MS);

test('the drain of a text that Postgres cannot store, which takes many tries', async () => {
  const names = await crashEverywhere(() => drainCase(UNREADABLE, [0]), 29);
  expect(names.length).toBeGreaterThan(2);
}, TIMEOUT_MS);

const LEASE_OVER_MS = 61_000;

test("the webhooks' outbox", async () => {
  const names = await crashEverywhere(async () => {
    const accountId = await funded(100);
    const posts: Post[] = [];
    let clockMs = Date.now();
    const clock = (): number => clockMs;
    const { endpoint: { endpointId } } = await webhooks({ db: lab.under.db, clock, rules: { allowsPrivate: true } }).create({
      settings: {
        url: 'http://127.0.0.1:9/', description: null, eventTypes: [], accountId, accountPrefix: null, lowBalance: null, enabled: true,
      },
      createdBy: 'test', key: null,
    });
    await lab.under.ledger.freeze({ accountId, about: '{}' });
    const receive = (post: Post) => {
      posts.push(post);
      return Promise.resolve({ status: 200, body: '' });
    };
    const run = async (process: Doomed): Promise<void> => {
      clockMs += LEASE_OVER_MS; // what an ended process had begun to send is due again
      const { db, drain } = lab.partsOf(process);
      await drain(SHARDS);
      const started: string[] = [];
      const start = process.wrap('queue: start', (id: string) => Promise.resolve(void started.push(id)));
      await sweepWebhooks({ db, clock, start });
      if (started.includes(endpointId)) await deliverDue({ db, clock, random: () => 0, post: process.wrap('post', receive) }, endpointId);
    };
    return {
      accounts: [accountId], run,
      allOrNothing: () => Promise.resolve(),
      async happenedOnce() {
        await run(lab.living());
        expect(await rows(
          `select state, count(*)::integer as count from webhook_deliveries where endpoint_id = ? group by state`, [endpointId],
        )).toEqual([{ state: 'delivered', count: 1 }]);
        expect(posts.length).toBeGreaterThanOrEqual(1);
        expect(new Set(posts.map(({ headers, body }) => `${headers['webhook-id'] ?? ''} ${body}`)).size).toBe(1);
      },
    };
  });
  expect(names).toEqual(expect.arrayContaining([
    'postgres: insert into events', 'postgres: insert into webhook_deliveries', 'postgres: update webhook_cursor', 'queue: start',
    'postgres: update webhook_deliveries', 'post',
  ]));
}, TIMEOUT_MS);

test('a crash is a crash: nothing after it has an effect', async () => {
  const process = doomed({ db: lab.under.db, redis: lab.under.sharded }, { call: 1, when: 'before' });
  await process.ports.db.raw('select 1');
  await expect(process.ports.redis.readTexts(['x'])).rejects.toThrow(Crashed);
  await expect(process.ports.db.raw('select 1')).rejects.toThrow(Crashed);
  expect(process.calls).toEqual(['postgres: select', 'redis: readTexts']);
});
