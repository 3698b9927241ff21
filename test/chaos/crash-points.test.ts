import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { moneyIn, replayPending, type MoneyIn } from '../../src/credits/grants/money-in.js';
import { refundCredits } from '../../src/credits/refunds/refund-credits.js';
import { resumeTransfers } from '../../src/credits/transfers/resume-transfers.js';
import { transferCredits } from '../../src/credits/transfers/transfer-credits.js';
import { deliverDue, sweepWebhooks } from '../../src/credits/webhooks/deliver.js';
import { webhooks } from '../../src/credits/webhooks/manage-endpoints.js';
import { freshen } from '../../src/journal/freshen.js';
import { compareAccount } from '../../src/journal/reconcile/compare-account.js';
import { micros } from '../../src/kit/money/micros.js';
import type { Post } from '../../src/stores/outbound/post.js';
import { checkPostgres } from '../support/books-postgres.js';
import { Crashed, doomed, type Doomed } from '../support/crash-points.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';
import { volume } from '../support/volume.js';

/**
 * Crashes at every point at which a process waits for another one: before its call was sent, and after it was executed. The
 * points are not listed but counted: each flow runs again and again, and ends one call later each time, until it ends by
 * itself. Then other processes do what the worker's jobs do, and crash once at the same call; and the caller repeats its request.
 */

const TIMEOUT_MS = 300_000;
const SHARDS = [0, 1, 2, 3];

let lab: DurableLedger;
beforeAll(async () => { lab = await durableLedger(); }, TIMEOUT_MS);
afterAll(async () => { await lab.close(); });

/** One run of a flow, with accounts of its own. */
type Case = {
  readonly accounts: readonly string[];
  /** What the process does that crashes; the caller repeats it. */
  readonly run: (process: Doomed) => Promise<unknown>;
  /** What must hold when the jobs have run: all of it has happened, or nothing. */
  readonly allOrNothing: () => Promise<void>;
  /** What must hold when the caller has repeated it. */
  readonly happenedOnce: () => Promise<void>;
};

/** Parts of a process. */
const partsOf = ({ ports }: Doomed) => {
  const { ledger, drain } = lab.processOn(ports);
  const money = { db: ports.db, ledger };
  return { ...money, drain, freshen: freshen(drain, lab.keys), moneyIn: moneyIn(money) };
};
const living = (): Doomed => doomed({ db: lab.db, redis: lab.sharded }, null);
const rows = async <Row>(sql: string, values: readonly (string | number)[]): Promise<Row[]> =>
  (await lab.db.raw<{ rows: Row[] }>(sql, [...values])).rows;

/**
 * The jobs of a worker that move money or its journal. They run whatever the flow is: none may spoil the work of another. A drain
 * marks intents as applied, so what a crash left pending is applied again only before it.
 */
async function jobs(process: Doomed, first: 'drain' | 'replay'): Promise<void> {
  const parts = partsOf(process);
  if (first === 'drain') await parts.drain(SHARDS);
  await replayPending(parts, 0, 100);
  await resumeTransfers(parts, 0, 100);
  await parts.drain(SHARDS);
}

async function ended(process: Doomed, work: (process: Doomed) => Promise<unknown>): Promise<void> {
  try {
    await work(process);
  } catch (error) {
    if (!process.isDead()) throw error;
  }
}

async function agree(accounts: readonly string[]): Promise<void> {
  const deps = { db: lab.db, redis: lab.sharded, keys: lab.keys, fence: lab.fence, drain: lab.runDrain };
  for (const accountId of accounts) expect(await compareAccount(deps, accountId)).toMatchObject({ result: 'ok', differences: [] });
}

/** In the suite every third call, before it and after another one; in a soak each. */
const EVERY = volume(3, 1);

