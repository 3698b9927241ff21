import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createDrain } from '../../src/journal/drain.js';
import { auditDifferences } from '../../src/journal/reconcile/audit-account.js';
import { auditAccounts } from '../../src/journal/reconcile/audit.table.js';
import { compareAccount } from '../../src/journal/reconcile/compare-account.js';
import {
  ENDED_HOLD_TTL_SECONDS_MIN, EXPIRED_HOLD_TTL_SECONDS, RECEIPT_TTL_SECONDS, UNDRAINED_RECEIPT_TTL_SECONDS,
} from '../../src/kit/limits.js';
import { GatewayError } from '../../src/kit/errors.js';
import type { CallerKey } from '../../src/kit/caller.js';
import { micros } from '../../src/kit/money/micros.js';
import { checkPostgres } from '../support/books-postgres.js';
import { durableLedger, type DurableLedger } from '../support/durable-ledger.js';
import { rawRedis } from '../support/redis-address.js';
import { scanKeys } from '../support/scan-keys.js';
import { throwawayRedis } from '../support/servers.js';

/** Ended holds, in Postgres and restored to Redis: corrections, who may make them, and ids that are used twice. */
let under: DurableLedger;
/** False: Postgres does not answer lookups of ended holds, as if it were down. */
let remembers = true;
/** True: Postgres answers nothing about ended holds. */
let isAway = false;
/** Called after an ended hold was read from Postgres. */
let whileRestored: (() => Promise<void>) | null = null;
beforeAll(async () => {
  under = await durableLedger({
    source: (real) => ({
      ...real,
      recallEndedHold: (accountId, holdId) => (remembers ? real.recallEndedHold(accountId, holdId) : Promise.resolve(null)),
      loadEndedHold: async (accountId, holdId) => {
        if (isAway) throw new GatewayError('ledger_unavailable', 'away');
        const hold = await real.loadEndedHold(accountId, holdId);
        await whileRestored?.();
        return hold;
      },
    }),
  });
});
afterAll(async () => { await under.close(); });
beforeEach(() => { remembers = true; isAway = false; });

async function accountWith(amount: number): Promise<string> {
  const accountId = `e-${randomUUID()}`;
  await under.ledger.grantLot({
    accountId, lotId: '1', amount: micros(amount), expiresAtMs: null, key: 'grant-1', kind: 'grant', about: '{}',
  });
  return accountId;
}
const place = (accountId: string, by: 'user' | 'service' = 'user') => under.ledger.placeHold({
  accountId, holdId: 'h', minimum: micros(10), desired: micros(10), leaseMs: 600_000, kind: 'test', expiryPolicy: 'release', price: 'p',
  fingerprint: 'f', about: '{}', by,
});
const settle = (
  accountId: string, cost: number, by: 'user' | 'service' = 'user', key: CallerKey | null = null,
) => under.ledger.settleHold({
  key,
  accountId, holdId: 'h', cost: micros(cost), price: 'p', overCapture: 'debt', debtLimit: null, fingerprint: String(cost), by,
  about: JSON.stringify({ usage: { service: 'chat-streaming', operation: 'gpt-4', metadata: { tokens: cost } } }),
});
const rows = async <Row>(sql: string, accountId: string): Promise<Row[]> => (await under.db.raw<{ rows: Row[] }>(sql, [accountId])).rows;
const forgetHold = async (accountId: string): Promise<void> => {
  expect(await under.redis.del(...(await scanKeys(under.redis, `*:hold:${accountId}:h`)))).toBe(1);
};
/** As when the time of receipts is over, too. */
const forgetHoldAndMark = async (accountId: string): Promise<void> => {
  await forgetHold(accountId);
  expect(await under.redis.del(...(await scanKeys(under.redis, `*:ended:${accountId}:h`)))).toBe(1);
};

