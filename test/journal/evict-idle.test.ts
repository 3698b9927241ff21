import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { accountSource } from '../../src/books/load-account.js';
import { evictIdle, type EvictDeps } from '../../src/journal/evict-idle.js';
import { readResident } from '../../src/journal/eviction-state.table.js';
import { compareAccount } from '../../src/journal/reconcile/compare-account.js';
import { GatewayError } from '../../src/kit/errors.js';
import { createMetrics, type Metrics } from '../../src/kit/metrics/metrics.js';
import { micros } from '../../src/kit/money/micros.js';
import { beginLoad, writeAccount } from '../../src/ledger/hydrate.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';
import { throwawayRedis } from '../support/servers.js';

/** What Postgres has whole leaves Redis, and comes back as it was. */

const DAY_MS = 86_400_000;

let server: Awaited<ReturnType<typeof throwawayRedis>>;
let operator: Redis;
let under: DurableLedger;
beforeAll(async () => {
  // A scan takes as many steps as the server has keys, and the shared one has those of all other tests.
  server = await throwawayRedis();
  operator = new Redis(server.operatorUrl);
  under = await durableLedger({ onRedis: server.url });
});
afterAll(async () => {
  await under.close();
  operator.disconnect();
  await server.stop();
});
beforeEach(async () => { await under.db.raw(`update eviction_state set last_round_at = null, scan_cursor = '0'`); });

const grant = (accountId: string, amount: number, expiresAtMs: number | null = null) => under.ledger.grantLot({
  accountId, lotId: randomUUID().slice(0, 8), amount: micros(amount), expiresAtMs, key: `intent:${randomUUID()}`, kind: 'grant',
  about: '{}',
});
const place = (accountId: string, holdId: string, amount = 5) => under.ledger.placeHold({
  accountId, holdId, minimum: micros(amount), desired: micros(amount), leaseMs: 3_600_000, kind: 'test', expiryPolicy: 'release',
  price: 'p', fingerprint: 'f', about: '{}',
});
const settle = (accountId: string, holdId: string, cost = 3) => under.ledger.settleHold({
  accountId, holdId, cost: micros(cost), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: 'f', about: '{}',
});
const charge = (accountId: string, amount: number) => under.ledger.charge({
  accountId, amount: micros(amount), key: null, fingerprint: '', price: '', about: '{}',
});
const account = (): string => `e-${randomUUID()}`;

/** The keys that an account has in Redis, but those of receipts and ended holds. */
async function keysOf(accountId: string): Promise<string[]> {
  const { keys, redis } = under;
  const { account: key, lots, lot, open, limits, ticket } = keys.account(accountId, 1);
  const names = [key, lots, lot, open, limits, ticket];
  const there = await Promise.all(names.map((each) => redis.exists(each)));
  return names.filter((_, index) => there[index] === 1);
}

const evictDeps = (metrics: Metrics, over: Partial<EvictDeps> = {}): EvictDeps => ({
  db: under.db, redis: under.sharded, keys: under.keys, fence: under.fence, clock: () => Date.now() + DAY_MS,
  idleMs: DAY_MS / 2, metrics, ...over,
});

/** Turns until a round ends. */
async function round(metrics: Metrics, over: Partial<EvictDeps> = {}): Promise<number> {
  let evicted = 0;
  do evicted += (await evictIdle(evictDeps(metrics, over))).evicted;
  while ((await under.db.raw<{ rows: { on: boolean }[] }>(`select scan_cursor <> '0' as on from eviction_state`)).rows[0]?.on === true);
  return evicted;
}

/** Tests do not wait for a day: an account was loaded when its record says so. */
const loadedLongAgo = (accountId: string) => under.redis.hset(under.keys.account(accountId, 1).account, 'loaded_ms', '1');

