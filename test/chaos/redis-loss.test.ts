import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readLosses, sumLost, type LossRow } from '../../src/journal/shard-losses.table.js';
import { micros } from '../../src/kit/money/micros.js';
import { apiProfile, connectPostgres } from '../../src/stores/postgres/connect.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { openCoreProcess, type CoreProcess } from '../support/core-process.js';
import { patientClient } from '../support/patient-client.js';
import { startProcesses } from '../support/processes.js';
import { asAdmin, freshDatabase, type FreshDatabase } from '../support/servers.js';
import { formerUsers, shippedRedis, shippedUsers, type ShippedRedis } from '../support/shipped-redis.js';
import { until } from './lab.js';

/** Redis restarts without acknowledged entries that Postgres never got: the two agree, and both are wrong. */

const TIMEOUT_MS = 120_000;
const SHARDS = 8;
const SETTLES = 47;
const ACCOUNTS = ['alice', 'bob', 'carol', 'dave'];

let server: ShippedRedis;
let database: FreshDatabase;
let open: CoreProcess[];
beforeEach(async () => {
  open = [];
  database = await freshDatabase(migrate);
});
afterEach(async () => {
  for (const each of open) await each.close();
  await server.discard();
  await database.drop();
});

async function startRedis(users = shippedUsers()): Promise<void> {
  server = await shippedRedis(users);
  // Every acknowledged entry is in the file, so only what a test removes is lost.
  await server.operator.config('SET', 'appendfsync', 'always');
}

async function opened(): Promise<CoreProcess> {
  const made = await openCoreProcess(server.gatewayUrl, database.databaseUrl, SHARDS);
  open.push(made);
  return made;
}

const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
const holds = Array.from({
  length: SETTLES,
}, (_, index) => ({ accountId: ACCOUNTS[index % ACCOUNTS.length] ?? '', holdId: `hold-${index}` }));

async function grantAndPlace({ core: { ledger } }: CoreProcess): Promise<void> {
  for (const accountId of ACCOUNTS) {
    const key = `intent:${randomUUID()}`;
    await ledger.grantLot({ accountId, lotId: 'l1', amount: micros(100_000), expiresAtMs: null, key, about: '{}', kind: 'grant' });
  }
  for (const hold of holds) {
    await ledger.placeHold({
      ...hold, minimum: micros(10), desired: micros(10), leaseMs: 3_600_000, kind: 'test', expiryPolicy: 'release', price: 'p',
      fingerprint: 'f',
      about: '{}',
    });
  }
}

async function settleAll({ core: { ledger } }: CoreProcess, which = holds): Promise<void> {
  const settle = { cost: micros(7), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: '7', about: '{}' } as const;
  for (const hold of which) {
    expect(await ledger.settleHold({ ...hold, ...settle })).toMatchObject({ status: 'settled', replayed: false });
  }
}

const balances = ({ core: { ledger } }: CoreProcess) => Promise.all(ACCOUNTS.map((accountId) => ledger.readBalance(accountId)));

const drainAll = async ({ core: { drain } }: CoreProcess): Promise<void> => {
  while ((await drain(shards)).entries > 0);
};

/** Stops Redis and waits until the process has noticed; restarts it and waits until it is usable again. */
async function restartRedis(
  { core: { fence } }: CoreProcess, between = (): void => undefined, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM',
): Promise<void> {
  await server.stop(signal);
  await until('the gateway sees that Redis is away', () => !fence.isOpen());
  between();
  await server.start();
  await until('the gateway has compared Redis with what it knows', () => fence.isOpen());
}

const files = (): string => join(server.dataDir, 'appendonlydir');
const copyFiles = (): void => { cpSync(files(), `${files()}-copy`, { recursive: true }); };
const restoreFiles = (): void => {
  rmSync(files(), { recursive: true });
  cpSync(`${files()}-copy`, files(), { recursive: true });
};

/** The number of entries in the heartbeat's marks in Postgres. */
async function storedEntries(): Promise<number> {
  const db = connectPostgres(database.databaseUrl, apiProfile(10_000));
  try {
    const { rows } = await db.raw<{ rows: { entries: string }[] }>('select coalesce(sum(entries), 0) as entries from shard_marks');
    return Number(rows[0]?.entries);
  } finally {
    await db.destroy();
  }
}

const losses = ({ core: { db } }: CoreProcess): Promise<LossRow[]> => readLosses(db, { all: true, limit: 100 });
const lostOf = (rows: readonly LossRow[]): number => rows.reduce((sum, { entries }) => sum + entries, 0);
const epochs = ({ core: { fence } }: CoreProcess): number[] => shards.map((shard) => fence.epochOf(shard)?.number ?? 0);

