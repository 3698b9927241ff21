import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { micros } from '../../src/kit/money/micros.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { openCoreProcess, type CoreProcess } from '../support/core-process.js';
import { freshDatabase, type FreshDatabase } from '../support/servers.js';
import { shippedRedis, shippedUsers, type ShippedRedis } from '../support/shipped-redis.js';
import { volume } from '../support/volume.js';
import { until } from './lab.js';

/** Redis is killed and loses everything in the middle of many leases. */

const TIMEOUT_MS = 240_000;
const SHARDS = 4;
const ACCOUNTS = ['alice', 'bob', 'carol'];
const LEASES = volume(60, 500);

let server: ShippedRedis;
let database: FreshDatabase;
let opened: CoreProcess | undefined;
beforeEach(async () => {
  database = await freshDatabase(migrate);
  server = await shippedRedis(shippedUsers());
});
afterEach(async () => {
  await opened?.close();
  await server.discard();
  await database.drop();
});

test('each lease is back with its last journaled report, and settles', async () => {
  const process = opened = await openCoreProcess(server.gatewayUrl, database.databaseUrl, SHARDS);
  const { core: { ledger, drain, fence } } = process;
  const leases = Array.from({ length: LEASES }, (_, index) => ({
    accountId: ACCOUNTS[index % ACCOUNTS.length] ?? '', holdId: `lease-${index}`, reported: 100 + index, extended: index % 3 === 0,
  }));
  for (const accountId of ACCOUNTS) {
    await ledger.grantLot({
      accountId, lotId: 'l1', amount: micros(10_000_000), expiresAtMs: null, key: `intent:${randomUUID()}`, about: '{}', kind: 'grant',
    });
  }
  const renewal = { leaseMs: 3_600_000, defaultLeaseMs: 60_000, price: null, about: '{}' } as const;
  const report = ({ accountId, holdId }: (typeof leases)[number], reported: number) => ledger.reportProgress({
    accountId, holdId, ...renewal, reported: micros(reported), usage: `outputTokens=${reported}`, raiseTo: null,
  });
  const extend = ({ accountId, holdId }: (typeof leases)[number]) => ledger.extendHold({
    accountId, holdId, ...renewal, mode: 'by', minimum: micros(500), desired: micros(500), fingerprint: 'f',
    key: { caller: 'c', key: 'once' },
  });
  await Promise.all(leases.map(async (lease) => {
    await ledger.placeHold({
      accountId: lease.accountId, holdId: lease.holdId, minimum: micros(1_000), desired: micros(1_000), leaseMs: 3_600_000, kind: 'lease',
      expiryPolicy: 'charge_reported', price: '', fingerprint: 'f', about: '{}',
      terms: { overCapture: 'cap', debtLimit: null, inputCost: micros(7), leaseMs: 60_000 },
    });
    // The first report is journaled.
    await report(lease, lease.reported);
    if (lease.extended) await extend(lease);
  }));
  while ((await drain(Array.from({ length: SHARDS }, (_, shard) => shard))).entries > 0);
  // These moved by less than a tenth: the journal does not have them.
  await Promise.all(leases.map((lease) => report(lease, lease.reported + 1)));

  await server.stop('SIGKILL');
  await until('the gateway sees that Redis is away', () => !fence.isOpen());
  rmSync(join(server.dataDir, 'appendonlydir'), { recursive: true, force: true });
  rmSync(join(server.dataDir, 'dump.rdb'), { force: true });
  await server.start();
  await until('the gateway has compared Redis with what it knows', () => fence.isOpen());

  for (const lease of leases) {
    const amount = lease.extended ? 1_500 : 1_000;
    expect(await ledger.readHold(lease.accountId, lease.holdId)).toMatchObject({ status: 'open', hold: {
      amount, reported: lease.reported, reportedUsage: `outputTokens=${lease.reported}`, expiryPolicy: 'charge_reported', leaseMs: 60_000,
    } });
    // The extension is remembered: it adds nothing again.
    if (lease.extended) expect(await extend(lease)).toMatchObject({ status: 'extended', replayed: true, hold: { amount } });
    expect(await report(lease, lease.reported + 2)).toMatchObject({ status: 'reported', hold: { reported: lease.reported + 2 } });
    expect(await ledger.settleHold({
      accountId: lease.accountId, holdId: lease.holdId, cost: micros(5_000), use: 'reported', price: null, overCapture: 'debt',
      debtLimit: null, fingerprint: 's', about: '{}',
    })).toMatchObject({ status: 'settled', outcome: { captured: lease.reported + 2, released: amount - lease.reported - 2, debt: 0 } });
  }
  const captured = leases.reduce((sum, { reported }) => sum + reported + 2, 0);
  const balances = await Promise.all(ACCOUNTS.map((accountId) => ledger.readBalance(accountId)));
  expect(balances.reduce((sum, { available }) => sum + available, 0)).toBe(ACCOUNTS.length * 10_000_000 - captured);
  expect(balances.every(({ held, debt }) => held === 0 && debt === 0)).toBe(true);
}, TIMEOUT_MS);
