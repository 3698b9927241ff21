import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { backfillOf } from '../support/backfill-of.js';
import { randomOf, type Random } from '../support/random.js';
import { ALL_SHARDS, contradictions, drainLab, type DrainLab } from './drain-lab.js';
import type { SimulatedAccount, SimulatedEntry } from './simulated-account.js';
import { aboutUsage, miscounts } from './usage-lab.js';

let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });

const SERVICES = ['chat', 'chat-streaming', 'chat-streaming-aborted', 'image', '__proto__', 'constructor', 'toString', ' ', 'Ünï ©ode'];
const OPERATIONS = ['gpt-4', 'amazon.nova-lite-v1:0', '__proto__', 'x"y\\z', 'gpt-4 '];
/** Around the ends of months, a leap day, the end of a year, and midnight. */
const DAYS = ['2026-01-31', '2026-02-28', '2026-03-01', '2028-02-28', '2028-02-29', '2028-03-01', '2026-12-31', '2027-01-01'];

/** Some entries of a user of services. */
function activity(random: Random, account: SimulatedAccount, round: number): SimulatedEntry[] {
  const atMs = Date.parse(`${random.pick(DAYS)}T00:00:00Z`) + random.pick([
    0, 1, 3_599_999, 3_600_000, 43_200_000, 86_399_999, random.integer(0, 86_399_999),
  ]);
  const facts = () => ({ atMs, about: aboutUsage(random.pick(SERVICES), random.pick(OPERATIONS)) });
  const hold = `h${round}`;
  const entries = [account.grant(`l${round}`, 1_000, { atMs }), account.place(hold, random.integer(0, 100), { atMs })];
  const isVoided = random.chance(0.2);
  const isExpired = !isVoided && random.chance(0.3);
  entries.push(isVoided ? account.voidHold(hold, facts())
    : isExpired ? account.expireHold(hold, { atMs }) : account.settle(hold, random.integer(0, 200), facts()));
  if (!isExpired && random.chance(0.4)) {
    const later = { ...facts(), atMs: atMs + random.pick([0, 3_600_000, 86_400_000]) };
    entries.push(account.correct(hold, random.integer(1, 50), later), account.correct(hold, 1, later));
  }
  if (random.chance(0.5)) entries.push(account.debit('charge', random.integer(0, 50), facts()));
  if (random.chance(0.3)) entries.push(account.debit('charge', 0, {
    atMs, about: aboutUsage(random.pick(SERVICES), random.pick(OPERATIONS), { credits: random.integer(0, 1_000_000) }),
  }));
  if (random.chance(0.2)) entries.push(account.debit('remove', 1, { atMs, about: aboutUsage('image', 'not a use') }));
  return entries;
}

test('after random activity and two concurrent drains every use is counted once', async () => {
  const random = randomOf(7);
  const accounts = Array.from({ length: 12 }, () => lab.account());
  const racers = [lab.drainWith({}), lab.drainWith({})];
  let isWriting = true;
  const races = racers.map(async (drain) => {
    while (isWriting) await drain(ALL_SHARDS);
    return drain(ALL_SHARDS);
  });
  for (let round = 0; round < 25; round += 1) {
    await Promise.all(accounts.map((account) => lab.write(account, ...activity(random, account, round))));
  }
  isWriting = false;
  await Promise.all(races);
  await lab.drain(ALL_SHARDS);
  expect(await lab.rows<{ n: number }>('select count(*)::integer as n from usage_records')).toEqual([{ n: expect.any(Number) }]);
  expect((await lab.rows<{ n: number }>('select count(*)::integer as n from usage_records'))[0]?.n).toBeGreaterThan(300);
  expect(await miscounts(lab)).toEqual([]);
  expect(await contradictions(lab)).toEqual([]);
});

