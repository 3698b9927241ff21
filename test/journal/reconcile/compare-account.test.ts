import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { compareAccount, compareAccounts } from '../../../src/journal/reconcile/compare-account.js';
import { planRepair } from '../../../src/journal/reconcile/repair-account.js';
import { SNAPSHOT_HOLDS_MAX } from '../../../src/kit/limits.js';
import { micros } from '../../../src/kit/money/micros.js';
import { reconcileLab, type ReconcileLab } from './lab.js';

let lab: ReconcileLab;
beforeAll(async () => { lab = await reconcileLab(); });
afterAll(async () => { await lab.close(); });

const keysOf = (accountId: string) =>
  lab.under.keys.account(accountId, lab.under.fence.epochOf(lab.under.keys.shardOf(accountId))?.number ?? 0);
const compare = (accountId: string) => compareAccount(lab.deps, accountId);
const drifts = async (accountId: string) => (await compare(accountId)).differences.map(({ check, micros: amount }) => [check, amount]);

describe('what agrees', () => {
  test('an account that was never drained is drained, and compared at its last entry', async () => {
    const accountId = await lab.account();
    expect(await compare(accountId)).toEqual({
      accountId, shard: lab.under.keys.shardOf(accountId), seq: 4, result: 'ok', reason: null, differences: [],
    });
  });

  test('due lots, due holds, used-up lots, revoked lots, debt, a freeze: as they are stored', async () => {
    const accountId = await lab.account();
    const { ledger } = lab.under;
    await lab.grant(accountId, 'l3', 5, (await lab.under.nowMs()) + 1_000);
    await ledger.revokeLot({ accountId, lotId: 'l2', key: 'revoke', about: '{}' });
    await ledger.grantLot({
      accountId, lotId: 'l4', amount: micros(5), expiresAtMs: null, key: 'ruled', kind: 'grant', about: '{}', rule: '10;gpt%3A4&b;f',
    });
    await ledger.placeHold({
      accountId, holdId: 'h2', minimum: micros(5), desired: micros(5), leaseMs: 1_000, kind: 'test', expiryPolicy: 'release', price: 'p',
      fingerprint: 'f', about: '{}',
    });
    await ledger.settleHold({
      accountId, holdId: 'h1', cost: micros(50), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: 'x', about: '{}',
    });
    await ledger.freeze({ accountId, about: '{}' });
    lab.under.advance(2_000);
    expect(await compare(accountId)).toMatchObject({ result: 'ok', differences: [] });
  });

  test('an account unknown to Redis, one unknown to both, one that Redis lost', async () => {
    const accountId = await lab.account();
    expect(await compare(`nobody-${randomUUID()}`)).toMatchObject({ result: 'ok', seq: null });
    await lab.under.drain();
    await lab.under.loseRedis();
    expect(await compare(accountId)).toMatchObject({ result: 'ok', seq: null });
    await lab.under.ledger.readAccount(accountId);
    expect(await compare(accountId)).toMatchObject({ result: 'ok', seq: 4 });
  });
});

