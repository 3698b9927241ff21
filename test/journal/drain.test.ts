import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readHistory } from '../../src/books/history.js';
import { readLags } from '../../src/journal/journal-streams.js';
import { ALL_SHARDS, contradictions, drainLab, type DrainLab } from './drain-lab.js';

let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });

const ABOUT = JSON.stringify({ usage: { service: 'chat', operation: 'gpt-4', metadata: { tokens: 7 } } });

test('the history of an account becomes rows that add up', async () => {
  const account = lab.account();
  await lab.write(account,
    account.grant('l1', 100, { key: 'k1', about: JSON.stringify({ source: 'purchase', actor: 'admin', reason: 'paid', notes: 'thanks' }) }),
    account.grant('l2', 50, { expiresAtMs: Date.now() + 86_400_000 }),
    account.place('h1', 120, { about: '{"model":"m"}', fingerprint: 'fp', price: 'p1' }),
    account.settle('h1', 30, { about: ABOUT, fingerprint: 'end' }),
    account.debit('charge', 20, { about: JSON.stringify({ usage: { service: 's', operation: 'o', credits: 5, metadata: {} } }) }),
    account.place('h2', 10),
    account.voidHold('h2'),
    account.place('h3', 10),
    account.expireHold('h3'),
    account.lateSettle('h3', 4, { about: ABOUT }),
    account.place('h4', 60),
    account.place('h5', 5),
    account.settle('h4', 200, { about: '{}' }),
    account.debit('remove', 0, { key: 'r1' }),
  );
  const report = await lab.drain(ALL_SHARDS);
  expect(report).toMatchObject({ entries: 14, redelivered: 0, stopped: [], busy: [] });
  expect(await contradictions(lab)).toEqual([]);
  expect(await lab.rows('select seq, available, held, debt, granted, captured from accounts where account_id = ?', [account.accountId]))
    .toEqual([{ seq: 14, available: 0, held: 5, debt: account.balance.debt, granted: 150, captured: 254 }]);
  expect(await lab.rows(
    'select hold_id, state, amount, captured, released, overage, debt, late, ended_seq from holds where account_id = ? order by hold_id',
    [account.accountId],
  )).toEqual([
    { hold_id: 'h1', state: 'settled', amount: 120, captured: 30, released: 90, overage: 0, debt: 0, late: false, ended_seq: 4 },
    { hold_id: 'h2', state: 'voided', amount: 10, captured: 0, released: 10, overage: 0, debt: 0, late: false, ended_seq: 7 },
    { hold_id: 'h3', state: 'settled', amount: 10, captured: 4, released: 10, overage: 4, debt: 0, late: true, ended_seq: 10 },
    {
      hold_id: 'h4', state: 'settled', amount: 60, captured: 200, released: 0, overage: 140, debt: account.balance.debt,
      late: false, ended_seq: 13,
    },
    { hold_id: 'h5', state: 'open', amount: 5, captured: 0, released: 0, overage: 0, debt: 0, late: false, ended_seq: null },
  ]);
  expect(await lab.rows('select seq, service, operation, credits, metadata from usage_records where account_id = ? order by seq', [
    account.accountId,
  ])).toEqual([
    { seq: 4, service: 'chat', operation: 'gpt-4', credits: 30, metadata: '{"tokens":7}' },
    { seq: 5, service: 's', operation: 'o', credits: 5, metadata: '{}' },
    { seq: 10, service: 'chat', operation: 'gpt-4', credits: 4, metadata: '{"tokens":7}' },
  ]);
  expect(await lab.rows(
    'select source, actor, reason, notes, closed_at is not null as closed from lots where account_id = ? and lot_id = ?',
    [account.accountId, 'l1'],
  ))
    .toEqual([{ source: 'purchase', actor: 'admin', reason: 'paid', notes: 'thanks', closed: true }]);
});