test('idle accounts leave with everything, stay gone until they are used, and are then as they were', async () => {
  const metrics = createMetrics({ version: 'test', defaults: false });
  const [idle, held, loaded, busy] = [account(), account(), account(), account()];
  for (const each of [idle, held, loaded, busy]) {
    await grant(each, 100);
    await grant(each, 50, Date.now() + DAY_MS * 30);
    await place(each, 'h1', 20);
    await settle(each, 'h1', 13);
    await loadedLongAgo(each);
  }
  await place(held, 'h2');
  await under.drain();
  await charge(busy, 1); // Postgres does not have it
  await under.redis.hset(under.keys.account(loaded, 1).account, 'loaded_ms', Date.now());
  const before = await under.ledger.readAccount(idle);
  expect(await round(metrics, { idleMs: DAY_MS * 2 })).toBe(0);
  await under.db.raw('update eviction_state set last_round_at = null');

  expect(await round(metrics)).toBe(1);
  expect(await keysOf(idle)).toEqual([]);
  expect(await under.redis.zscore(under.keys.account(idle, 1).lotsDue, idle)).toBeNull();
  for (const each of [held, loaded, busy]) expect(await keysOf(each)).not.toEqual([]);
  expect(await readResident(under.db)).toBe(3);
  expect(await metrics.text()).toContain('cg_evictions_total{result="evicted"} 1');
  expect(await metrics.text()).toContain('cg_evictions_total{result="changed"} 1');
  // A round that has just ended is not repeated.
  expect(await evictIdle(evictDeps(metrics))).toEqual({ found: 0, evicted: 0 });

  // The repeat of what was done before it left gets its first answer, and a correction is charged once.
  expect(await settle(idle, 'h1', 13)).toMatchObject({ status: 'settled', replayed: true });
  expect(await under.ledger.readAccount(idle)).toEqual(before);
  expect(await charge(idle, 7)).toMatchObject({ status: 'charged', available: 130 });
  await under.drain();
  expect(await compareAccount({ ...evictDeps(metrics), drain: under.runDrain }, idle)).toMatchObject({ result: 'ok', differences: [] });
});

test('accounts without an entry leave at the next round, whatever was asked of them; one with its first entry stays', async () => {
  const metrics = createMetrics({ version: 'test', defaults: false });
  const accounts = Array.from({ length: 3 }, account);
  const [read = '', refused = '', bound = ''] = accounts;
  await under.ledger.readBalance(read);
  expect(await place(refused, 'h1')).toMatchObject({ status: 'insufficient_credits' });
  await under.ledger.setTerms(bound, { version: 1, terms: { maxHold: micros(20), overCapture: null, debtLimit: null } });
  const used = account();
  await under.ledger.readBalance(used);
  await grant(used, 5); // Postgres does not have it
  for (const each of accounts) expect(await keysOf(each)).not.toEqual([]);

  // Accounts of other tests are not idle for that long.
  expect(await round(metrics, { idleMs: DAY_MS * 2 })).toBe(3);
  for (const each of accounts) expect(await keysOf(each)).toEqual([]);
  expect(await metrics.text()).toContain('cg_evictions_total{result="changed"} 1');
  expect(await metrics.text()).toContain('cg_evictions_total{result="differs"} 0');
  expect(await under.ledger.readBalance(used)).toMatchObject({ available: 5 });
  // In Postgres, it is as new as any account that is in use.
  await under.drain();
  await under.db.raw('update eviction_state set last_round_at = null');
  expect(await round(metrics, { idleMs: DAY_MS * 2 })).toBe(0);
  expect(await keysOf(used)).not.toEqual([]);
  // One that has come back and got its first entry waits for the drain like all others.
  await grant(read, 7);
  expect(await under.evict(read)).toBe('changed');
  expect(await charge(read, 2)).toMatchObject({ status: 'charged', available: 5 });
});

test('an account that drifts stays, so that nothing is mended in silence', async () => {
  const metrics = createMetrics({ version: 'test', defaults: false });
  const tamperings: ((accountId: string) => Promise<unknown>)[] = [
    (id) => under.redis.hincrby(under.keys.account(id, 1).account, 'captured', 1),
    async (id) => {
      const { lot } = under.keys.account(id, 1);
      const [lotId = '', facts = ''] = await under.redis.call('HGETALL', lot) as string[];
      await under.redis.hset(lot, lotId, facts.replace(/^\d+/, '99'));
    },
    (id) => under.redis.hset(under.keys.account(id, 1).lot, 'another', '1:0:1:inf:1'),
    (id) => under.redis.zadd(under.keys.account(id, 1).lots, 5, 'another'),
    (id) => under.redis.hset(under.keys.account(id, 1).limits, 'version', '7'),
    (id) => under.redis.hset(under.keys.account(id, 1).account, 'frozen', '1'),
  ];
  const accounts = tamperings.map(account);
  for (const each of accounts) await grant(each, 10);
  await under.drain();
  for (const [index, tamper] of tamperings.entries()) {
    const accountId = accounts[index] ?? '';
    await tamper(accountId);
    expect(await under.evict(accountId)).toBe('differs');
    expect(await keysOf(accountId)).not.toEqual([]);
  }
  expect(await metrics.text()).not.toContain('result="evicted"} 1');
});