const secondsLeft = (accountId: string): Promise<number> => {
  const epoch = under.fence.epochOf(under.keys.shardOf(accountId))?.number ?? 0;
  return under.redis.ttl(under.keys.account(accountId, epoch).hold('h'));
};
/** Drains, and does something when Postgres has the entries but Redis has not been told so. */
async function drainAnd(work: () => Promise<unknown>): Promise<void> {
  const { db, keys } = under;
  let isDone = false;
  const drain = createDrain({
    db, redis: under.sharded, keys, clock: Date.now, tailMs: 0, entryName: (model) => model,
    failpoint: async (name) => {
      if (name !== 'after_commit' || isDone) return;
      isDone = true;
      await work();
    },
  });
  await drain(Array.from({ length: keys.shards }, (_, shard) => shard));
  expect(isDone).toBe(true);
}

/** Nothing is wrong with the account, wherever it is looked for. */
async function expectSound(accountId: string): Promise<void> {
  await under.drain();
  expect((await auditAccounts(under.db, [accountId], null)).flatMap((row) => auditDifferences(row, null))).toEqual([]);
  const { redis, keys, fence, db, runDrain } = under;
  expect(await compareAccount({ redis, keys, fence, db, drain: runDrain }, accountId)).toMatchObject({ result: 'ok', differences: [] });
}

test('a corrected hold is one hold, one use and one message in every book, also after a rebuild', async () => {
  const accountId = await accountWith(100);
  await place(accountId);
  for (const cost of [4, 12, 20]) expect(await settle(accountId, cost)).toMatchObject({ status: 'settled', replayed: false });
  await expectSound(accountId);
  expect((await checkPostgres(under.db, Date.now())).filter(({ wrongCount }) => wrongCount > 0)).toEqual([]);
  expect(await rows('select state, captured, released, overage, late, ended_seq, closed_at < ended_at or closed_at = ended_at '
    + 'as closed from holds where account_id = ?', accountId))
    .toEqual([{ state: 'settled', captured: 20, released: 6, overage: 16, late: false, ended_seq: 5, closed: true }]);
  expect(await rows(
    'select seq, kind, captured, corrects, principal from entries where account_id = ? and seq > 2 order by seq', accountId,
  )).toEqual([
    { seq: 3, kind: 'settle', captured: 4, corrects: 0, principal: 'user' },
    { seq: 4, kind: 'correct', captured: 8, corrects: 3, principal: 'user' },
    { seq: 5, kind: 'correct', captured: 8, corrects: 4, principal: 'user' },
  ]);
  expect(await rows('select seq, credits, corrects from usage_records where account_id = ? order by seq', accountId))
    .toEqual([{ seq: 3, credits: 4, corrects: null }, { seq: 4, credits: 8, corrects: 3 }, { seq: 5, credits: 8, corrects: 4 }]);
  expect(await rows(`select records, credits from usage_by_account where account_id = ? and grain = 'day'`, accountId)).toEqual([
    { records: 1, credits: '20' },
  ]);
  await under.loseRedis();
  expect(await settle(accountId, 20)).toMatchObject({ status: 'settled', replayed: true, outcome: { captured: 20 } });
  expect(await settle(accountId, 19)).toMatchObject({ status: 'hold_resolved', outcome: { captured: 20 } });
  expect(await settle(accountId, 21)).toMatchObject({ status: 'settled', replayed: false, outcome: { captured: 21, released: 6 } });
  await expectSound(accountId);
});

test('the placer of a hold survives a rebuild and the end of its receipt', async () => {
  const accountId = await accountWith(100);
  await place(accountId, 'service');
  await under.drain();
  await under.loseRedis();
  expect(await settle(accountId, 0)).toEqual({ status: 'forbidden' });
  expect(await settle(accountId, 5, 'service')).toMatchObject({ status: 'settled' });
  await under.drain();
  await forgetHold(accountId);
  expect(await settle(accountId, 6)).toEqual({ status: 'forbidden' });
  expect(await settle(accountId, 6, 'service')).toMatchObject({ status: 'settled', outcome: { captured: 6 } });
  await expectSound(accountId);
});