test('redelivered entries are not counted again', async () => {
  const random = randomOf(8);
  const account = lab.account();
  const shard = lab.keys.shardOf(account.accountId);
  const keep = lab.drainWith({ tailMs: 3_600_000 });
  await lab.write(account, ...activity(random, account, 1), ...activity(random, account, 2));
  await keep([shard]);
  await lab.db.raw(`update shards set last_id = '0-0' where shard = ?`, [shard]);
  await lab.write(account, ...activity(random, account, 3));
  expect((await keep([shard])).redelivered).toBeGreaterThan(4);
  expect(await miscounts(lab)).toEqual([]);
});

test.each([
  'after_lock', 'after_read', 'before_commit', 'after_commit', 'after_trim',
] as const)('a crash at %s counts nothing twice and leaves nothing out', async (failpoint) => {
  const random = randomOf(9);
  const accounts = ALL_SHARDS.map((shard) => lab.account(shard));
  let crashes = 0;
  const doomed = lab.drainWith({ failpoint: (at) => { if (at === failpoint && (crashes += 1) <= 2) throw new Error('crashed'); } });
  for (let round = 0; round < 3; round += 1) {
    for (const account of accounts) await lab.write(account, ...activity(random, account, round));
    await doomed(ALL_SHARDS).catch((error: unknown) => { expect(String(error)).toContain('crashed'); });
  }
  expect((await lab.drain(ALL_SHARDS)).stopped).toEqual([]);
  expect(crashes).toBeGreaterThanOrEqual(2);
  expect(await miscounts(lab)).toEqual([]);
});

test('sums beyond a bigint stop no shard', async () => {
  const account = lab.account();
  const most = Number.MAX_SAFE_INTEGER;
  const entries = Array.from({
    length: 1_100,
  }, () => account.debit('charge', 0, { about: aboutUsage('image', 'huge', { credits: most }) }));
  const pipeline = lab.redis.pipeline();
  for (const entry of entries) pipeline.xadd(lab.keys.shard(lab.keys.shardOf(account.accountId), 1).journal, '*', ...entry);
  await pipeline.exec();
  expect(await lab.drain(ALL_SHARDS)).toMatchObject({ entries: 1_100, stopped: [] });
  expect(await lab.rows(`select records, credits::text from usage_by_account where account_id = ? and grain = 'month'`, [
    account.accountId,
  ]))
    .toEqual([{ records: 1_100, credits: (1_100n * BigInt(most)).toString() }]);
  expect(await miscounts(lab)).toEqual([]);
});

test('names that no dialect accepts cannot stop a shard', async () => {
  const account = lab.account();
  await lab.write(account,
    // Two texts in JavaScript, one in Postgres: both become the replacement character.
    account.debit('charge', 0, { about: aboutUsage('\ud800', 'x') }), account.debit('charge', 0, { about: aboutUsage('\udfff', 'x') }),
    account.debit('charge', 0, { about: aboutUsage('s'.repeat(10_000), 'x') }),
    account.debit('charge', 0, { about: aboutUsage('chat', '🦊'.repeat(5_000)) }),
    account.debit('charge', 0, { about: aboutUsage('', '') }), account.debit('charge', 0, { about: aboutUsage('a\0b', 'x') }));
  expect(await lab.drain(ALL_SHARDS)).toMatchObject({ stopped: [] });
  expect(await lab.rows('select records from usage_by_account where account_id = ? and grain = ?', [account.accountId, 'month'])).toEqual([
    { records: 5 },
  ]);
  expect(await miscounts(lab)).toEqual([]);
});

test('the migration counts older records exactly as the drain would have', async () => {
  const before = await lab.rows<object>('select * from usage_by_account order by account_id, grain, starts_at, service, operation');
  const shards = await lab.rows<object>('select * from usage_by_shard order by shard, grain, starts_at, service, operation');
  await lab.admin.raw('truncate usage_by_account, usage_by_shard');
  // There were no corrections before this migration.
  await lab.db.raw(backfillOf('0003_usage_rollups').replace('count(*)', 'count(*) filter (where corrects is null)'));
  expect(before.length).toBeGreaterThan(500);
  expect(await lab.rows('select * from usage_by_account order by account_id, grain, starts_at, service, operation')).toEqual(before);
  expect(await lab.rows('select * from usage_by_shard order by shard, grain, starts_at, service, operation')).toEqual(shards);
});
