import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFindings } from '../../../src/journal/reconcile/finding.table.js';
import {
  claimBatch, pageAfter, readReconcileState, releaseBatch, wantFullRound,
} from '../../../src/journal/reconcile/reconcile-state.table.js';
import { reconcile } from '../../../src/journal/reconcile/reconcile.js';
import { measureDrift } from '../../../src/worker/watch/drift.js';
import { reconcileLab, type ReconcileLab } from './lab.js';

let lab: ReconcileLab;
beforeAll(async () => { lab = await reconcileLab(); });
afterAll(async () => { await lab.close(); });

const keysOf = (accountId: string) => lab.under.keys.account(accountId, 1);
const found = async () =>
  (await readFindings(lab.under.db, 100)).map(({ accountId, check, differenceMicros }) => [accountId, check, differenceMicros]);
const told = async (name: string) => {
  await measureDrift(lab.deps);
  return lab.metric(name);
};

test('a finding is stored, reported and logged once; it is resolved when the drift is gone; nothing is repaired', async () => {
  const [well, ill] = [await lab.account(), await lab.account()];
  await lab.under.drain();
  expect(await reconcile(lab.deps)).toEqual({ compared: 2, drift: 0 });
  expect(await found()).toEqual([]);
  expect(await told('cg_drift_micros{')).toContain('cg_drift_micros{check="balance"} 0');

  await lab.under.redis.hincrby(keysOf(ill).account, 'available', 7);
  expect(await reconcile(lab.deps)).toMatchObject({ drift: 1 });
  expect(await reconcile(lab.deps)).toMatchObject({ drift: 1 });
  expect(await found()).toEqual([[ill, 'balance', 7]]);
  expect(await told('cg_drift_micros{')).toContain('cg_drift_micros{check="balance"} 7');
  expect(await told('cg_drift_accounts{')).toContain('cg_drift_accounts{check="balance"} 1');
  expect(lab.logged.map(({ level, facts }) => [level, (facts as { accountId: string }).accountId])).toEqual([['error', ill]]);
  expect(await lab.under.redis.hget(keysOf(ill).account, 'available')).toBe('30');

  await lab.under.redis.hincrby(keysOf(ill).account, 'available', -7);
  await reconcile(lab.deps);
  expect(await found()).toEqual([]);
  expect(await told('cg_drift_accounts{')).toContain('cg_drift_accounts{check="balance"} 0');
  expect(lab.logged.map(({ level }) => level)).toEqual(['error', 'info']);
  expect(await lab.metric('cg_reconciled_accounts_total{result="drift"}')).toEqual(['cg_reconciled_accounts_total{result="drift"} 2']);
  expect(await lab.under.ledger.readBalance(well)).toEqual({ available: 23, held: 4, debt: 0 });
});

test('a finding in old entries stays open until a complete comparison no longer shows it', async () => {
  const accountId = await lab.account();
  for (let each = 0; each < 60; each += 1) await lab.charge(accountId, 0);
  await lab.under.drain();
  await lab.tamper('update entries set available_after = available_after + 8 where account_id = ? and seq = 2', [accountId]);
  // The round compares samples: it reads only the newest entries.
  await reconcile(lab.deps);
  expect(await found()).toEqual([]);
  await wantFullRound(lab.under.db);
  await reconcile(lab.deps);
  expect(await found()).toEqual([[accountId, 'running_balance', 8]]);
  await reconcile(lab.deps);
  expect(await found()).toEqual([[accountId, 'running_balance', 8]]);
  await lab.tamper('update entries set available_after = available_after - 8 where account_id = ? and seq = 2', [accountId]);
  await reconcile(lab.deps);
  expect(await found()).toEqual([]);
});

test('missing money is found in the sum over all accounts', async () => {
  await lab.tamper(`insert into entries select 'ghost', 1, at, epoch, kind, 5, 0, 0, 5, 0, 0, 0, 0, 0, 5, 0, 0, '', '', 0, '',
     '', '', '' from entries limit 1`);
  await wantFullRound(lab.under.db);
  await reconcile(lab.deps);
  expect(await found()).toEqual([['', 'conservation', 5]]);
  await lab.tamper(`delete from entries where account_id = 'ghost'`);
  await reconcile(lab.deps);
  expect(await found()).toEqual([]);
});

test('an account that only Redis has is found by a scan of Redis', async () => {
  await lab.under.ledger.readAccount('stranger');
  await lab.under.redis.hset(keysOf('stranger').account, 'seq', '3', 'available', '12', 'granted', '12');
  // As many turns as a scan of this file's keys takes.
  for (let turn = 0; turn < 100 && (await found()).length === 0; turn += 1) await reconcile(lab.deps);
  expect(await found()).toEqual([['stranger', 'unknown_account', 12]]);
  await lab.under.redis.del(keysOf('stranger').account);
  await reconcile(lab.deps);
  expect(await found()).toEqual([]);
});

test('every account is compared in turn, by one process at a time', async () => {
  const { db } = lab.under;
  const page = 200;
  const count = 2 * page + 3;
  await Promise.all(Array.from({ length: count }, (_, index) => lab.grant(`many-${index}`, 'l', 1)));
  await lab.under.drain();
  const { rows: [{ total } = { total: 0 }] } = await db.raw<{ rows: { total: number }[] }>('select count(*) as total from accounts');
  const turns: number[] = [];
  const { lastRoundAtMs } = await readReconcileState(db);
  do turns.push((await reconcile(lab.deps)).compared); while ((await readReconcileState(db)).lastRoundAtMs === lastRoundAtMs);
  expect(turns).toEqual([page, page, total - 2 * page]);
  expect(await readReconcileState(db)).toMatchObject({ lastRoundAccounts: total, roundAccounts: 0, roundIsFull: false });

  expect(await claimBatch(db)).not.toBeNull();
  expect(await claimBatch(db)).toBeNull();
  expect(await reconcile(lab.deps)).toEqual({ compared: 0, drift: 0 });
  await releaseBatch(db);
  await wantFullRound(db);
  expect((await reconcile(lab.deps)).compared).toBe(total);
});

test('a page ends early where its accounts have many open holds, and no account is left out', async () => {
  const { db } = lab.under;
  await Promise.all(Array.from({ length: 4 }, () => lab.account())); // one open hold each
  await lab.under.drain();
  const { rows } = await db.raw<{ rows: { id: string; open: number }[] }>(`
    select account_id as id,
           (select count(*) from holds h where h.account_id = a.account_id and state = 'open')::integer as open
      from accounts a order by account_id`);
  const openOf = new Map(rows.map(({ id, open }) => [id, open]));
  for (const openHolds of [1, 2, 1_000]) {
    const seen: string[] = [];
    for (let isOver = false; !isOver;) {
      const { accountIds, isLast } = await pageAfter(db, seen.at(-1) ?? '', { accounts: 50, openHolds });
      const open = accountIds.map((accountId) => openOf.get(accountId) ?? 0);
      expect(open.slice(0, -1).reduce((sum, each) => sum + each, 0)).toBeLessThan(openHolds);
      expect(accountIds.length > 0 || isLast).toBe(true);
      seen.push(...accountIds);
      isOver = isLast;
    }
    expect(seen).toEqual([...openOf.keys()]);
  }
});