test('an id that is used again while Postgres is down stops no shard; reads return the newer hold', async () => {
  const accountId = await accountWith(100);
  await place(accountId);
  await settle(accountId, 4);
  await under.drain();
  await forgetHoldAndMark(accountId);
  remembers = false;
  expect(await place(accountId)).toMatchObject({ status: 'placed', replayed: false });
  remembers = true;
  // Postgres only knows the first; Redis has the newer one, which takes precedence.
  expect(await place(accountId)).toMatchObject({ status: 'placed', replayed: true });
  await expectSound(accountId);
  await under.loseRedis();
  expect(await place(accountId)).toMatchObject({ status: 'placed', replayed: true });
  expect((await under.ledger.readAccount(accountId)).holds.map(({ holdId, seq }) => [holdId, seq])).toEqual([['h', 4]]);
  expect(await settle(accountId, 7)).toMatchObject({ status: 'settled', outcome: { captured: 7 } });
  expect(await settle(accountId, 9)).toMatchObject({ status: 'settled', outcome: { captured: 9 } });
  await under.drain();
  await forgetHold(accountId);
  expect(await place(accountId)).toMatchObject({ status: 'hold_resolved', outcome: { captured: 9 } });
  await expectSound(accountId);
  expect(await rows('select placed_seq, state, captured from holds where account_id = ? order by placed_seq', accountId))
    .toEqual([{ placed_seq: 2, state: 'settled', captured: 4 }, { placed_seq: 4, state: 'settled', captured: 9 }]);
  expect(await rows('select reason from quarantine where account_id = ?', accountId)).toEqual([]);
});

test('an ended hold stays in Redis until Postgres has its end, however far behind that is', async () => {
  const accountId = await accountWith(100);
  await place(accountId);
  await settle(accountId, 4);
  expect(await secondsLeft(accountId)).toBeGreaterThan(UNDRAINED_RECEIPT_TTL_SECONDS - 60);
  await under.drain();
  expect(await secondsLeft(accountId)).toBeGreaterThan(ENDED_HOLD_TTL_SECONDS_MIN - 30);
  expect(await secondsLeft(accountId)).toBeLessThanOrEqual(ENDED_HOLD_TTL_SECONDS_MIN);
  expect(await place(accountId)).toMatchObject({ status: 'hold_resolved', outcome: { captured: 4 } });
});

test('a hold that has left Redis after its end is known by its mark: never placed twice, and repeats get the first answer', async () => {
  const accountId = await accountWith(100);
  await place(accountId);
  const key = { caller: 'service', key: 'k' };
  const first = await settle(accountId, 4, 'user', key);
  expect(first).toMatchObject({ status: 'settled', replayed: false });
  await under.drain();
  const epoch = under.fence.epochOf(under.keys.shardOf(accountId))?.number ?? 0;
  const markLeft = await under.redis.ttl(under.keys.account(accountId, epoch).ended('h'));
  expect([markLeft > RECEIPT_TTL_SECONDS - 60, markLeft <= RECEIPT_TTL_SECONDS]).toEqual([true, true]);
  await forgetHold(accountId);
  // Postgres did not answer the look-up in time, or does not answer at all.
  remembers = false;
  isAway = true;
  await expect(place(accountId)).rejects.toMatchObject({ code: 'ledger_unavailable' });
  await expect(settle(accountId, 4)).rejects.toMatchObject({ code: 'ledger_unavailable' });
  // The answer to a key stays for its hour.
  expect(await settle(accountId, 4, 'user', key)).toEqual({ ...first, replayed: true });
  expect(await settle(accountId, 5, 'user', key)).toEqual({ status: 'idempotency_mismatch' });
  isAway = false;
  expect(await place(accountId)).toMatchObject({ status: 'hold_resolved', outcome: { captured: 4 } });
  await forgetHold(accountId);
  expect(await settle(accountId, 4)).toEqual({ ...first, replayed: true });
  expect(await secondsLeft(accountId)).toBeLessThanOrEqual(RECEIPT_TTL_SECONDS);
  await expectSound(accountId);
  expect(await rows('select kind from entries where account_id = ? order by seq', accountId))
    .toEqual([{ kind: 'grant' }, { kind: 'place' }, { kind: 'settle' }]);
});