function namedOf(rows: readonly LossRow[]): Record<string, number> {
  const named: Record<string, number> = {};
  for (const [accountId, entries] of rows.flatMap(({ accounts }) => Object.entries(accounts))) {
    named[accountId] = (named[accountId] ?? 0) + entries;
  }
  return named;
}

/** The server's clock, which also numbers the entries. */
const redisMs = async (): Promise<number> => {
  const [seconds, micro] = await server.operator.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micro) / 1_000);
};

test('a backup of Redis, while Postgres has a part of what came after it: exactly the other part is lost, and named', async () => {
  await startRedis();
  const gateway = await opened();
  const { keys } = gateway.core;
  await grantAndPlace(gateway);
  // Postgres follows the shards of two accounts; of the others it has nothing, also not what is in the backup.
  const followed = new Set(ACCOUNTS.slice(0, 2).map((accountId) => keys.shardOf(accountId)));
  const follow = () => gateway.core.drain([...followed]);
  const isFollowed = ({ accountId }: { readonly accountId: string }): boolean => followed.has(keys.shardOf(accountId));
  await restartRedis(gateway, copyFiles); // stopped while it is copied
  const [early, late] = [holds.slice(0, 20), holds.slice(20)];
  const copiedMs = await redisMs();
  await settleAll(gateway, early);
  await follow();
  const drainedMs = await redisMs();
  await settleAll(gateway, late);
  const stoppedMs = await redisMs();
  await restartRedis(gateway, restoreFiles);

  const lost = holds.filter((hold) => late.includes(hold) || !isFollowed(hold));
  const rows = await losses(gateway);
  expect(lostOf(rows)).toBe(lost.length);
  expect(namedOf(rows)).toEqual(Object.fromEntries(ACCOUNTS.map((accountId) =>
    [accountId, lost.filter((hold) => hold.accountId === accountId).length])));
  expect(new Set(rows.map(({ shard }) => shard))).toEqual(new Set(ACCOUNTS.map((accountId) => keys.shardOf(accountId))));
  for (const { shard, fromMs, toMs } of rows) {
    const [from, until] = followed.has(shard) ? [copiedMs, drainedMs] : [0, copiedMs];
    expect([shard, fromMs !== null && fromMs >= from && fromMs <= until]).toEqual([shard, true]);
    expect([shard, toMs >= drainedMs && toMs <= stoppedMs]).toEqual([shard, true]);
  }
  const told = gateway.errors.filter(({ msg }) => String(msg).startsWith('Redis lost entries'));
  expect(told.reduce((sum, { lostEntries }) => sum + Number(lostEntries), 0)).toBe(lost.length);
  const raised = new Set(rows.map(({ shard }) => shard));
  expect(epochs(gateway)).toEqual(shards.map((shard) => (raised.has(shard) ? 2 : 1)));
  // In the users' favour: what was lost is held again.
  expect((await balances(gateway)).reduce((sum, { held }) => sum + held, 0)).toBe(10 * lost.length);

  // What Postgres had is settled: a repeat is answered as before. What was lost is charged by a repeat, once.
  for (const hold of early.filter(isFollowed)) {
    expect(await gateway.core.ledger.settleHold({
      ...hold, cost: micros(7), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: '7', about: '{}',
    })).toMatchObject({ status: 'settled', replayed: true });
  }
  await settleAll(gateway, lost);
  await drainAll(gateway);
  expect(await balances(gateway)).toEqual(ACCOUNTS.map((accountId) => ({
    available: 100_000 - 7 * holds.filter((hold) => hold.accountId === accountId).length, held: 0, debt: 0,
  })));
  expect(lostOf(await losses(gateway))).toBe(lost.length);
}, TIMEOUT_MS);

test('the former users.acl drops what scripts wrote: a clean restart is a loss and is reported', async () => {
  await startRedis(formerUsers());
  const gateway = await opened();
  await grantAndPlace(gateway);
  await drainAll(gateway);
  const placed = await balances(gateway);
  await settleAll(gateway);
  await restartRedis(gateway);
  expect(lostOf(await losses(gateway))).toBe(SETTLES);
  expect(await balances(gateway)).toEqual(placed);
}, TIMEOUT_MS);

test('two processes: each counts its own acknowledgements, in either order', async () => {
  await startRedis();
  const [one, two] = [await opened(), await opened()];
  await grantAndPlace(one);
  await drainAll(one);
  copyFiles();
  await settleAll(one, holds.slice(0, 20));
  await settleAll(two, holds.slice(20));
  // A heartbeat has read the streams, so the mark counts the entries of both.
  await until('a beat has stored all of it', async () => (await storedEntries()) === ACCOUNTS.length + 2 * SETTLES);
  await restartRedis(one, restoreFiles);
  await until('the other one has noticed, too', () => two.core.fence.isOpen() && epochs(two).join() === epochs(one).join());
  expect(lostOf(await losses(one))).toBe(SETTLES);
}, TIMEOUT_MS);

