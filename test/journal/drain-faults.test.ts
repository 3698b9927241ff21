import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { insertIntent } from '../../src/books/money-in.table.js';
import { raiseEpoch } from '../../src/books/shards.table.js';
import { micros } from '../../src/kit/money/micros.js';
import { ALL_SHARDS, contradictions, drainLab, soundShards, type DrainLab } from './drain-lab.js';
import { forged } from './simulated-account.js';

let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });

beforeEach(() => soundShards(lab));

const entriesOf = (accountId: string): Promise<{ seq: number }[]> =>
  lab.rows('select seq from entries where account_id = ? order by seq', [accountId]);

test('a fork stops its own shard with an error, and no other shard', async () => {
  const account = lab.account(0);
  const other = lab.account(1);
  const fork = account.grant('l1', 100);
  await lab.write(account, fork);
  await lab.drain(ALL_SHARDS);
  await lab.write(account, forged(fork, { granted: '101', available: '101', available_after: '101' }));
  await lab.write(other, other.grant('l1', 5));
  const stopped: [number, string][] = [];
  const report = await lab.drainWith({ observe: { stopped: (shard, reason) => { stopped.push([shard, reason]); } } })(ALL_SHARDS);
  expect(stopped).toHaveLength(1);
  expect(stopped[0]).toEqual([0, expect.stringContaining(`fork: account ${account.accountId} has another entry 1`)]);
  expect(report.stopped).toEqual([{ shard: 0, reason: stopped[0]?.[1] }]);
  expect(await entriesOf(other.accountId)).toHaveLength(1);
  // It stays stopped, and reports it, until a new epoch starts.
  await lab.write(account, account.grant('l2', 1));
  expect(await lab.drain(ALL_SHARDS)).toMatchObject({ entries: 0, stopped: [{ shard: 0 }] });
  expect(await entriesOf(account.accountId)).toHaveLength(1);
});

test('a gap stops the shard after the entries before it are written', async () => {
  const account = lab.account(2);
  const [first, , third] = [account.grant('l1', 100), account.grant('lost', 1), account.grant('l3', 1)];
  await lab.write(account, first, third);
  expect(await lab.drain(ALL_SHARDS)).toMatchObject({ stopped: [{ shard: 2, reason: expect.stringContaining('gap') }] });
  expect(await entriesOf(account.accountId)).toEqual([{ seq: 1 }]);
  expect(await contradictions(lab)).toEqual([]);
});

test('balances that do not follow, lots that were never opened and holds that ended twice stop the shard', async () => {
  const cases = [
    { forge: { available_after: '999' }, reason: 'do not follow' },
    { forge: { captured: '7' }, reason: 'entries_conserve' },
    { forge: { lots: 'unknown:-1:0' }, reason: 'never opened' },
    { forge: { kind: 'settle', hold: 'nobody' }, reason: 'ends hold nobody, which is unknown' },
    { forge: { kind: 'mystery' }, reason: 'unknown kind' },
    { forge: { seq: 'x' }, reason: 'not integer text' },
    { forge: { account: 'user-of-another-shard-1' }, reason: 'is not of this shard' },
  ];
  for (const { forge, reason } of cases) {
    const account = lab.account(3);
    await lab.write(account, account.grant('l1', 100), forged(account.debit('charge', 1), forge));
    expect(await lab.drain([3])).toMatchObject({ stopped: [{ shard: 3, reason: expect.stringContaining(reason) }] });
    expect(await entriesOf(account.accountId)).toEqual([{ seq: 1 }]);
    await lab.db.transaction(async (trx) => raiseEpoch(trx, 3, (await lab.shard(3)).epoch));
  }
});

test('text that cannot be stored or read is quarantined, and its money is booked', async () => {
  const texts = [
    'not json', '[]', '"\ud800"', '{"usage":{"service":1}}', '{"usage":{"service":"s","operation":"o","credits":-1}}',
    '{"usage":{"service":"a\\u0000b","operation":"o","metadata":{}}}', '{"source":"a\\u0000b"}', '\0',
  ];
  const account = lab.account(0);
  const bystander = lab.account(1);
  for (const [index, about] of texts.entries()) {
    await lab.write(account, account.grant(`l${index}`, 10, { about }), account.debit('charge', 4, { about }));
    await lab.write(bystander, bystander.grant(`l${index}`, 10, { about: '{"source":"fine"}' }));
  }
  let quarantined = 0;
  for (let run = 0; run < 3; run += 1) {
    const report = await lab.drainWith({ observe: { quarantined: (count) => { quarantined += count; } } })(ALL_SHARDS);
    expect(report.stopped).toEqual([]);
  }
  expect(await entriesOf(account.accountId)).toHaveLength(2 * texts.length);
  expect(await entriesOf(bystander.accountId)).toHaveLength(texts.length);
  expect(await contradictions(lab)).toEqual([]);
  const rows = await lab.rows<{ reason: string }>('select reason from quarantine where account_id = ?', [account.accountId]);
  expect(rows).toHaveLength(quarantined);
  // Each breaks both its entries, except a usage in a grant and a source in a charge, which are not read.
  expect(quarantined).toBeGreaterThanOrEqual(texts.length + 4);
  expect(await lab.rows('select count(*)::integer as n from quarantine where account_id = ?', [bystander.accountId])).toEqual([{ n: 0 }]);
});