test('ends arrive in a later batch than their holds, and a hold id may be used again', async () => {
  const account = lab.account();
  await lab.write(account, account.grant('l1', 100), account.place('h', 10), account.place('late', 10));
  await lab.drain(ALL_SHARDS);
  await lab.write(account, account.settle('h', 5), account.place('h', 7), account.expireHold('late'), account.lateSettle('late', 3));
  expect(await lab.drain(ALL_SHARDS)).toMatchObject({ entries: 4, batches: 1, stopped: [] });
  await lab.write(account, account.voidHold('h'));
  await lab.drain(ALL_SHARDS);
  expect(await lab.rows('select hold_id, placed_seq, state from holds where account_id = ? order by placed_seq', [
    account.accountId,
  ])).toEqual([
    { hold_id: 'h', placed_seq: 2, state: 'settled' },
    { hold_id: 'late', placed_seq: 3, state: 'settled' },
    { hold_id: 'h', placed_seq: 5, state: 'voided' },
  ]);
  expect(await contradictions(lab)).toEqual([]);
});

test('a stream that is read again from its start changes nothing', async () => {
  const account = lab.account();
  const shard = lab.keys.shardOf(account.accountId);
  const keep = lab.drainWith({ tailMs: 3_600_000 });
  await lab.write(account, account.grant('l1', 100), account.place('h', 10), account.settle('h', 4));
  await keep([shard]);
  const before = await lab.rows('select * from accounts order by account_id');
  await lab.db.raw(`update shards set last_id = '0-0' where shard = ?`, [shard]);
  await lab.write(account, account.debit('charge', 1));
  const report = await keep([shard]);
  expect(report).toMatchObject({ entries: 1, stopped: [] });
  expect(report.redelivered).toBeGreaterThanOrEqual(3);
  expect(await lab.rows('select seq from accounts where account_id = ?', [account.accountId])).toEqual([{ seq: 4 }]);
  expect(before.length).toBeGreaterThan(0);
  expect(await contradictions(lab)).toEqual([]);
});

test('two concurrent drains write every entry once', async () => {
  const accounts = Array.from({ length: 20 }, () => lab.account());
  const racers = [lab.drainWith({}), lab.drainWith({})];
  let isWriting = true;
  const races = racers.map(async (drain) => {
    while (isWriting) await drain(ALL_SHARDS);
    return drain(ALL_SHARDS);
  });
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(accounts.map(async (account) =>
      lab.write(account, account.grant(`l${round}`, 100), account.place(`h${round}`, 50), account.settle(`h${round}`, 20))));
  }
  isWriting = false;
  await Promise.all(races);
  await lab.drain(ALL_SHARDS);
  expect(await lab.rows('select count(*)::integer as n from entries where account_id = any(?::text[])', [
    accounts.map(({ accountId }) => accountId) as unknown as string,
  ]))
    .toEqual([{ n: 20 * 60 }]);
  expect(await contradictions(lab)).toEqual([]);
});

test('more than a batch is drained in one run, and a busy shard does not starve a quiet one', async () => {
  const busy = lab.account(0);
  const quiet = lab.account(1);
  const entries = Array.from({ length: 2_500 }, (_, index) => busy.grant(`l${index}`, 1));
  const pipeline = lab.redis.pipeline();
  for (const entry of entries) pipeline.xadd(lab.keys.shard(0, 1).journal, '*', ...entry);
  await pipeline.exec();
  await lab.write(quiet, quiet.grant('l', 1));
  const sizes: number[] = [];
  const report = await lab.drainWith({
    observe: { batch: ({ entries: size, agesMs }) => { sizes.push(size); expect(agesMs).toHaveLength(size); } },
  })(ALL_SHARDS);
  expect(report.entries).toBe(2_501);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_003);
  expect(sizes.length).toBeGreaterThanOrEqual(3);
});

test('the stream keeps its tail after the commit, and no longer', async () => {
  const account = lab.account(2);
  const { journal } = lab.keys.shard(2, 1);
  let nowMs = Date.now();
  const drain = lab.drainWith({ tailMs: 60_000, clock: () => nowMs });
  await lab.write(account, account.grant('l1', 1));
  await drain([2]);
  nowMs += 59_000;
  await lab.write(account, account.grant('l2', 1));
  await drain([2]);
  expect(await lab.redis.xlen(journal)).toBe(2);
  nowMs += 1_000;
  await drain([2]);
  expect(await lab.redis.xlen(journal)).toBe(1);
  nowMs += 60_000;
  await drain([2]);
  expect(await lab.redis.xlen(journal)).toBe(0);
});