test('constant load is never reported as drift', async () => {
  const accountIds = await Promise.all(Array.from({ length: 6 }, () => lab.account()));
  let isOver = false;
  let writes = 0;
  let writesMeanwhile = 0;
  const write = async (accountId: string, nth: number): Promise<void> => {
    const { ledger } = lab.under;
    for (let each = 0; !isOver; each += 1) {
      const holdId = `w${nth}-${each}`;
      if (each % 25 === 0) await lab.grant(accountId, `g${nth}-${each}`, 150);
      await ledger.placeHold({
        accountId, holdId, minimum: micros(2), desired: micros(2), leaseMs: 600_000, kind: 'test', expiryPolicy: 'release', price: 'p',
        fingerprint: 'f', about: '{}',
      });
      writes += 1;
      await lab.charge(accountId, 3);
      writes += 1;
      await ledger.settleHold({
        accountId, holdId, cost: micros(each % 4), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: 'x',
        about: '{}',
      });
      writes += 1;
      await sleep(1); // leaves time to other users of the machine
    }
  };
  const drainAlong = async (): Promise<void> => {
    while (!isOver) {
      await lab.under.runDrain([0, 1, 2, 3]);
      await sleep(20);
    }
  };
  // Two writers on each of the first accounts, none on the last: some are never idle, one always is.
  const working = [...accountIds.slice(0, 5).flatMap((accountId) => [write(accountId, 1), write(accountId, 2)]), drainAlong()];
  const results = new Map<string, number>();
  try {
    for (let round = 0; round < 8; round += 1) {
      const before = writes;
      for (const { result, differences } of await compareAccounts(lab.deps, accountIds, { newest: round % 2 === 0 ? 50 : null })) {
        expect(differences).toEqual([]);
        results.set(result, (results.get(result) ?? 0) + 1);
      }
      writesMeanwhile += writes - before;
    }
  } finally {
    isOver = true;
    await Promise.all(working);
  }
  expect(writesMeanwhile).toBeGreaterThan(8); // a fast comparison may find none in one round
  expect([...results.keys()].filter((result) => result !== 'ok' && result !== 'busy')).toEqual([]);
  expect((await compareAccounts(lab.deps, accountIds, { newest: null })).map(({ result }) => result)).toEqual(accountIds.map(() => 'ok'));
});

describe('an account with many open holds', () => {
  const HOLDS = 60;
  const busy = async (holds = HOLDS): Promise<string> => {
    const accountId = await lab.account();
    await lab.grant(accountId, 'l3', 10_000);
    await Promise.all(Array.from({ length: holds }, (_, index) => lab.under.ledger.placeHold({
      accountId, holdId: `many-${index.toString().padStart(2, '0')}`, minimum: micros(2), desired: micros(2), leaseMs: 600_000 + index,
      kind: 'test', expiryPolicy: 'release', price: 'p', fingerprint: 'f', about: '{}',
    })));
    await lab.under.drain();
    return accountId;
  };
  const readsOfHolds = async (): Promise<number> =>
    Number(/cmdstat_hmget:calls=(\d+)/.exec(await lab.under.redis.info('commandstats'))?.[1] ?? 0);

  test.each([
    ['the first to end', 'many-00'], ['one in the middle', 'many-30'], ['the last to end', 'many-59'],
  ])('at rest each hold is compared: %s', async (_, holdId) => {
    const accountId = await busy();
    expect(await compare(accountId)).toMatchObject({ result: 'ok', differences: [] });
    await lab.under.redis.hset(keysOf(accountId).hold(holdId), 'amount', '9');
    expect(await drifts(accountId)).toEqual([['holds', 7]]);
    await lab.under.redis.del(keysOf(accountId).hold(holdId));
    expect(await drifts(accountId)).toEqual([['holds', 2]]);
    await lab.under.redis.zrem(keysOf(accountId).open, holdId);
    const { differences } = await compare(accountId);
    expect(differences.map(({ check, micros: amount }) => [check, amount])).toEqual([['holds', 2]]);
  });

  test('written to all the time: its holds are not listed, balances are compared in each look', async () => {
    const accountId = await busy();
    await lab.charge(accountId, 1);
    const drain = async (shards: readonly number[]) => {
      await lab.charge(accountId, 1); // after the look at Redis, before the look at Postgres
      return lab.under.runDrain(shards);
    };
    const before = await readsOfHolds();
    const [comparison] = await compareAccounts({ ...lab.deps, drain }, [accountId], { newest: 50 });
    expect(comparison).toMatchObject({ result: 'busy', differences: [] });
    // Four looks with twenty holds each, and a few reads of scripts that charge.
    expect(await readsOfHolds() - before).toBeLessThan(2 * HOLDS);
  });

  test('a difference that was seen before it was written to all the time is told', async () => {
    const accountId = await busy();
    await lab.under.redis.hset(keysOf(accountId).hold('many-03'), 'amount', '9');
    const drain = async (shards: readonly number[]) => {
      await lab.charge(accountId, 1);
      return lab.under.runDrain(shards);
    };
    const [comparison] = await compareAccounts({ ...lab.deps, drain }, [accountId], { newest: 50 });
    expect(comparison).toMatchObject({ result: 'drift', differences: [{ check: 'holds', micros: 7 }] });
  });

  describe('a report that is not journaled renews a lease in Redis only, so the soonest holds are not the same in both', () => {
    /** The hold that ends first, and with it is first in both lists, ends last in Redis. */
    const renewed = async (holds: number): Promise<string> => {
      const accountId = await busy(holds);
      const report = (leaseMs: number) => lab.under.ledger.reportProgress({
        accountId, holdId: 'many-00', reported: micros(0), usage: '', raiseTo: null, leaseMs, defaultLeaseMs: 1_000,
        price: 'p', about: '{}',
      });
      await report(300_000);
      await lab.under.drain();
      const seq = await lab.under.redis.hget(keysOf(accountId).account, 'seq');
      await report(6_000_000);
      expect(await lab.under.redis.hget(keysOf(accountId).account, 'seq')).toBe(seq);
      return accountId;
    };

    test('seen in part', async () => {
      const accountId = await renewed(HOLDS);
      const drain = async (shards: readonly number[]) => {
        await lab.charge(accountId, 1);
        return lab.under.runDrain(shards);
      };
      const [comparison] = await compareAccounts({ ...lab.deps, drain }, [accountId], { newest: 50 });
      expect(comparison).toMatchObject({ result: 'busy', differences: [] });
    });

    test('with more holds than are ever listed', async () => {
      const accountId = await renewed(SNAPSHOT_HOLDS_MAX + 20);
      expect(await compare(accountId)).toMatchObject({ result: 'ok', differences: [] });
      expect(await planRepair(lab.deps, accountId, 'freeze')).toEqual({ status: 'nothing_to_do' });
      await lab.under.redis.hset(keysOf(accountId).hold('many-30'), 'amount', '9');
      expect(await drifts(accountId)).toEqual([['holds', 7]]);
      await lab.under.redis.del(keysOf(accountId).hold('many-30'));
      expect(await drifts(accountId)).toEqual([['holds', 2]]);
      await lab.under.redis.zrem(keysOf(accountId).open, 'many-30');
      expect((await compare(accountId)).differences).toEqual([{
        check: 'holds', expected: `${SNAPSHOT_HOLDS_MAX + 21} open`, actual: `${SNAPSHOT_HOLDS_MAX + 20} open`, micros: 0,
      }]);
    });
  });
});