test('a hold that was corrected while it was restored is not restored as it was before', async () => {
  const accountId = await accountWith(100);
  await place(accountId);
  await settle(accountId, 4);
  await under.drain();
  await forgetHold(accountId);
  // This process stands still between its read of Postgres and its write to Redis; another one corrects the hold, which leaves again.
  whileRestored = async () => {
    whileRestored = null;
    await settle(accountId, 12);
    await under.drain();
    await forgetHold(accountId);
  };
  expect(await settle(accountId, 12)).toMatchObject({ status: 'settled', replayed: true, outcome: { captured: 12 } });
  await expectSound(accountId);
  expect(await rows('select captured from entries where account_id = ? and seq > 2 order by seq', accountId))
    .toEqual([{ captured: 4 }, { captured: 8 }]);
});

test('an expired hold then waits a day for a late settle, and so does one that was settled late', async () => {
  const accountId = await accountWith(100);
  await place(accountId);
  under.advance(600_001);
  await under.ledger.expireHold(accountId, 'h');
  const expectOneDay = async (): Promise<void> => {
    expect(await secondsLeft(accountId)).toBeGreaterThan(EXPIRED_HOLD_TTL_SECONDS);
    await under.drain();
    expect(await secondsLeft(accountId)).toBeGreaterThan(EXPIRED_HOLD_TTL_SECONDS - 60);
    expect(await secondsLeft(accountId)).toBeLessThanOrEqual(EXPIRED_HOLD_TTL_SECONDS);
  };
  await expectOneDay();
  expect(await settle(accountId, 5)).toMatchObject({ status: 'settled', outcome: { late: true } });
  await expectOneDay();
  await expectSound(accountId);
});

test('a correction that Postgres does not have yet stays, although Postgres has the end before it', async () => {
  const accountId = await accountWith(100);
  await place(accountId);
  await settle(accountId, 4);
  await drainAnd(() => settle(accountId, 12));
  expect(await secondsLeft(accountId)).toBeGreaterThan(UNDRAINED_RECEIPT_TTL_SECONDS - 60);
  await under.drain();
  expect(await secondsLeft(accountId)).toBeLessThanOrEqual(RECEIPT_TTL_SECONDS);
  await expectSound(accountId);
});

test('an open hold never gets a time to live, not even for the end of an older hold of its id', async () => {
  const accountId = await accountWith(100);
  await place(accountId);
  await settle(accountId, 4);
  remembers = false;
  await drainAnd(async () => {
    await forgetHold(accountId);
    expect(await place(accountId)).toMatchObject({ status: 'placed', replayed: false });
  });
  expect(await secondsLeft(accountId)).toBe(-1);
  await expectSound(accountId);
});

test('an ended hold leaves a full Redis, too', async () => {
  const server = await throwawayRedis();
  const operator = rawRedis(server.operatorUrl);
  const full = await durableLedger({ onRedis: server.url });
  try {
    const accountId = `e-${randomUUID()}`;
    const about = '{}';
    await full.ledger.grantLot({ accountId, lotId: '1', amount: micros(100), expiresAtMs: null, key: 'grant-1', kind: 'grant', about });
    await full.ledger.placeHold({
      accountId, holdId: 'h', minimum: micros(10), desired: micros(10), leaseMs: 600_000, kind: 'test', expiryPolicy: 'release',
      price: 'p', fingerprint: 'f', about,
    });
    await operator.config('SET', 'maxmemory', '1');
    expect(await full.ledger.voidHold({ accountId, holdId: 'h', about })).toMatchObject({ status: 'voided' });
    await full.drain();
    const epoch = full.fence.epochOf(full.keys.shardOf(accountId))?.number ?? 0;
    const keys = full.keys.account(accountId, epoch);
    expect(await full.redis.ttl(keys.hold('h'))).toBeLessThanOrEqual(ENDED_HOLD_TTL_SECONDS_MIN);
    expect(await full.redis.exists(keys.ended('h'))).toBe(1);
  } finally {
    await full.close();
    operator.disconnect();
    await server.discard();
  }
});