test('what was read from Postgres before an account was loaded, changed and evicted is never written', async () => {
  const accountId = account();
  await grant(accountId, 100);
  await under.drain();
  expect(await under.evict(accountId)).toBe('evicted');
  const { redis, keys, fence, db } = under;
  const at = keys.account(accountId, 1);
  const epoch = fence.epochOf(at.shard);
  if (epoch === null) throw new Error('the shard is closed');
  const source = accountSource({ db, clock: Date.now });
  const begin = async (): Promise<string> => {
    const begun = await beginLoad(redis, at, epoch);
    return begun.status === 'ticket' ? begun.ticket : begun.status;
  };

  const slow = { ticket: await begin(), image: await source.loadAccount(accountId) };
  // Another process shares the ticket, finishes first, and everything is spent.
  expect(await charge(accountId, 100)).toMatchObject({ status: 'charged', available: 0 });
  expect(await begin()).toBe('already_loaded');
  await under.drain();
  expect(await under.evict(accountId)).toBe('evicted');
  expect(await writeAccount(redis, at, epoch, slow.ticket, accountId, slow.image)).toBe('stale');
  // Nor when a third load has begun.
  const third = await begin();
  expect(third).not.toBe(slow.ticket);
  expect(await writeAccount(redis, at, epoch, slow.ticket, accountId, slow.image)).toBe('stale');
  expect(await keysOf(accountId)).toEqual([at.ticket]);
  expect(await charge(accountId, 1)).toMatchObject({ status: 'insufficient_credits', available: 0 });
});

/** These evictions wait for nothing, so an account may leave between its load and the script that needs it, again and again. */
async function patient<T>(run: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof GatewayError) || error.outcome !== 'not_executed') throw error;
    }
  }
}

test('eviction between and beside holds, ends and the drain changes no answer', async () => {
  const accounts = Array.from({ length: 6 }, account);
  for (const each of accounts) await grant(each, 1_000);
  await under.drain();
  let isOver = false;
  let evicted = 0;
  const evictor = async (): Promise<void> => {
    for (let turn = 0; !isOver; turn += 1) {
      if (await under.evict(accounts[turn % accounts.length] ?? '') === 'evicted') evicted += 1;
    }
  };
  const drainer = async (): Promise<void> => { while (!isOver) await under.drain(); };
  const user = async (accountId: string): Promise<void> => {
    for (let index = 0; index < 10; index += 1) {
      const holdId = `h${index}`;
      expect(await patient(() => place(accountId, holdId, 5))).toMatchObject({ status: 'placed', replayed: false });
      expect(await patient(() => place(accountId, holdId, 5))).toMatchObject({ status: 'placed', replayed: true });
      expect(await patient(() => settle(accountId, holdId, 3))).toMatchObject({ status: 'settled', replayed: false });
      // Lets the drain and the eviction come in between.
      await under.drain();
      await under.evict(accountId);
      expect(await patient(() => settle(accountId, holdId, 3))).toMatchObject({ status: 'settled', replayed: true });
      expect(await patient(() => under.ledger.readBalance(accountId))).toMatchObject({ available: 1_000 - 3 * (index + 1), held: 0 });
    }
  };
  const others = [evictor(), evictor(), drainer()];
  try {
    await Promise.all(accounts.map(user));
  } finally {
    isOver = true;
    await Promise.all(others);
  }
  await under.drain();
  expect(evicted).toBeGreaterThan(0);
  const metrics = createMetrics({ version: 'test', defaults: false });
  for (const each of accounts) {
    await patient(() => under.ledger.readBalance(each));
    expect(await compareAccount({ ...evictDeps(metrics), drain: under.runDrain }, each)).toMatchObject({ result: 'ok', differences: [] });
  }
});

test('an idle account takes about 600 bytes, and none after it has left', async () => {
  const accounts = Array.from({ length: 10 }, account);
  await Promise.all(accounts.map((each) => grant(each, 10)));
  await under.drain();
  const bytesOf = async (accountId: string): Promise<number> => {
    const sizes = await Promise.all((await keysOf(accountId)).map((key) => operator.memory('USAGE', key)));
    return sizes.reduce<number>((sum, size) => sum + Number(size), 0);
  };
  const [first = ''] = accounts;
  const bytes = await bytesOf(first);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(700);
  for (const each of accounts) expect(await under.evict(each)).toBe('evicted');
  for (const each of accounts) expect(await bytesOf(each)).toBe(0);
});
