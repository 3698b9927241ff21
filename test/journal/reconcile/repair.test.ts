import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { compareAccount } from '../../../src/journal/reconcile/compare-account.js';
import { freezeDrifting } from '../../../src/journal/reconcile/freeze-drifting.js';
import { readFindings } from '../../../src/journal/reconcile/finding.table.js';
import { compareAndRecord } from '../../../src/journal/reconcile/reconcile.js';
import { carryOut, planRepair, type RepairPlan } from '../../../src/journal/reconcile/repair-account.js';
import { micros } from '../../../src/kit/money/micros.js';
import { booksOf } from './repair-lab.js';
import { reconcileLab, type ReconcileLab } from './lab.js';

/** Drift is mended when an operator says so, with an entry that names them, and never otherwise. */
let lab: ReconcileLab;
beforeAll(async () => { lab = await reconcileLab(); });
afterAll(async () => { await lab.close(); });

const BY = { source: 'reconciler', actor: 'ops', reason: 'looked at it' } as const;
const at = (accountId: string) => lab.under.keys.account(accountId, 1);
const settle = (accountId: string) => lab.under.ledger.settleHold({
  accountId, holdId: 'h1', cost: micros(2), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: 'f', about: '{}',
});

async function differing(accountId: string): Promise<Extract<RepairPlan, { readonly status: 'differs' }>> {
  const plan = await planRepair(lab.deps, accountId);
  if (plan.status !== 'differs') throw new Error(`expected drift: ${JSON.stringify(plan)}`);
  return plan;
}

const drifts: [string, (accountId: string) => Promise<unknown>][] = [
  ['available', (id) => lab.under.redis.hincrby(at(id).account, 'available', 7)],
  ['a total', (id) => lab.under.redis.hincrby(at(id).account, 'captured', -2)],
  ['the flag', (id) => lab.under.redis.hset(at(id).account, 'frozen', '1')],
  ['a lot', (id) => lab.under.redis.hset(at(id).lot, 'l2', '23:0:23:inf:0')],
  ['a lot that was never granted', (id) =>
    lab.under.redis.multi().hset(at(id).lot, 'l9', '6:0:6:inf:0').zadd(at(id).lots, '+inf', 'l9').exec()],
  ['a lot that is gone', (id) => lab.under.redis.multi().hdel(at(id).lot, 'l2').zrem(at(id).lots, 'l2').exec()],
  ['the index of lots', (id) => lab.under.redis.zrem(at(id).lots, 'l2')],
  ['the amount of a hold', (id) => lab.under.redis.hset(at(id).hold('h1'), 'amount', '9')],
  ['a hold that is gone', (id) => lab.under.redis.multi().del(at(id).hold('h1')).zrem(at(id).open, 'h1').exec()],
  ['a hold that was never placed', (id) => lab.under.redis.multi().hset(at(id).hold('h9'), 'state', 'open', 'amount', '3')
    .zadd(at(id).open, 5_000_000_000_000, 'h9').exec()],
  ['an older number', (id) => lab.under.redis.hset(at(id).account, 'seq', '2')],
  ['a newer number', (id) => lab.under.redis.hset(at(id).account, 'seq', '9')],
];

test.each(drifts)('%s: seen without a change, then repaired with an entry of its own', async (_, drift) => {
  const { db, redis } = lab.under;
  const accountId = await lab.account();
  await lab.under.drain();
  const before = await booksOf(db, accountId);
  await drift(accountId);
  const tampered = await redis.hgetall(at(accountId).account);
  const plan = await differing(accountId);
  expect(plan.differences).not.toEqual([]);
  expect(await redis.hgetall(at(accountId).account)).toEqual(tampered);
  expect(await planRepair(lab.deps, accountId)).toMatchObject({ status: 'differs', seq: 5 });

  expect(await carryOut(lab.deps, plan, 'repair', { accountId, ...BY })).toEqual({ status: 'changed', seq: 5 });
  expect(await compareAccount({ ...lab.deps, drain: lab.under.runDrain }, accountId)).toMatchObject({ result: 'ok', differences: [] });
  expect(await booksOf(db, accountId)).toEqual({ ...before, seq: 5 });
  const { rows } = await db.raw<{ rows: object[] }>(
    `select kind, available, held, debt, granted, captured, expired, removed, about::jsonb
       from entries join entry_details using (account_id, seq) where account_id = ? and seq = 5`, [accountId],
  );
  expect(rows).toMatchObject([{ kind: 'repair', available: 0, held: 0, granted: 0, captured: 0, about: BY }]);
  expect(await planRepair(lab.deps, accountId)).toEqual({ status: 'nothing_to_do' });

  // It is used as if nothing had happened, and its shard is never stopped.
  expect(await settle(accountId)).toMatchObject({ status: 'settled', outcome: { captured: 2, available: 25 } });
  await lab.charge(accountId, 25);
  await lab.under.drain();
  expect(await compareAccount(lab.deps, accountId)).toMatchObject({ result: 'ok', differences: [] });
});

