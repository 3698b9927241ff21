import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { micros } from '../../src/kit/money/micros.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { until } from '../chaos/lab.js';
import { openCoreProcess, type CoreProcess } from '../support/core-process.js';
import { freshDatabase, throwawayRedis, type FreshDatabase } from '../support/servers.js';

/** The commands that operators run when Redis is gone or a shard is stopped, as processes of their own beside a gateway. */

const SHARDS = 4;
let server: Awaited<ReturnType<typeof throwawayRedis>>;
let database: FreshDatabase;
let gateway: CoreProcess;
let redis: Redis;
beforeEach(async () => {
  server = await throwawayRedis();
  database = await freshDatabase(migrate);
  gateway = await openCoreProcess(server.url, database.databaseUrl, SHARDS);
  redis = new Redis(server.operatorUrl);
});
afterEach(async () => {
  redis.disconnect();
  await gateway.close();
  await database.drop();
  await server.stop();
});

type Ran = { readonly out: string; readonly told: string; readonly code: number };

async function run(command: string, ...args: readonly string[]): Promise<Ran> {
  const path = join(import.meta.dirname, '../../src/cli/main.js');
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [path, command, ...args], { env: {
      PATH: process.env['PATH'], REDIS_URL: server.url, DATABASE_URL: database.databaseUrl, REDIS_NAMESPACE: 'cg',
      JWT_ACCESS_SECRET: 'x'.repeat(32), SHARDS: String(SHARDS),
    } });
    return { out: stdout.trim(), told: stderr, code: 0 };
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
    return { out: stdout.trim(), told: stderr, code };
  }
}

const drainAll = async (): Promise<void> => {
  while ((await gateway.core.drain(Array.from({ length: SHARDS }, (_, shard) => shard))).entries > 0);
};
const grant = (accountId: string, amount = 1_000) => gateway.core.ledger.grantLot({
  accountId, lotId: 'l1', amount: micros(amount), expiresAtMs: null, key: `intent:${randomUUID()}`, about: '{}', kind: 'grant',
});
const charge = (accountId: string, amount: number) => gateway.core.ledger.charge({
  accountId, amount: micros(amount), key: null, fingerprint: '', price: '', about: '{}',
});
const HOLD = {
  minimum: micros(10), desired: micros(10), leaseMs: 3_600_000, kind: 'test', expiryPolicy: 'charge_reported', price: 'p', fingerprint: 'f',
  about: '{}', terms: { overCapture: 'debt', debtLimit: null, inputCost: micros(0), leaseMs: 3_600_000 },
} as const;

test('rebuild: all that Redis had comes back before anyone asks, once, and gateways run meanwhile', async () => {
  const { ledger } = gateway.core;
  const accounts = Array.from({ length: 450 }, (_, index) => `user-${index}`);
  await Promise.all(accounts.map((each) => grant(each)));
  await ledger.placeHold({ ...HOLD, accountId: 'user-1', holdId: 'open' });
  await ledger.reportProgress({
    accountId: 'user-1', holdId: 'open', reported: micros(4), usage: 'output=4', price: 'p', raiseTo: null, leaseMs: null,
    defaultLeaseMs: 60_000, about: '{}', by: 'user',
  });
  await ledger.placeHold({ ...HOLD, accountId: 'user-2', holdId: 'ended' });
  const settle = () => ledger.settleHold({
    accountId: 'user-2', holdId: 'ended', cost: micros(7), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: '7', about: '{}',
  });
  await settle();
  await drainAll();
  const before = await Promise.all(accounts.slice(0, 5).map((each) => ledger.readAccount(each)));

  await redis.flushall();
  await until('the gateway has noticed', async () => (await redis.keys('cg:*:fence')).length === SHARDS);
  const first = await run('rebuild');
  expect(first).toMatchObject({ code: 0, told: expect.stringContaining('100 %') });
  expect(first.out).toMatch(/^450 accounts: 4\d\d loaded in [\d.]+ s, \d+ a second; \d+ were in Redis already\nwith 4\d\d lots, 1 open/);
  expect(first.told).toMatch(/450 of 450 accounts \(100 %\), \d+ a second/);
  const keys = await redis.keys('cg:{s*}:2:*');
  expect(keys.filter((key) => key.includes(':account:'))).toHaveLength(450);
  for (const part of [':open:user-1', ':hold:user-1:open', ':hold:user-2:ended']) {
    expect(keys.filter((key) => key.endsWith(part))).toHaveLength(1);
  }
  expect(keys.filter((key) => key.includes(':receipt:user-3:intent:'))).toHaveLength(1);

  await until('the gateway is open', () => gateway.core.fence.isOpen());
  expect(await Promise.all(accounts.slice(0, 5).map((each) => ledger.readAccount(each)))).toEqual(before);
  expect(await ledger.readHold('user-1', 'open')).toMatchObject({ status: 'open', hold: { reported: 4 } });
  expect(await settle()).toMatchObject({ status: 'settled', replayed: true });
  expect((await run('rebuild')).out).toContain('450 accounts: 0 loaded');
}, 180_000);

test('rebuild: what was idle for long, and would leave again, is only loaded with --all', async () => {
  await Promise.all(['idle', 'busy'].map((each) => grant(each)));
  await drainAll();
  await gateway.core.db.raw(`update accounts set updated_at = now() - interval '3 days' where account_id = 'idle'`);
  await redis.flushall();
  await until('the gateway has noticed', async () => (await redis.keys('cg:*:fence')).length === SHARDS);
  expect((await run('rebuild')).out).toContain('1 accounts: 1 loaded');
  expect((await run('rebuild', '--all')).out).toContain('2 accounts: 1 loaded');
}, 120_000);