test('lone surrogates and escapes inside stored text are stored unchanged', async () => {
  const account = lab.account(0);
  const about = '{"usage":{"service":"s","operation":"o","metadata":{"note":"\\u0000 \\ud800 \\\\ \\" , {}"}}}';
  await lab.write(account, account.grant('l1', 10), account.debit('charge', 1, { about }));
  await lab.drain(ALL_SHARDS);
  expect(await lab.rows('select about from entry_details where account_id = ?', [account.accountId])).toEqual([{ about }]);
  expect(await lab.rows('select metadata from usage_records where account_id = ?', [account.accountId]))
    .toEqual([{ metadata: JSON.stringify({ note: '\0 \ud800 \\ " , {}' }) }]);
});

test('an intent is marked applied by its entry; a second entry for it stops the shard', async () => {
  const account = lab.account(1);
  const { row } = await insertIntent(lab.db, {
    accountId: account.accountId, kind: 'grant', amount: micros(10), expiresAtMs: null, idempotency: null, fingerprint: 'f', about: '{}',
  });
  await lab.write(account, account.grant('l1', 10, { key: `intent:${row.intentId}` }));
  expect(await lab.drain(ALL_SHARDS)).toMatchObject({ entries: 1, stopped: [] });
  expect(await lab.rows('select state, applied_seq from money_in where intent_id = ?', [row.intentId])).toEqual([
    { state: 'applied', applied_seq: 1 },
  ]);
  await lab.write(account, account.grant('l2', 10, { key: `intent:${row.intentId}` }));
  expect(await lab.drain(ALL_SHARDS)).toMatchObject({ stopped: [{ shard: 1, reason: expect.stringContaining('applied twice') }] });
  expect(await entriesOf(account.accountId)).toHaveLength(1);
});

test('an intent that Postgres does not know is recorded, and its money is booked', async () => {
  const account = lab.account(2);
  await lab.write(account, account.grant('l1', 10, { key: 'intent:999999999' }));
  expect(await lab.drain(ALL_SHARDS)).toMatchObject({ entries: 1, stopped: [] });
  expect(await lab.rows('select reason from quarantine where account_id = ?', [account.accountId])).toEqual([
    { reason: 'no intent 999999999 is known to Postgres' },
  ]);
});

test('the append-only tables refuse every change, by whichever role', async () => {
  const account = lab.account();
  await lab.write(account, account.grant('l1', 10, { about: '{}' }));
  await lab.drain(ALL_SHARDS);
  const [{ part } = { part: '' }] = await lab.rows<{ part: string }>('select tableoid::regclass::text as part from entries limit 1');
  expect(part).toMatch(/^entries_\d{4}_\d{2}$/);
  for (const table of ['entries', 'entry_details', part]) {
    for (const sql of [`update ${table} set seq = seq`, `delete from ${table}`, `truncate ${table}`]) {
      await expect(lab.db.raw(sql)).rejects.toThrow('permission denied');
      await expect(lab.admin.raw(sql)).rejects.toThrow('append-only'); // for everybody else there are triggers
    }
  }
});

test('Postgres refuses an entry that does not conserve, or that is stored already in its month', async () => {
  const account = lab.account();
  await lab.write(account, account.grant('l1', 10));
  await lab.drain(ALL_SHARDS);
  const copy = (change: string): Promise<unknown> => Promise.resolve(lab.db.raw(
    `insert into entries select (r).* from (select jsonb_populate_record(e, ?::jsonb) as r from entries e where account_id = ?) as x`,
    [change, account.accountId]));
  await expect(copy('{"seq": 2, "granted": 11}')).rejects.toThrow('entries_conserve');
  await expect(copy('{"seq": 2, "available_after": -1}')).rejects.toThrow('available_after_check');
  await expect(copy('{"granted": 10}')).rejects.toThrow('_pkey');
});
