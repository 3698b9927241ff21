import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { compareAccount } from '../../src/journal/reconcile/compare-account.js';
import { scanAccounts } from '../../src/journal/reconcile/scan-accounts.js';
import { micros } from '../../src/kit/money/micros.js';
import { expireHolds, expireLots } from '../../src/worker/jobs/expire-due.js';
import { expireForgotten } from '../../src/worker/jobs/expire-forgotten.js';
import { AWKWARD_IDS } from '../support/awkward-ids.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';

/** Accounts of any id, through all that reads keys and members of indexes back: sweeps, scans, rebuilds, comparisons. */
let under: DurableLedger;
beforeAll(async () => { under = await durableLedger(); });
afterAll(async () => { await under.close(); });

const LEASE_MS = 60_000;
const shards = [0, 1, 2, 3];
const place = (accountId: string, holdId: string) => under.ledger.placeHold({
  accountId, holdId, kind: 'test', minimum: micros(5), desired: micros(5), leaseMs: LEASE_MS, expiryPolicy: 'release', price: 'p',
  fingerprint: 'f', about: '{}',
});
const settle = (accountId: string, holdId: string, cost: number) => under.ledger.settleHold({
  accountId, holdId, cost: micros(cost), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: 'f', about: '{}',
});
const each = <T>(work: (accountId: string) => Promise<T>): Promise<T[]> => Promise.all(AWKWARD_IDS.map(work));
const sweep = () => {
  const deps = {
    ledger: under.ledger, redis: under.sharded, keys: under.keys, epochOf: (shard: number) => under.fence.epochOf(shard)?.number,
    timeOffsetMs: () => offsetMs,
  };
  return Promise.all([expireHolds(deps, shards), expireLots(deps, shards)]);
};
let offsetMs = 0;
const advance = (ms: number): void => {
  offsetMs += ms;
  under.advance(ms);
};
const agree = async (): Promise<void> => {
  await under.drain();
  const { db, sharded: redis, keys, fence, runDrain: drain } = under;
  for (const comparison of await each((accountId) => compareAccount({ db, redis, keys, fence, drain }, accountId))) {
    expect(comparison).toMatchObject({ result: 'ok', differences: [] });
  }
};

test('grant, hold, settle, freeze, expire, lose Redis, rebuild, reconcile', async () => {
  const now = await under.nowMs();
  await each(async (accountId) => {
    const lot = { accountId, kind: 'grant', about: '{}' } as const;
    await under.ledger.grantLot({ ...lot, lotId: 'l1', amount: micros(100), expiresAtMs: null, key: 'k1' });
    await under.ledger.grantLot({ ...lot, lotId: 'l2', amount: micros(7), expiresAtMs: now + 2 * LEASE_MS, key: 'k2' });
    for (const holdId of ['settled:1', 'due:1', 'lost:1']) expect((await place(accountId, holdId)).status).toBe('placed');
    expect((await settle(accountId, 'settled:1', 3)).status).toBe('settled');
    await under.ledger.freeze({ accountId, about: '{}' });
    expect((await place(accountId, 'frozen')).status).toBe('account_frozen');
    await under.ledger.thaw({ accountId, about: '{}' });
  });
  await agree();

  const found = new Set<string>();
  for (let cursor = '0'; ;) {
    const step = await scanAccounts({ redis: under.sharded, keys: under.keys, fence: under.fence }, cursor);
    for (const accountId of step.accountIds) found.add(accountId);
    cursor = step.cursor;
    if (cursor === '0') break;
  }
  expect([...found].sort()).toEqual([...AWKWARD_IDS].sort());

  await under.loseRedis();
  // Accounts that no request loads are found by what is overdue in Postgres.
  advance(LEASE_MS + 10_000);
  const [first] = AWKWARD_IDS;
  expect((await settle(first ?? '', 'due:1', 4)).status).toBe('settled');
  const clock = (): number => Date.now() + offsetMs;
  expect((await expireForgotten({ db: under.db, ledger: under.ledger, clock })).ended).toBeGreaterThanOrEqual(2 * AWKWARD_IDS.length - 1);
  await each(async (accountId) => {
    expect(await place(accountId, 'settled:1')).toMatchObject({ status: 'hold_resolved', outcome: { captured: 3 } });
    expect((await place(accountId, 'again:1')).status).toBe('placed');
  });

  // Loaded from Postgres with an open hold, whose member the load script writes.
  await under.drain();
  await under.loseRedis();
  await each((accountId) => under.ledger.readBalance(accountId));
  advance(2 * LEASE_MS);
  const [holds, lots] = await sweep();
  expect(holds).toEqual({ due: AWKWARD_IDS.length, ended: AWKWARD_IDS.length });
  expect(lots.ended).toBe(lots.due);
  expect((await sweep())[0]).toEqual({ due: 0, ended: 0 });
  for (const { held, seq } of await each((accountId) => under.ledger.readAccount(accountId))) expect([held, seq > 0]).toEqual([0, true]);
  await agree();
});

test.each([['a:b', 'c', 'a', 'b:c'], ['q%3Ar', 'c', 'q:r', 'c'], ['x y', 'h', 'x%20y', 'h']])(
  'holds (%j, %j) and (%j, %j) are two', async (account, hold, other, otherHold) => {
    for (const accountId of [account, other]) {
      await under.ledger.grantLot({
        accountId, lotId: `l-${hold}`, amount: micros(10), expiresAtMs: null, kind: 'grant', key: `k-${hold}`, about: '{}',
      });
    }
    const before = await Promise.all([account, other].map((accountId) => under.ledger.readBalance(accountId)));
    expect(await place(account, hold)).toMatchObject({ status: 'placed', replayed: false });
    expect(await place(other, otherHold)).toMatchObject({ status: 'placed', replayed: false });
    expect((await settle(account, hold, 2)).status).toBe('settled');
    advance(LEASE_MS + 1);
    await sweep();
    const after = await Promise.all([account, other].map((accountId) => under.ledger.readBalance(accountId)));
    expect(after.map(({ available }, index) => available - (before[index]?.available ?? 0))).toEqual([-2, 0]);
    expect((await settle(other, otherHold, 1)).status).toBe('settled');
    await under.drain();
  },
);