test('shards: a fork is left behind whole, told by account and window, and kept', async () => {
  const { ledger, keys } = gateway.core;
  const [forked, bystander] = ['forked', Array.from({ length: 100 }, (_, index) => `b${index}`).find((each) =>
    keys.shardOf(each) === keys.shardOf('forked')) ?? ''];
  const shard = String(keys.shardOf(forked));
  await grant(forked);
  await grant(bystander);
  // The account of an older Redis, with the journal of a newer one.
  const { account, lot } = keys.account(forked, 1);
  const older = await Promise.all([account, lot].map((key) => redis.hgetall(key)));
  await charge(forked, 100);
  await drainAll();
  await redis.hset(account, older[0] ?? {});
  await redis.hset(lot, older[1] ?? {});
  const from = Date.now();
  await charge(forked, 40);
  await charge(bystander, 5);
  await charge(bystander, 6);
  await drainAll();

  const listed = await run('shards', 'list');
  expect(listed.out).toContain(`shard ${shard}  epoch 1`);
  expect(listed.out).toContain('stopped: fork: account forked has another entry 2');
  const renewed = await run('shards', 'renew', shard, '--reason', 'Postgres is right');
  expect(renewed.out).toContain(`shard ${shard} goes on in epoch 2; 3 entries were left behind, written from `);
  const accounts = [
    `  ${bystander}: 2 entries, granted 0, captured 0.000011, available -0.000011`,
    '  forked: 1 entries, granted 0, captured 0.00004, available -0.00004',
  ];
  for (const line of accounts) expect(renewed.out).toContain(line);
  const [, first = '', last = ''] = /written from (\S+) to (\S+)$/m.exec(renewed.out) ?? [];
  expect(Date.parse(first)).toBeGreaterThanOrEqual(from);
  expect(Date.parse(last)).toBeGreaterThanOrEqual(Date.parse(first));
  expect(await run('shards', 'renew', shard, '--reason', 'again')).toMatchObject({ out: `shard ${shard} is not stopped` });

  // It is kept: as an unacknowledged loss, by account, and entry by entry.
  expect((await run('shards', 'list')).out).toContain(`LEFT BEHIND 3 entries of epoch 1, written from `);
  expect((await run('shards', 'left', shard, '--epoch', '1')).out).toBe(accounts.join('\n').trim());
  expect(await run('shards', 'left', shard)).toMatchObject({ code: 2 });
  for (const command of ['resume', 'renew', 'acknowledge']) {
    expect(await run('shards', command, String(SHARDS), '--reason', 'a typo')).toMatchObject({
      code: 2, told: expect.stringContaining(`there is no shard ${SHARDS}: they are 0 to ${SHARDS - 1}`),
    });
  }
  const { rows } = await gateway.core.db.raw<{ rows: { payload: string[] }[] }>('select payload from quarantine order by stream_id');
  expect(rows).toHaveLength(3);
  expect((await run('shards', 'acknowledge', shard, '--reason', 'told the users')).out).toContain('acknowledged (one loss)');
  expect((await run('shards', 'list')).out).not.toContain('LEFT BEHIND');

  await until('the gateway has the new epoch', () => gateway.core.fence.epochOf(Number(shard))?.number === 2);
  expect(await ledger.readBalance(forked)).toMatchObject({ available: 900 });
  expect(await charge(bystander, 1)).toMatchObject({ status: 'charged', available: 999 });
  await drainAll();
  expect((await run('shards', 'list')).out).toBe('no shard is stopped or behind');
}, 180_000);

test('reconcile: repair shows the adjusting entries first, then writes them in the name of its actor', async () => {
  const { db, ledger, keys } = gateway.core;
  await Promise.all(['drifts', 'sound'].map((each) => grant(each)));
  await drainAll();
  await redis.hincrby(keys.account('drifts', 1).account, 'available', 500);
  expect(await run('reconcile', '--account', 'drifts')).toMatchObject({ code: 1, out: expect.stringContaining('balance: 500 micros') });

  const shown = await run('reconcile', 'repair', '--dry-run');
  expect(shown.out).toContain('drifts  would write entry 2, repair, which moves nothing');
  expect(shown.out).toContain('expected available 1000\n    found    available 1500');
  expect(shown.out).not.toContain('sound');
  expect(await redis.hget(keys.account('drifts', 1).account, 'available')).toBe('1500');
  for (const args of [[], ['--actor', 'ops'], ['--reason', 'why']]) {
    expect(await run('reconcile', 'repair', ...args)).toMatchObject({ code: 2, out: '' });
  }

  const repaired = await run('reconcile', 'repair', '--actor', 'ops', '--reason', 'a bad script');
  expect(repaired).toMatchObject({ code: 0, out: expect.stringContaining('drifts  repaired with entry 2') });
  expect(await ledger.readBalance('drifts')).toMatchObject({ available: 1_000 });
  const { rows } = await db.raw<{ rows: object[] }>(`select about::jsonb from entry_details where account_id = 'drifts' and seq = 2`);
  expect(rows).toMatchObject([{ about: {
    actor: 'ops', reason: 'a bad script', metadata: { found: [{ check: 'balance', expected: 'available 1000', actual: 'available 1500' }] },
  } }]);
  expect(await run('reconcile')).toMatchObject({ code: 0, out: expect.stringContaining('no drift') });
  expect((await run('reconcile', 'repair', '--actor', 'ops', '--reason', 'again')).out).toBe('no drift');
}, 180_000);
