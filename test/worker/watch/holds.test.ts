import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { insertIntent } from '../../../src/books/money-in.table.js';
import { insertQuarantine } from '../../../src/books/quarantine.table.js';
import { micros } from '../../../src/kit/money/micros.js';
import { watchBooks } from '../../../src/worker/watch/books.js';
import { watchHolds } from '../../../src/worker/watch/holds.js';
import { until } from '../../chaos/lab.js';
import { durableLedger, type DurableLedger } from '../../support/durable-ledger.js';
import { testMetrics } from '../../support/gauges.js';

const LEASE_MS = 600_000;
const credits = (amount: number) => micros(amount * 1_000_000);
const metrics = testMetrics();
const onError = (error: unknown): void => { throw error; };
let under: DurableLedger;
let offsetMs = 0;
beforeAll(async () => { under = await durableLedger(); });
afterAll(async () => { await under.close(); });

let stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops) stop();
  stops = [];
});
const advance = (ms: number): void => {
  offsetMs += ms;
  under.advance(ms);
};
const grant = (accountId: string): Promise<unknown> =>
  under.ledger.grantLot({ accountId, lotId: '1', kind: 'grant', amount: credits(10), expiresAtMs: null, key: 'k', about: '' });
const hold = async (accountId: string, holdId: string): Promise<void> => {
  const reply = await under.ledger.placeHold({
    accountId, holdId, minimum: credits(2), desired: credits(2), leaseMs: LEASE_MS, kind: 'test', expiryPolicy: 'release', price: 'p',
    fingerprint: 'f', about: '',
  });
  expect(reply.status).toBe('placed');
};

test('open holds are counted; holds past their lease only after the sweeper should have ended them', async () => {
  await grant('alice');
  await grant('bob');
  await hold('alice', 'h1');
  await hold('alice', 'h:2');
  advance(60_000);
  await hold('bob', 'h1');
  stops.push(watchHolds({ redis: under.sharded, keys: under.keys, epochOf: () => 1, timeOffsetMs: () => offsetMs, metrics, onError }));
  const seen = async () => [await metrics.gauge('cg_holds_open'), await metrics.gauge('cg_holds_overdue')];
  await until('three holds', async () => (await metrics.gauge('cg_holds_open')) === 3);
  expect([await seen(), await metrics.gauge('cg_holds_overdue_seconds')]).toEqual([[3, 0], 0]);

  advance(LEASE_MS - 60_000 + 30_000); // alice's leases ended half a minute ago
  await until('two are overdue', async () => (await metrics.gauge('cg_holds_overdue')) === 2);
  expect(await seen()).toEqual([3, 2]);
  const overdue = await metrics.gauge('cg_holds_overdue_seconds') ?? 0;
  expect(overdue).toBeGreaterThanOrEqual(30);
  expect(overdue).toBeLessThan(60);
});

test('the holds are unknown while the fence is closed', async () => {
  const told: unknown[] = [];
  stops.push(watchHolds({
    redis: under.sharded, keys: under.keys, epochOf: () => undefined, timeOffsetMs: () => offsetMs, metrics,
    onError: (error) => { told.push(error); },
  }));
  await until('a failed look', () => told.length > 0);
  expect(await metrics.gauge('cg_holds_open')).toBeUndefined();
});

test('the books: accounts, holds and pending money-in as Postgres has them', async () => {
  await grant('dave');
  await hold('dave', 'h1');
  await under.ledger.settleHold({
    accountId: 'dave', holdId: 'h1', cost: credits(15), overCapture: 'debt', debtLimit: null, price: 'p', fingerprint: 'f', about: '',
  });
  await under.drain();
  const intent = { kind: 'grant', amount: credits(1), expiresAtMs: null, idempotency: null, fingerprint: 'f', about: '' } as const;
  await insertIntent(under.db, { ...intent, accountId: 'carol' });
  await under.db.transaction((trx) =>
    insertQuarantine(trx, [{ shard: 0, epoch: 1, streamId: '1-0', accountId: 'bob', reason: 'r', payload: '{}' }]));
  stops.push(watchBooks({ db: under.db, clock: () => Date.now() + offsetMs, metrics, onError }));
  await until('the books', async () => (await metrics.gauge('cg_accounts')) !== undefined);
  expect({
    accounts: await metrics.gauge('cg_accounts'), frozen: await metrics.gauge('cg_accounts_frozen'),
    held: await metrics.gauge('cg_credits_held'),
    available: await metrics.gauge('cg_credits_available'), debt: await metrics.gauge('cg_credits_debt'),
    debtors: await metrics.gauge('cg_debtors'),
    pending: await metrics.gauge('cg_money_in_pending'), quarantined: await metrics.gauge('cg_quarantined'),
  }).toEqual({ accounts: 3, frozen: 0, held: 6, available: 14, debt: 5, debtors: 1, pending: 1, quarantined: 1 });
  const age = await metrics.gauge('cg_hold_oldest_seconds') ?? 0;
  expect(age).toBeGreaterThanOrEqual(630);
  expect(age).toBeLessThan(690);
  expect(await metrics.gauge('cg_money_in_oldest_seconds')).toBeLessThan(60);
});