test('a shard that another process drains for long is lag, not drift', async () => {
  const accountId = await lab.account();
  const shard = lab.under.keys.shardOf(accountId);
  await lab.under.db.transaction(async (trx) => {
    await trx.raw('select from shards where shard = ? for update', [shard]);
    expect(await compare(accountId)).toMatchObject({ result: 'failed', reason: 'Postgres has not caught up', differences: [] });
  });
  expect(await compare(accountId)).toMatchObject({ result: 'ok' });
});

test('a stopped shard is not drift, and the result says that it is stopped', async () => {
  const accountId = await lab.account();
  const shard = lab.under.keys.shardOf(accountId);
  await lab.under.db.raw(`update shards set stopped_reason = 'fork' where shard = ?`, [shard]);
  expect(await compare(accountId)).toMatchObject({ result: 'failed', reason: 'its shard is stopped: fork', differences: [] });
  await lab.under.db.raw('update shards set stopped_reason = null where shard = ?', [shard]);
});

describe('manual changes are found, to the micro', () => {
  const tampered = async (change: (accountId: string) => Promise<unknown>): Promise<(readonly (string | number)[])[]> => {
    const accountId = await lab.account();
    await lab.under.drain();
    await change(accountId);
    return drifts(accountId);
  };

  test.each<[string, (accountId: string) => Promise<unknown>, (readonly (string | number)[])[]]>([
    ['available in Redis', (id) => lab.under.redis.hincrby(keysOf(id).account, 'available', 7), [['balance', 7]]],
    ['a total in Redis', (id) => lab.under.redis.hincrby(keysOf(id).account, 'captured', -2), [['balance', 2]]],
    ['the flag in Redis', (id) => lab.under.redis.hset(keysOf(id).account, 'frozen', '1'), [['balance', 0]]],
    ['a lot in Redis', (id) => lab.under.redis.hset(keysOf(id).lot, 'l2', '23:0:23:inf:0'), [['lots', 3]]],
    ['a lot that is gone', (id) => lab.under.redis.hdel(keysOf(id).lot, 'l2'), [['lots', 20]]],
    ['a lot that cannot be spent', (id) => lab.under.redis.zrem(keysOf(id).lots, 'l2'), [['lots', 20]]],
    ['a lot that was never granted', (id) => lab.under.redis.hset(keysOf(id).lot, 'l9', '6:0:6:inf:0'), [['lots', 6]]],
    ['a hold in Redis', (id) => lab.under.redis.hset(keysOf(id).hold('h1'), 'amount', '9'), [['holds', 5]]],
    ['a hold that is gone', (id) => lab.under.redis.del(keysOf(id).hold('h1')), [['holds', 4]]],
    ['an open hold that is not listed', (id) => lab.under.redis.zrem(keysOf(id).open, 'h1'), [['holds', 4]]],
    ['a Redis with an older seq', (id) => lab.under.redis.hset(keysOf(id).account, 'seq', '3'), [['balance', 3]]],
    ['a Redis with a newer seq', (id) => lab.under.redis.hset(keysOf(id).account, 'seq', '9'), [['sequence', 0]]],
    ['a lot in Postgres', (id) => lab.tamper(`update lots set remaining = remaining - 5 where account_id = ? and lot_id = 'l2'`, [id]), [[
      'lots', 5,
    ]]],
    ['a hold in Postgres', (id) => lab.tamper(`update holds set amount = 6 where account_id = ?`, [id]), [['holds', 2]]],
    ['a balance in Postgres', (id) => lab.tamper(
      `update accounts set available = available + 1, captured = captured - 1 where account_id = ?`, [id],
    ), [['balance', 1], ['running_balance', 1], ['lots', 1]]],
    ['an entry in Postgres', (id) => lab.tamper(
      `update entries set available_after = available_after + 8 where account_id = ? and seq = 2`, [id],
    ), [['running_balance', 8]]],
    ['an entry that is gone', (id) => lab.tamper(`delete from entries where account_id = ? and seq = 3`, [
      id,
    ]), [['sequence', 0], ['running_balance', 4]]],
    ['the first entry, gone', (id) => lab.tamper(`delete from entries where account_id = ? and seq = 1`, [
      id,
    ]), [['sequence', 0], ['running_balance', 10]]],
    ['the last entry, gone', (id) => lab.tamper(`delete from entries where account_id = ? and seq = 4`, [
      id,
    ]), [['sequence', 0], ['running_balance', 3]]],
  ])('%s', async (_, change, expected) => {
    expect(await tampered(change)).toEqual(expected);
  });

  test('entries that Postgres never got, because the stream lost them', async () => {
    const accountId = await lab.account();
    await lab.under.drain();
    await lab.charge(accountId, 2);
    await lab.under.redis.xtrim(keysOf(accountId).journal, 'MAXLEN', 0);
    expect(await drifts(accountId)).toEqual([['sequence', 2]]);
  });

  test('an account that only Redis has', async () => {
    const accountId = `stranger-${randomUUID()}`;
    await lab.under.ledger.readAccount(accountId);
    await lab.under.redis.hset(keysOf(accountId).account, 'seq', '3', 'available', '12', 'granted', '12');
    const { differences } = await compare(accountId);
    expect(differences.map(({ check, micros: amount }) => [check, amount])).toEqual([['unknown_account', 12]]);
  });
});
