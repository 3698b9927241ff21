import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openShards, readMarkedShards } from '../../src/books/shards.table.js';
import { acknowledgeLosses, addToLoss, insertLoss, readLosses, sumLost } from '../../src/journal/shard-losses.table.js';
import { storeMarks } from '../../src/journal/shard-marks.table.js';
import { apiProfile, connectPostgres, type Db } from '../../src/stores/postgres/connect.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { freshDatabase, type FreshDatabase } from '../support/servers.js';

let database: FreshDatabase;
let db: Db;
beforeAll(async () => {
  database = await freshDatabase(migrate);
  db = connectPostgres(database.databaseUrl, apiProfile(10_000));
  await openShards(db, 2);
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

const marked = async () => (await readMarkedShards(db)).map((row) => row.marked);

test('a mark never decreases, in whichever order processes store theirs', async () => {
  expect(await marked()).toEqual([null, null]);
  await storeMarks(db, [{ shard: 1, epoch: 1, lastId: '999-0', entries: 2 }, { shard: 0, epoch: 1, lastId: '1000-9', entries: 7 }]);
  await storeMarks(db, [{ shard: 0, epoch: 1, lastId: '1000-10', entries: 5 }, { shard: 1, epoch: 1, lastId: '998-7', entries: 9 }]);
  expect(await marked()).toEqual([{ lastId: '1000-10', entries: 7 }, { lastId: '999-0', entries: 2 }]);
  await storeMarks(db, [{ shard: 0, epoch: 1, lastId: '1000-10', entries: 8 }]);
  expect((await marked())[0]).toEqual({ lastId: '1000-10', entries: 8 });
  // A mark of another epoch than the shard's is ignored.
  await storeMarks(db, [{ shard: 0, epoch: 2, lastId: '5-0', entries: 1 }]);
  await storeMarks(db, [{ shard: 0, epoch: 1, lastId: '2000-0', entries: 99 }]);
  expect((await marked())[0]).toBeNull();
});

test('a process that detects a loss after another adds only its own acknowledgements, once', async () => {
  const loss = { shard: 0, epoch: 1, survivedId: '1000-0', knownId: '2000-0', entries: 3, accounts: { alice: 1 } };
  await db.transaction((trx) => insertLoss(trx, loss));
  const recent = [
    '1000-0', '1999-0', '2000-0', '2000-1', '2001-0',
  ].map((streamId, index) => ({ streamId, accountId: index === 4 ? 'bob' : 'alice' }));
  expect(await acknowledgeLosses(db, 0, { reason: 'told the users', actor: 'ops' })).toBe(1);
  expect(await sumLost(db)).toBe(0);
  expect([await addToLoss(db, 0, 1, recent), await addToLoss(db, 0, 1, recent)]).toEqual([2, 0]);
  // More than was known at the acknowledgement: the alarm is raised again.
  expect(await sumLost(db)).toBe(5);
  expect(await readLosses(db, { all: false, limit: 10 })).toEqual([{
    shard: 0, epoch: 1, entries: 5, accounts: { alice: 2, bob: 1 }, fromMs: 1_000, toMs: 2_001, noticedAtMs: expect.any(Number),
    reason: null, kind: 'lost', unreadable: 0, accountCount: 2,
  }]);
  expect(await addToLoss(db, 1, 1, recent)).toBe(0);
});

test('an epoch that ended without a loss is recorded, and is not counted as one', async () => {
  await db.transaction((trx) => insertLoss(trx, { shard: 1, epoch: 1, survivedId: '0-0', knownId: '0-0', entries: 0, accounts: {} }));
  expect(await readLosses(db, { all: true, limit: 10 })).toHaveLength(1);
  expect(await acknowledgeLosses(db, 1, { reason: 'nothing to see', actor: 'ops' })).toBe(0);
});
