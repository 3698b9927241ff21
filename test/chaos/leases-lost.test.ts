import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { micros } from '../../src/kit/money/micros.js';
import type { Ledger } from '../../src/ledger/ledger.js';
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
const GRANTED = 10_000_000;

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

type Lease = { readonly accountId: string; readonly holdId: string };

async function fund(ledger: Ledger): Promise<void> {
  for (const accountId of ACCOUNTS) {
    await ledger.grantLot({
      accountId, lotId: 'l1', amount: micros(GRANTED), expiresAtMs: null, key: `intent:${randomUUID()}`, about: '{}', kind: 'grant',
    });
  }
}

const place = (ledger: Ledger, { accountId, holdId }: Lease) => ledger.placeHold({
  accountId, holdId, minimum: micros(1_000), desired: micros(1_000), leaseMs: 3_600_000, kind: 'lease',
  expiryPolicy: 'charge_reported', price: '', fingerprint: 'f', about: '{}',
  terms: { overCapture: 'cap', debtLimit: null, inputCost: micros(7), leaseMs: 60_000 },
});

/** Starts Redis without its data, and waits until the ledger answers. */
async function startEmpty({ fence, ledger }: Pick<CoreProcess['core'], 'fence' | 'ledger'>): Promise<void> {
  rmSync(join(server.dataDir, 'appendonlydir'), { recursive: true, force: true });
  rmSync(join(server.dataDir, 'dump.rdb'), { force: true });
  await server.start();
  await until('the gateway has compared Redis with what it knows', () => fence.isOpen());
  // What failed meanwhile has opened the breaker, which tries again a moment later.
  await until('the ledger answers', () => ledger.readBalance(ACCOUNTS[0] ?? '').then(() => true, () => false));
}

async function expectCharged(ledger: Ledger, captured: number): Promise<void> {
  const balances = await Promise.all(ACCOUNTS.map((accountId) => ledger.readBalance(accountId)));
  expect(balances.reduce((sum, { available }) => sum + available, 0)).toBe(ACCOUNTS.length * GRANTED - captured);
  expect(balances.every(({ held, debt }) => held === 0 && debt === 0)).toBe(true);
}

test('each lease is back with its last journaled report, and settles', async () => {
  const process = opened = await openCoreProcess(server.gatewayUrl, database.databaseUrl, SHARDS);
  const { core: { ledger, drain, fence } } = process;
  const leases = Array.from({ length: LEASES }, (_, index) => ({
    accountId: ACCOUNTS[index % ACCOUNTS.length] ?? '', holdId: `lease-${index}`, reported: 100 + index, extended: index % 3 === 0,
  }));
  await fund(ledger);
  const renewal = { leaseMs: 3_600_000, defaultLeaseMs: 60_000, price: null, about: '{}' } as const;
  const report = ({ accountId, holdId }: (typeof leases)[number], reported: number) => ledger.reportProgress({
    accountId, holdId, ...renewal, reported: micros(reported), usage: `outputTokens=${reported}`, raiseTo: null,
  });
  const extend = ({ accountId, holdId }: (typeof leases)[number]) => ledger.extendHold({
    accountId, holdId, ...renewal, mode: 'by', minimum: micros(500), desired: micros(500), fingerprint: 'f',
    key: { caller: 'c', key: 'once' },
  });
  await Promise.all(leases.map(async (lease) => {
    await place(ledger, lease);
    // The first report is journaled.
    await report(lease, lease.reported);
    if (lease.extended) await extend(lease);
  }));
  while ((await drain(Array.from({ length: SHARDS }, (_, shard) => shard))).entries > 0);
  // These moved by less than a tenth: the journal does not have them.
  await Promise.all(leases.map((lease) => report(lease, lease.reported + 1)));

  await server.stop('SIGKILL');
  await until('the gateway sees that Redis is away', () => !fence.isOpen());
  await startEmpty({ fence, ledger });

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
  await expectCharged(ledger, captured);
}, TIMEOUT_MS);

test('reports that are on their way when Redis dies: each lease is back with its last drained report, or a later one', async () => {
  const process = opened = await openCoreProcess(server.gatewayUrl, database.databaseUrl, SHARDS);
  const { core: { ledger, drain, fence, db } } = process;
  const shards = Array.from({ length: SHARDS }, (_, shard) => shard);
  await fund(ledger);
  // Each report is sent when the one before was answered, until one is not.
  const leases = Array.from({ length: LEASES }, (_, index) => ({
    accountId: ACCOUNTS[index % ACCOUNTS.length] ?? '', holdId: `lease-${index}`, sent: 0, acknowledged: 0, failed: false,
  }));
  type Reporting = (typeof leases)[number];
  const report = (lease: Reporting, reported: number) => ledger.reportProgress({
    accountId: lease.accountId, holdId: lease.holdId, leaseMs: 3_600_000, defaultLeaseMs: 60_000, price: null, about: '{}',
    reported: micros(reported), usage: `outputTokens=${reported}`, raiseTo: null,
  });
  await Promise.all(leases.map((lease) => place(ledger, lease)));
  while ((await drain(shards)).entries > 0);
  const reporting = Promise.all(leases.map(async (lease, index) => {
    while (!lease.failed) {
      // Steps below and above a tenth of the hold: some are journaled, some are not.
      lease.sent += index % 2 === 0 ? 1 : 130;
      await report(lease, lease.sent).then(() => { lease.acknowledged = lease.sent; }, () => { lease.failed = true; });
    }
  }));
  // The drain has some of them; the kill comes while more are on their way.
  await until('every lease has reported', () => leases.every(({ acknowledged }) => acknowledged > 0));
  await drain(shards);
  await server.stop('SIGKILL');
  await reporting;
  await until('the gateway sees that Redis is away', () => !fence.isOpen());
  const { rows } = await db.raw<{ rows: { hold_id: string; reported: string }[] }>('select hold_id, reported from holds');
  const drained = new Map(rows.map(({ hold_id: holdId, reported }) => [holdId, Number(reported)]));
  await startEmpty({ fence, ledger });

  expect(leases.filter(({ sent, acknowledged }) => sent > acknowledged)).toHaveLength(LEASES);
  let captured = 0;
  for (const lease of leases) {
    const { accountId, holdId, sent } = lease;
    const last = drained.get(holdId) ?? 0;
    expect(last).toBeGreaterThan(0);
    const back = await ledger.readHold(accountId, holdId);
    if (back.status !== 'open') throw new Error(`${holdId} is ${back.status}`);
    expect([holdId, back.hold.reported >= last, back.hold.reported <= sent]).toEqual([holdId, true, true]);
    expect(back.hold.reportedUsage).toBe(`outputTokens=${back.hold.reported}`);
    // Its caller sends again what was not answered.
    expect(await report(lease, sent)).toMatchObject({ status: 'reported', hold: { reported: sent } });
    const ended = await ledger.settleHold({
      accountId, holdId, cost: micros(0), use: 'reported', price: null, overCapture: 'available', debtLimit: null, fingerprint: 's',
      about: '{}',
    });
    const paid = Math.min(sent, 1_000);
    expect(ended).toMatchObject({ status: 'settled', outcome: { captured: paid, uncollected: sent - paid, debt: 0 } });
    captured += paid;
  }
  await expectCharged(ledger, captured);
}, TIMEOUT_MS);