test('the lag counts waiting entries, without trimmed ones, and its age', async () => {
  const account = lab.account(3);
  const lag = async () => {
    const { epoch, lastId, drained } = await lab.shard(3);
    return (await readLags(lab.sharded, [{ key: lab.keys.shard(3, epoch).journal, afterId: lastId, drained }])).lags[0];
  };
  expect(await lag()).toEqual({ waiting: 0, oldestAtMs: null });
  await lab.write(account, account.grant('l1', 1), account.grant('l2', 1));
  await lab.drain([3]);
  expect(await lag()).toEqual({ waiting: 0, oldestAtMs: null });
  const [oldest = ''] = await lab.write(account, account.grant('l3', 1), account.grant('l4', 1), account.grant('l5', 1));
  expect(await lag()).toEqual({ waiting: 3, oldestAtMs: Number(oldest.split('-')[0]) });
  await lab.drain([3]);
});

test('an entry of a month without a partition creates it', async () => {
  const account = lab.account();
  await lab.write(account, account.grant('l1', 1, { atMs: Date.UTC(2031, 4, 31, 23, 59, 59, 999) }));
  expect(await lab.drain(ALL_SHARDS)).toMatchObject({ entries: 1, stopped: [] });
  expect(await lab.rows(`select to_regclass('entries_2031_05') is not null as made`)).toEqual([{ made: true }]);
});

test('history is paged from the newest, by the sequence', async () => {
  const account = lab.account();
  await lab.write(
    account,
    ...Array.from({ length: 5 }, (_, index) => account.grant(`l${index}`, 1, { key: `k${index}`, about: `{"source":"s${index}"}` })),
    account.debit('charge', 1),
  );
  await lab.drain(ALL_SHARDS);
  const first = await readHistory(lab.db, { accountId: account.accountId, limit: 4 });
  expect(first.entries.map(({ seq }) => seq)).toEqual([6, 5, 4, 3]);
  expect(first.entries[1]).toMatchObject({ kind: 'grant', key: 'k4', about: '{"source":"s4"}', availableAfter: 5 });
  const second = await readHistory(lab.db, { accountId: account.accountId, limit: 4, before: first.next ?? 0 });
  expect(second).toMatchObject({ entries: [{ seq: 2 }, { seq: 1 }], next: null });
  expect((await readHistory(lab.db, { accountId: account.accountId, kinds: ['charge'] })).entries).toHaveLength(1);
});

test('the observer gets each new entry once, with the time its hold was placed', async () => {
  const account = lab.account(3);
  const told: (readonly [seq: number, kind: string, placedAtMs: number | null])[] = [];
  const drain = lab.drainWith({
    tailMs: 3_600_000,
    observe: { batch: ({ fresh }) => { told.push(...fresh.filter(({ entry }) => entry.accountId === account.accountId)
      .map(({ entry, placedAtMs }) => [entry.seq, entry.kind, placedAtMs] as const)); } },
  });
  const placedAtMs = Date.now() - 60_000;
  await lab.write(
    account, account.grant('l1', 100), account.place('h1', 10, { atMs: placedAtMs }),
    account.place('h2', 10, { atMs: placedAtMs + 1 }), account.settle('h1', 4),
  );
  await drain([3]);
  await lab.write(account, account.expireHold('h2'), account.lateSettle('h2', 3, { about: ABOUT }));
  await lab.db.raw(`update shards set last_id = '0-0' where shard = 3`);
  // A text that Postgres cannot store: the batch is written again, entry by entry.
  await lab.write(account, account.debit('charge', 1, { fingerprint: 'a\0b' }));
  expect(await drain([3])).toMatchObject({ stopped: [] });
  expect(told).toEqual([
    [1, 'grant', null], [2, 'place', null], [3, 'place', null], [4, 'settle', placedAtMs],
    [5, 'expire_hold', placedAtMs + 1], [6, 'late_settle', placedAtMs + 1], [7, 'charge', null],
  ]);
});
