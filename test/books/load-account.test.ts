import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { accountSource } from '../../src/books/load-account.js';
import { connectPostgres, apiProfile } from '../../src/stores/postgres/connect.js';
import { ALL_SHARDS, drainLab, type DrainLab } from '../journal/drain-lab.js';

let lab: DrainLab;
beforeAll(async () => { lab = await drainLab(); });
afterAll(async () => { await lab.close(); });

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

test('the image is what was written: lots, open holds with their parts, ended holds, receipts', async () => {
  const nowMs = Date.now();
  const account = lab.account();
  const expiresAtMs = nowMs + DAY_MS;
  await lab.write(account,
    account.grant('000000000001', 100, { key: 'intent:1', expiresAtMs, atMs: nowMs - 6 * DAY_MS, about: '{}' }),
    account.grant('000000000002', 50, { key: 'intent:2', atMs: nowMs - 8 * DAY_MS }),
    account.debit('charge', 1, { key: 'old', fingerprint: 'fo', atMs: nowMs - 2 * HOUR_MS }),
    account.debit('charge', 2, { key: 'new', fingerprint: 'fn', atMs: nowMs - 1_000 }),
    account.place('open', 120, { about: '{"model":"m"}', fingerprint: 'f1', price: 'p1', atMs: nowMs - 900 }),
    account.place('gone', 3, { fingerprint: 'f2', atMs: nowMs - 3 * DAY_MS }),
    account.expireHold('gone', { atMs: nowMs - 2 * DAY_MS }),
    account.place('expired', 3, { fingerprint: 'f3', atMs: nowMs - 800 }),
    account.expireHold('expired', { atMs: nowMs - 3 * HOUR_MS }),
    account.place('settled', 10, { fingerprint: 'f4', price: 'p4', about: '{"a":1}', atMs: nowMs - 700 }),
    account.settle('settled', 4, { fingerprint: 'f5', about: '{"b":2}', atMs: nowMs - 600 }),
    account.place('old-settled', 1, { atMs: nowMs - 3 * HOUR_MS }),
    account.settle('old-settled', 1, { atMs: nowMs - 2 * HOUR_MS }),
  );
  await lab.drain(ALL_SHARDS);
  const image = await accountSource({ db: lab.db, clock: () => nowMs }).loadAccount(account.accountId);
  expect(image).toMatchObject({
    seq: 13, available: 22, held: 120, debt: 0,
    totals: { granted: 150, captured: 8, expired: 0, removed: 0, uncollected: 0 },
    lots: [
      { lotId: '000000000001', amount: 100, remaining: 0, held: 97, expiresAtMs, grantedAtMs: nowMs - 6 * DAY_MS },
      { lotId: '000000000002', amount: 50, remaining: 22, held: 23, expiresAtMs: null, grantedAtMs: nowMs - 8 * DAY_MS },
    ],
    openHolds: [{
      holdId: 'open', seq: 5, amount: 120, placedAtMs: nowMs - 900, policy: 'release', price: 'p1', fingerprint: 'f1',
      about: '{"model":"m"}',
      parts: [{ lotId: '000000000001', amount: 97 }, { lotId: '000000000002', amount: 23 }],
    }],
  });
  expect(image.endedHolds.map(({ holdId }) => holdId)).toEqual(['expired', 'settled']);
  expect(image.endedHolds[1]).toMatchObject({
    holdId: 'settled', placedSeq: 10, fingerprint: 'f4', endFingerprint: 'f5', price: 'p4', about: '{"a":1}',
    outcome: {
      state: 'settled', seq: 11, amount: 10, captured: 4, released: 6, expired: 0, overage: 0, debt: 0, uncollected: 0,
      endedAtMs: nowMs - 600, placedAtMs: nowMs - 700, late: false, about: '{"b":2}', available: 23,
    },
  });
  expect(image.receipts).toEqual([
    {
      key: 'intent:1', kind: 'grant', fingerprint: '', seq: 1, atMs: nowMs - 6 * DAY_MS, available: 100, debt: 0,
      availableAfter: 100, uncollected: 0,
    },
    {
      key: 'new', kind: 'charge', fingerprint: 'fn', seq: 4, atMs: nowMs - 1_000, available: -2, debt: 0, availableAfter: 147,
      uncollected: 0,
    },
  ]);
});

test('an unknown account is empty, and a hold that Redis no longer has is found', async () => {
  const source = accountSource({ db: lab.db, clock: Date.now });
  expect(await source.loadAccount('unknown')).toEqual({
    seq: 0, available: 0, held: 0, debt: 0, totals: { granted: 0, captured: 0, expired: 0, removed: 0, uncollected: 0 },
    frozen: false, lots: [], openHolds: [], endedHolds: [], receipts: [], deductions: [], limits: null, limitCounts: [],
    terms: null,
  });
  const account = lab.account();
  await lab.write(
    account, account.grant('l', 10), account.place('h', 5), account.voidHold('h', { atMs: Date.now() - 40 * DAY_MS }),
    account.place('open', 1),
  );
  await lab.drain(ALL_SHARDS);
  expect(await source.loadEndedHold(account.accountId, 'h')).toMatchObject({
    holdId: 'h', placedSeq: 2, outcome: { state: 'voided', released: 5 },
  });
  expect(await source.loadEndedHold(account.accountId, 'open')).toBeNull();
  expect(await source.loadEndedHold('unknown', 'h')).toBeNull();
});

test('without Postgres the source refuses, quickly', async () => {
  const db = connectPostgres('postgres://postgres@127.0.0.1:1/none', apiProfile(500));
  await expect(accountSource({ db, clock: Date.now }).loadAccount('a')).rejects.toMatchObject({
    code: 'ledger_unavailable', outcome: 'not_executed',
  });
  await db.destroy();
});
