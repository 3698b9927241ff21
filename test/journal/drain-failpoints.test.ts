import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Failpoint } from '../../src/journal/drain-batch.js';
import type { Db, Trx } from '../../src/stores/postgres/connect.js';
import { ALL_SHARDS, contradictions, drainLab, type DrainLab } from './drain-lab.js';

let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });

const FAILPOINTS: readonly Failpoint[] = ['after_lock', 'after_read', 'before_commit', 'after_commit', 'after_trim'];

/** Throws the n-th time it passes `name`. */
const crashAt = (name: Failpoint, pass: number) => {
  let passes = 0;
  return (at: Failpoint): void => {
    if (at !== name) return;
    passes += 1;
    if (passes === pass) throw new Error(`crashed at ${name}`);
  };
};

for (const name of FAILPOINTS) {
  for (const pass of [1, 2]) {
    test(`a crash at ${name}, pass ${pass}, and a restart leave every entry written once`, async () => {
      const accounts = ALL_SHARDS.map((shard) => lab.account(shard));
      const doomed = lab.drainWith({ failpoint: crashAt(name, pass) });
      const run = async (): Promise<void> => {
        await doomed(ALL_SHARDS).catch((error: unknown) => { expect(String(error)).toContain('crashed'); });
      };
      for (const account of accounts) await lab.write(account, account.grant('l1', 100, { key: 'k' }), account.place('h1', 60));
      await run();
      for (const account of accounts) await lab.write(account, account.settle('h1', 70), account.grant('l2', 5));
      await run();
      await run();
      const report = await lab.drain(ALL_SHARDS);
      expect(report.stopped).toEqual([]);
      for (const { accountId } of accounts) {
        expect(await lab.rows('select seq, available, held, captured from accounts where account_id = ?', [accountId]))
          .toEqual([{ seq: 4, available: 35, held: 0, captured: 70 }]);
      }
      expect(await contradictions(lab)).toEqual([]);
      expect(await Promise.all(ALL_SHARDS.map((shard) => lab.redis.xlen(lab.keys.shard(shard, 1).journal)))).toEqual([0, 0, 0, 0]);
    });
  }
}

test('a paused process loses its lock, and its later writes are rolled back', async () => {
  const account = lab.account(0);
  await lab.write(account, account.grant('l1', 100));
  // As if the server had ended the session of a paused process (idle_in_transaction_session_timeout).
  const paused = lab.drainWith({
    failpoint: async (at) => {
      if (at !== 'after_read') return;
      await lab.db.raw(`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and state = 'idle in transaction'`);
      await lab.drain([0]);
    },
  });
  await expect(paused([0])).rejects.toMatchObject({ code: 'ledger_unavailable' });
  expect(await lab.drain([0])).toMatchObject({ entries: 0, stopped: [] });
  expect(await lab.rows('select seq from accounts where account_id = ?', [account.accountId])).toEqual([{ seq: 1 }]);
});

/** A database in which another process moves the cursors in spite of the lock, right before this drain does. */
const withMovedCursors = (db: Db): Db => new Proxy(db, {
  get: (target, name) => (name !== 'transaction' ? Reflect.get(target, name) as unknown
    : (work: (trx: Trx) => Promise<unknown>) => target.transaction((trx) => work(new Proxy(trx, {
      get: (inner, property) => (property !== 'raw' ? Reflect.get(inner, property) as unknown
        : (sql: string, bindings: string[] = []): unknown => {
          // Statements of a connection are carried out in the order in which they are sent.
          if (sql.includes('set last_id = moved')) void inner.raw(`update shards set last_id = '1-1'`).then(() => undefined);
          return inner.raw<unknown>(sql, bindings);
        }),
    })))),
});

test('a batch whose cursor has moved is rolled back, and written by the next run', async () => {
  const account = lab.account(0);
  await lab.write(account, account.grant('l1', 100));
  await expect(lab.drainWith({ db: withMovedCursors(lab.db) })([0])).rejects.toThrow('a cursor was moved under our lock');
  expect(await lab.rows('select seq from entries where account_id = ?', [account.accountId])).toEqual([]);
  expect(await lab.drain([0])).toMatchObject({ entries: 1, stopped: [] });
});

test('a shard that another process drains is skipped', async () => {
  await lab.db.transaction(async (trx) => {
    await trx.raw('select * from shards where shard = 1 for update');
    expect(await lab.drain([0, 1])).toMatchObject({ busy: [1] });
  });
});
