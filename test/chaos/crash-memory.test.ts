import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { evictIdle } from '../../src/journal/evict-idle.js';
import { rebuild } from '../../src/journal/rebuild.js';
import { micros } from '../../src/kit/money/micros.js';
import type { Doomed } from '../support/crash-points.js';
import { scanKeys } from '../support/scan-keys.js';
import { throwawayRedis } from '../support/servers.js';
import { crashLab, type Case, type CrashLab } from './crash-lab.js';

/** Crashes at every call of the flows that take accounts out of Redis and bring them back (crash-lab.ts). */

const TIMEOUT_MS = 300_000;

let server: Awaited<ReturnType<typeof throwawayRedis>>;
let lab: CrashLab;
beforeAll(async () => {
  server = await throwawayRedis(); // an eviction scans the whole server
  lab = await crashLab({ onRedis: server.url });
}, TIMEOUT_MS);
afterAll(async () => {
  await lab.under.close();
  await server.discard();
});

const charge = (accountId: string) => lab.under.ledger.charge({
  accountId, amount: micros(5), key: { operation: 'use', caller: 'server.a', key: 'k' }, fingerprint: '5', price: '', about: '{}',
});
const settle = (accountId: string) => lab.under.ledger.settleHold({
  accountId, holdId: 'h', cost: micros(20), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: '20', about: '{}',
});

/** An account that was granted 100, of which 5 were charged under a key and 30 are held; in Postgres. */
async function used(): Promise<string> {
  const accountId = `m-${randomUUID()}`;
  await lab.under.ledger.grantLot({
    accountId, lotId: 'l', amount: micros(100), expiresAtMs: null, key: randomUUID(), kind: 'grant', about: '{}',
  });
  await charge(accountId);
  await lab.under.ledger.placeHold({
    accountId, holdId: 'h', kind: 'test', minimum: micros(30), desired: micros(30), leaseMs: 600_000, expiryPolicy: 'release', price: 'p',
    fingerprint: '', about: '{}',
  });
  return accountId;
}

const isInRedis = async (accountId: string): Promise<boolean> => {
  const { keys, fence, redis } = lab.under;
  const epoch = fence.epochOf(keys.shardOf(accountId))?.number ?? 0;
  return (await redis.exists(keys.account(accountId, epoch).account)) === 1;
};
const balance = (accountId: string) => lab.under.ledger.readBalance(accountId);

test('the eviction of an idle account', async () => {
  const { db, keys, fence } = lab.under;
  /** The pause between rounds passes, and the claim of a process that has died ends. */
  const later = () => db.raw('update eviction_state set claimed_until = null, last_round_at = null');
  const names = await lab.crashEverywhere(async (): Promise<Case> => {
    const accountId = await used();
    await settle(accountId);
    const run = async (process: Doomed): Promise<void> => {
      await later();
      await lab.partsOf(process).drain([keys.shardOf(accountId)]);
      await evictIdle({
        ...process.ports, keys, fence, clock: () => Date.now() + 1_000, idleMs: 1, metrics: { count: () => undefined },
      });
    };
    return {
      accounts: [accountId], run,
      // Evicted or not, it is what it was.
      async allOrNothing() { expect(await balance(accountId)).toEqual({ available: 75, held: 0, debt: 0 }); },
      async happenedOnce() {
        await run(lab.living()); // the comparison of a moment ago has not loaded it, but a job may have
        expect(await isInRedis(accountId)).toBe(false);
        expect(await charge(accountId)).toMatchObject({ status: 'charged', replayed: true });
        expect(await settle(accountId)).toMatchObject({ status: 'settled', replayed: true });
        expect(await balance(accountId)).toEqual({ available: 75, held: 0, debt: 0 });
      },
    };
  });
  expect(names).toEqual(expect.arrayContaining([
    'postgres: update eviction_state', 'redis: scan', 'postgres: select accounts', 'redis: evalsha',
  ]));
}, TIMEOUT_MS);

test('a rebuild of accounts that Redis has lost', async () => {
  const { keys, fence, redis } = lab.under;
  const names = await lab.crashEverywhere(async (): Promise<Case> => {
    const usedSinceMs = await lab.under.nowMs();
    const accounts = [await used(), await used()];
    await lab.under.drain();
    for (const accountId of accounts) await redis.del(...await scanKeys(redis, `*${accountId}*`));
    return {
      accounts,
      run: (process) => rebuild({
        ...process.ports, keys, fence, clock: Date.now, progress: () => undefined,
      }, { usedSinceMs }),
      // Loaded or not, it is what Postgres has.
      async allOrNothing() {
        for (const accountId of accounts) expect(await balance(accountId)).toEqual({ available: 65, held: 30, debt: 0 });
      },
      async happenedOnce() {
        for (const accountId of accounts) {
          expect(await isInRedis(accountId)).toBe(true);
          expect(await charge(accountId)).toMatchObject({ status: 'charged', replayed: true });
          expect(await settle(accountId)).toMatchObject({ status: 'settled', replayed: false });
          expect(await balance(accountId)).toEqual({ available: 75, held: 0, debt: 0 });
        }
        await lab.under.drain();
      },
    };
  });
  expect(names).toEqual(expect.arrayContaining(['postgres: select accounts', 'redis: evalsha']));
}, TIMEOUT_MS);