test.each([
  ['clean', 'SIGTERM'], ['by kill -9', 'SIGKILL'],
] as const)('no false alarm: a restart %s with everything replayed', async (_how, signal) => {
  await startRedis();
  const gateway = await opened();
  await grantAndPlace(gateway);
  await settleAll(gateway);
  const before = await balances(gateway);
  await restartRedis(gateway, undefined, signal);
  await drainAll(gateway);
  await restartRedis(gateway, undefined, signal);
  expect([await losses(gateway), epochs(gateway)]).toEqual([[], shards.map(() => 1)]);
  expect(await balances(gateway)).toEqual(before);
  // The same for a process that only knows what Postgres has.
  await gateway.close();
  open = [];
  const next = await opened();
  expect([await losses(next), epochs(next), next.errors]).toEqual([[], shards.map(() => 1), []]);
}, TIMEOUT_MS);

test('no false alarm: an empty Redis after its whole journal was drained', async () => {
  await startRedis();
  const gateway = await opened();
  await grantAndPlace(gateway);
  await settleAll(gateway);
  await drainAll(gateway);
  const before = await balances(gateway);
  await restartRedis(gateway, () => { rmSync(files(), { recursive: true }); });
  expect([await losses(gateway), await sumLost(gateway.core.db)]).toEqual([[], 0]);
  expect(await balances(gateway)).toEqual(before);
}, TIMEOUT_MS);

test('an empty Redis before its journal was drained: the loss is counted', async () => {
  await startRedis();
  const gateway = await opened();
  await grantAndPlace(gateway);
  await drainAll(gateway);
  await settleAll(gateway);
  await restartRedis(gateway, () => { rmSync(files(), { recursive: true }); });
  expect(lostOf(await losses(gateway))).toBe(SETTLES);
}, TIMEOUT_MS);

test('no false alarm: an upgrade, without marks in Postgres', async () => {
  await startRedis();
  const gateway = await opened();
  await grantAndPlace(gateway);
  await gateway.close();
  open = [];
  const next = await opened();
  await asAdmin(database.databaseUrl, 'truncate shard_marks');
  await restartRedis(next);
  expect([await losses(next), epochs(next)]).toEqual([[], shards.map(() => 1)]);
}, TIMEOUT_MS);

test('a backup of Redis after a restart of everything: the marks in Postgres show what it lacks, up to the last heartbeat', async () => {
  await startRedis();
  const servers = { redisUrl: server.gatewayUrl, databaseUrl: database.databaseUrl };
  const processes = await startProcesses(servers, { REDIS_NAMESPACE: 'cg', SHARDS: String(SHARDS) });
  try {
    const admin = await processes.token({ sub: 'ops', role: 'admin' });
    const token = await processes.token({ sub: 'alice' });
    const client = patientClient(processes.url);
    const sent = async (as: string, path: string, body: object, key: string): Promise<void> => {
      expect((await client.once({ method: 'POST', path, token: as, body, key, isRepeatable: true })).status).toBeLessThan(300);
    };
    await sent(admin, '/api/credits/allocate', { userId: 'alice', credits: 100 }, 'grant');
    copyFiles();
    const drained = 5;
    const deduct = async (from: number, to: number): Promise<void> => {
      for (let index = from; index < to; index += 1) await sent(token, '/api/credits/deduct', { credits: 1 }, `key-${index}`);
    };
    await deduct(0, drained);
    const looked = await opened();
    await until('the worker has drained the first of them', async () => (await looked.core.db.raw<{ rows: { seq: number }[] }>(
      `select seq from accounts where account_id = 'alice'`,
    )).rows[0]?.seq === 1 + drained);
    await looked.close();
    open = [];
    await processes.worker.kill('SIGKILL');
    await deduct(drained, drained + SETTLES);
    await until('a beat has stored all of it', async () => (await storedEntries()) >= 1 + drained + SETTLES);
    await processes.api.kill('SIGKILL');
    await server.stop();
    restoreFiles();
    await server.start();
    await processes.api.start();
    const looking = await opened();
    const rows = await losses(looking);
    expect([lostOf(rows), namedOf(rows)]).toEqual([SETTLES, {}]);
    expect(await looking.core.ledger.readBalance('alice')).toMatchObject({ available: (100 - drained) * 1_000_000 });
  } finally {
    await processes.stop();
  }
}, TIMEOUT_MS);