/** Runs a flow with a crash at each of its calls, or at every n-th of a long one. Returns the names of the calls. */
async function crashEverywhere(begin: () => Promise<Case>, every = EVERY): Promise<readonly string[]> {
  await (await begin()).run(living()); // teaches Redis the scripts
  const whole = living();
  await (await begin()).run(whole);
  for (const when of ['before', 'after'] as const) {
    for (let call = when === 'before' ? 0 : Math.floor(every / 2); ; call += every) {
      const { accounts, run, allOrNothing, happenedOnce } = await begin();
      const process = doomed({ db: lab.db, redis: lab.sharded }, { call, when });
      await ended(process, run);
      const [first, then] = when === 'before' ? ['drain', 'replay'] as const : ['replay', 'drain'] as const;
      const at = `${when} call ${call}, ${process.calls[call] ?? 'none'}`;
      try {
        await ended(doomed({ db: lab.db, redis: lab.sharded }, { call, when }), (worker) => jobs(worker, first));
        await jobs(living(), then);
        await agree(accounts);
        await allOrNothing();
        await run(living());
        await jobs(living(), 'replay');
        await agree(accounts);
        await happenedOnce();
      } catch (error) {
        throw new Error(`after a crash ${at}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
      if (!process.isDead()) break;
    }
  }
  const wrong = (await checkPostgres(lab.db, Date.now()))
    .filter(({ wrongCount, check }) => wrongCount > 0 && !check.includes('quarantined'));
  expect(wrong).toEqual([]);
  return whole.calls;
}

const newAccount = (): string => `c-${randomUUID()}`;
const keyOf = (accountId: string) => ({ scope: 'test', key: accountId });

async function funded(amount: number): Promise<string> {
  const accountId = newAccount();
  await lab.ledger.grantLot({
    accountId, lotId: randomUUID().slice(0, 8), amount: micros(amount), expiresAtMs: null, key: randomUUID(), kind: 'grant', about: '{}',
  });
  return accountId;
}

const available = async (accountId: string): Promise<number> => (await lab.ledger.readBalance(accountId)).available;

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
    run: (process) => run(partsOf(process).moneyIn),
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
  ['an adjustment', 70, (money, accountId) => money.adjust({ ...request(accountId), delta: micros(-30), expiresAtMs: null })],
];

test.each(MONEY)('money-in: %s', async (_what, left, run) => {
  const names = await crashEverywhere(async () => {
    const accountId = await funded(100);
    return moneyCase(accountId, (money) => run(money, accountId), left);
  });
  expect(names).toEqual(['postgres: insert into money_in', 'redis: evalsha', 'postgres: update money_in']);
}, TIMEOUT_MS);

test('a refund of a charge', async () => {
  const names = await crashEverywhere(async () => {
    const accountId = await funded(100);
    const named = { operation: 'use', caller: 'server.a', key: 'paid' } as const;
    await lab.ledger.charge({ accountId, amount: micros(40), key: named, fingerprint: '', price: '', about: '{}' });
        return {
      ...moneyCase(accountId, () => Promise.resolve(), 75),
      run: async (process) => refundCredits(partsOf(process), {
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
      run: async (process) => transferCredits(partsOf(process), {
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
    await lab.ledger.placeHold({
      accountId, holdId: 'h', kind: 'test', minimum: micros(30), desired: micros(30), leaseMs: 600_000, expiryPolicy: 'release', price: 'p',
      fingerprint: '', about: '{}',
    });
    await lab.ledger.settleHold({
      accountId, holdId: 'h', cost: micros(20), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: '20', about: '{}',
    });
    await lab.ledger.charge({ accountId, amount: micros(5), key: null, fingerprint: '', price: '', about });
  }
  const happenedOnce = async (): Promise<void> => {
    for (const accountId of accounts) {
      expect(await rows('select seq, available, held, captured from accounts where account_id = ?', [accountId]))
        .toEqual([{ seq: 4, available: 75, held: 0, captured: 25 }]);
    }
    expect(await Promise.all(SHARDS.map((shard) => lab.redis.xlen(lab.keys.shard(shard, 1).journal)))).toEqual([0, 0, 0, 0]);
  };
  return { accounts, run: (process) => partsOf(process).drain(SHARDS), allOrNothing: happenedOnce, happenedOnce };
}

test('the drain', async () => {
  expect(await crashEverywhere(() => drainCase('{}', SHARDS))).toEqual(expect.arrayContaining([
    'postgres: select shards', 'redis: streamStates', 'redis: readStreams', 'postgres: insert into entries', 'postgres: update shards',
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
    const { endpoint: { endpointId } } = await webhooks({ db: lab.db, clock, rules: { allowsPrivate: true } }).create({
      settings: {
        url: 'http://127.0.0.1:9/', description: null, eventTypes: [], accountId, accountPrefix: null, lowBalance: null, enabled: true,
      },
      createdBy: 'test', key: null,
    });
    await lab.ledger.freeze({ accountId, about: '{}' });
    const receive = (post: Post) => {
      posts.push(post);
      return Promise.resolve({ status: 200, body: '' });
    };
    const run = async (process: Doomed): Promise<void> => {
      clockMs += LEASE_OVER_MS; // what an ended process had begun to send is due again
      const { db, drain } = partsOf(process);
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
        await run(living());
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
  const process = doomed({ db: lab.db, redis: lab.sharded }, { call: 1, when: 'before' });
  await process.ports.db.raw('select 1');
  await expect(process.ports.redis.readTexts(['x'])).rejects.toThrow(Crashed);
  await expect(process.ports.db.raw('select 1')).rejects.toThrow(Crashed);
  expect(process.calls).toEqual(['postgres: select', 'redis: readTexts']);
});
