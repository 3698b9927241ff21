import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { forgetRefusals } from '../../../src/credits/refusals/forget-refusals.js';
import { refusalRecorder } from '../../../src/credits/refusals/refusal-recorder.js';
import { minuteOf, type Refusal } from '../../../src/credits/refusals/refusal.js';
import { addRefusals, readRefusals } from '../../../src/credits/refusals/refusal.table.js';
import { readRefusedMost } from '../../../src/credits/refusals/refused-most.table.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { migrate } from '../../../src/stores/postgres/migrate.js';
import { throwawayPostgres, type TestPostgres } from '../../support/servers.js';

let postgres: TestPostgres;
let db: Db;
beforeAll(async () => {
  postgres = await throwawayPostgres();
  await migrate(postgres.ownerUrl);
  db = connectPostgres(postgres.url, apiProfile(1_000));
});
afterAll(async () => {
  await db.destroy();
  await postgres.discard();
});

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 10, 20, 3, 12, 30);
const refusal = (atMs: number, over: Partial<Refusal> = {}): Refusal => ({
  accountId: 'alice', minuteMs: minuteOf(atMs), reason: 'conflict', method: 'POST', route: '/x', count: 1, firstAtMs: atMs,
  lastAtMs: atMs, status: 409, message: 'm', requestId: 'r', ...over,
});

test('two processes add to the same row', async () => {
  await Promise.all([
    addRefusals(db, [refusal(NOW, { count: 2 }), refusal(NOW, { route: '/y' })]),
    addRefusals(db, [refusal(NOW, { route: '/y' }), refusal(NOW, { count: 3, firstAtMs: NOW - 5, lastAtMs: NOW + 5 })]),
  ]);
  const rows = await readRefusals(db, { accountId: 'alice', limit: 10 });
  expect(rows.map(({ route, count, firstAtMs, lastAtMs, minuteMs }) => [route, count, firstAtMs, lastAtMs, minuteMs])).toEqual([
    ['/x', 5, NOW - 5, NOW + 5, NOW - 30_000], ['/y', 2, NOW, NOW, NOW - 30_000],
  ]);
});

test('who is refused the most, and for what, since a minute', async () => {
  await db.raw('delete from refusals');
  await addRefusals(db, [
    refusal(NOW, { count: 5 }), refusal(NOW, { route: '/y', reason: 'insufficient_credits', count: 2 }),
    refusal(NOW - 60_000, { count: 4 }),
    refusal(NOW, { accountId: 'bob', reason: 'insufficient_credits', count: 8 }),
    refusal(NOW, { accountId: 'carol', reason: 'insufficient_credits', count: 11 }),
    refusal(NOW - 120_000, { accountId: 'dave', reason: 'forbidden', count: 100 }),
  ]);
  expect(await readRefusedMost(db, NOW - 60_000, 2)).toEqual({
    reasons: [{ reason: 'insufficient_credits', count: 21, accounts: 3 }, { reason: 'conflict', count: 9, accounts: 1 }],
    accounts: [
      { accountId: 'alice', count: 11, reasons: 'conflict, insufficient_credits' },
      { accountId: 'carol', count: 11, reasons: 'insufficient_credits' },
    ],
  });
  expect(await readRefusedMost(db, NOW + 60_000, 2)).toEqual({ reasons: [], accounts: [] });
});

test('after thirty days refusals are forgotten, however many, and no sooner', async () => {
  await db.raw('delete from refusals');
  const old = Array.from({ length: 12_345 }, (_, index) => refusal(NOW - 31 * DAY_MS, { accountId: `user-${index}` }));
  for (let from = 0; from < old.length; from += 1_000) await addRefusals(db, old.slice(from, from + 1_000));
  await addRefusals(db, [refusal(NOW - 29 * DAY_MS), refusal(NOW)]);
  expect(await forgetRefusals(db, NOW)).toEqual({ forgotten: 12_345 });
  expect((await readRefusals(db, { limit: 10 })).map(({ minuteMs }) => minuteMs)).toEqual([minuteOf(NOW), minuteOf(NOW - 29 * DAY_MS)]);
  expect(await forgetRefusals(db, NOW)).toEqual({ forgotten: 0 });
});

test('both questions are answered from an index', async () => {
  const rows = Array.from({
    length: 20_000,
  }, (_, index) => refusal(NOW - Math.floor(index / 100) * 60_000, { accountId: `user-${index % 100}` }));
  for (let from = 0; from < rows.length; from += 1_000) await addRefusals(db, rows.slice(from, from + 1_000));
  await db.raw('analyze refusals');
  const plan = async (where: string): Promise<string> => {
    const explained = await db.raw<{
      rows: { 'QUERY PLAN': string }[];
    }>(`explain select * from refusals ${where} order by minute desc, account_id, reason, method, route limit 50`);
    return explained.rows.map((row) => row['QUERY PLAN']).join('\n');
  };
  expect(await plan(`where account_id = 'user-7'`)).toMatch(/Scan (Backward using|on) refusals_pkey/);
  expect(await plan('')).toMatch(/Index Scan Backward using refusals_minute_idx/);
});

test('what was refused while Postgres was away is there when it is back', async () => {
  await db.raw('delete from refusals');
  let dropped = 0;
  let failures = 0;
  const recorder = refusalRecorder({
    write: (rows) => addRefusals(db, rows), unrecorded: (count) => { dropped += count; }, onError: () => { failures += 1; },
    flushMs: 10, retryMs: 50,
  });
  const { accountId, reason, method, route, status, message, requestId } = refusal(NOW);
  const record = (): void => {
    recorder.record({ accountId, reason: reason as 'conflict', method, route, status, message, requestId, atMs: NOW });
  };
  await postgres.kill('SIGKILL');
  record();
  await waitFor(() => failures >= 2);
  record();
  await postgres.restart();
  await waitFor(async () => (await readRefusals(db, { accountId, limit: 1 }).catch(() => []))[0]?.count === 2);
  await recorder.close();
  expect(dropped).toBe(0);
});

async function waitFor(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 120_000; !await isTrue();) {
    if (Date.now() > deadline) throw new Error('it never came true');
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}