test('an account that was written to since it was seen is not changed', async () => {
  const accountId = await lab.account();
  await lab.under.drain();
  await lab.under.redis.hset(at(accountId).lot, 'l2', '23:0:23:inf:0');
  const plan = await differing(accountId);
  const changes: (() => Promise<unknown>)[] = [
    () => lab.under.redis.hincrby(at(accountId).account, 'seq', 1), () => lab.under.redis.hset(at(accountId).lot, 'l2', '24:0:24:inf:0'),
    () => lab.under.redis.hset(at(accountId).hold('h1'), 'amount', '5'), () => lab.under.redis.zadd(at(accountId).open, 1, 'h2'),
  ];
  for (const change of changes) {
    await change();
    const [figures, length] = [await lab.under.redis.hgetall(at(accountId).account), await lab.under.redis.xlen(at(accountId).journal)];
    for (const kind of ['repair', 'freeze'] as const) {
      expect(await carryOut(lab.deps, plan, kind, { accountId, ...BY })).toEqual({ status: 'not_as_seen' });
    }
    expect(await lab.under.redis.hgetall(at(accountId).account)).toEqual(figures);
    expect(await lab.under.redis.xlen(at(accountId).journal)).toBe(length);
  }
});

test('a stopped shard, and books that contradict themselves, are not repaired', async () => {
  const accountId = await lab.account();
  await lab.under.drain();
  const tamper = (by: number) =>
    lab.tamper(`update lots set remaining = remaining + ? where account_id = ? and lot_id = 'l2'`, [by, accountId]);
  await tamper(-5);
  expect(await planRepair(lab.deps, accountId)).toMatchObject({ status: 'differs', audited: [{ check: 'lots' }] });
  await tamper(5);
  await lab.under.db.raw(`update shards set stopped_reason = 'a test' where shard = ?`, [at(accountId).shard]);
  expect(await planRepair(lab.deps, accountId)).toMatchObject({ status: 'refused', reason: expect.stringContaining('a test') });
  await lab.under.db.raw('update shards set stopped_reason = null where shard = ?', [at(accountId).shard]);
});

test('a drifting account is frozen when configured, as it is, with an event; it can then be repaired and thawed', async () => {
  const { db, ledger, redis } = lab.under;
  const onDrift = (found: Parameters<typeof freezeDrifting>[1]) => freezeDrifting({ ...lab.deps, ledger }, found);
  const freezing = { ...lab.deps, onDrift };
  const [drifting, sound, books] = [await lab.account(), await lab.account(), await lab.account()];
  await lab.under.drain();
  await redis.hincrby(at(drifting).account, 'available', 7);
  await lab.tamper('update lots set remaining = remaining - 5 where account_id = ? and lot_id = ?', [books, 'l2']);
  // Without the setting nothing is done.
  await compareAndRecord(lab.deps, [drifting, sound, books], null);
  expect(await ledger.readBalance(drifting)).toMatchObject({ available: 30 });
  for (let turn = 0; turn < 2; turn += 1) await compareAndRecord(freezing, [drifting, sound, books], null);
  await lab.under.drain();

  const { rows } = await db.raw<{ rows: object[] }>(
    'select account_id, frozen_by from accounts where frozen and account_id = any(?::text[]) order by account_id',
    [[drifting, sound, books]],
  );
  expect(rows).toEqual([drifting, books].sort().map((id) => ({ account_id: id, frozen_by: 'reconciler' })));
  const events = await db.raw<{ rows: { account_id: string }[] }>(`select account_id from events where type = 'account.frozen'`);
  expect(events.rows.map((row) => row.account_id).sort()).toEqual([drifting, books].sort());
  expect(await lab.metric('cg_drift_freezes_total')).toEqual(['cg_drift_freezes_total 2']);
  // Nothing was mended: the finding is still there.
  expect(await redis.hget(at(drifting).account, 'available')).toBe('30');
  expect((await readFindings(db, 100)).filter(({ accountId }) => accountId === drifting)).toHaveLength(1);
  expect(await settle(drifting)).toMatchObject({ status: 'account_frozen' });

  const plan = await differing(drifting);
  expect(await carryOut(lab.deps, plan, 'repair', { accountId: drifting, ...BY })).toMatchObject({ status: 'changed' });
  expect(await settle(drifting)).toMatchObject({ status: 'account_frozen' });
  expect(await ledger.thaw({ accountId: drifting, about: '{}' })).toMatchObject({ status: 'changed' });
  expect(await settle(drifting)).toMatchObject({ status: 'settled', outcome: { available: 25 } });
  await lab.under.drain();
  expect(await compareAccount(lab.deps, drifting)).toMatchObject({ result: 'ok' });
});
