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

const acks = (...ids: readonly string[]) => ids.map((name) => {
  const [streamId = '', accountId = ''] = name.split(' ');
  return { streamId, accountId };
});

test('after a record that counts every entry, a process adds only what it knows beyond it, once', async () => {
  const loss = { shard: 0, epoch: 1, survivedId: '1000-0', knownId: '2000-0', entries: 3, accounts: { alice: 1 } };
  await db.transaction((trx) => insertLoss(trx, loss));
  const recent = acks('1000-0 alice', '1999-0 alice', '2000-0 alice', '2000-1 alice', '2001-0 bob');
  expect(await acknowledgeLosses(db, 0, { reason: 'told the users', actor: 'ops' })).toBe(1);
  expect(await sumLost(db)).toBe(0);
  const add = (process: string) => addToLoss(db, 0, 1, { process, recent });
  expect([await add('a'), await add('a')]).toEqual([2, 0]);
  // More than was known at the acknowledgement: the alarm is raised again.
  expect(await sumLost(db)).toBe(5);
  expect(await readLosses(db, { all: false, limit: 10 })).toEqual([{
    shard: 0, epoch: 1, entries: 5, accounts: { alice: 2, bob: 1 }, fromMs: 1_000, toMs: 2_001, noticedAtMs: expect.any(Number),
    reason: null, kind: 'lost', unreadable: 0, accountCount: 2,
  }]);
  expect(await addToLoss(db, 1, 1, { process: 'a', recent })).toBe(0);
});

test('each process names what was acknowledged to it, once: a worker that detects the loss first knows nothing of it', async () => {
  const epoch = 2;
  const loss = { shard: 0, epoch, survivedId: '1000-0', knownId: '2000-0', entries: 1, accounts: {} };
  await db.transaction((trx) => insertLoss(trx, loss, { counted: 'worker' }));
  const one = { process: 'one', recent: acks('999-0 alice', '1500-0 alice', '2000-0 bob') };
  const two = { process: 'two', recent: acks('1400-0 alice', '1600-0 alice', '2500-0 carol') };
  expect([await addToLoss(db, 0, epoch, one), await addToLoss(db, 0, epoch, one)]).toEqual([1, 0]);
  expect([await addToLoss(db, 0, epoch, two), await addToLoss(db, 0, epoch, two)]).toEqual([3, 0]);
  const [found] = await readLosses(db, { all: false, limit: 1 });
  expect(found).toMatchObject({ epoch, entries: 5, accounts: { alice: 3, bob: 1, carol: 1 }, fromMs: 1_000, toMs: 2_500 });
});

test('an epoch that ended without a loss is recorded, and is not counted as one', async () => {
  const loss = { shard: 1, epoch: 1, survivedId: '0-0', knownId: '0-0', entries: 0, accounts: {} };
  await db.transaction((trx) => insertLoss(trx, loss, { counted: 'a' }));
  expect(await readLosses(db, { all: true, limit: 10 })).toHaveLength(2);
  expect(await acknowledgeLosses(db, 1, { reason: 'nothing to see', actor: 'ops' })).toBe(0);
});

test('what was lost before the last entry that Postgres has is shown with its own times, and with those of what is added', async () => {
  const epoch = 3;
  const loss = { shard: 0, epoch, survivedId: '3000-0', knownId: '3000-0', entries: 2, accounts: { alice: 2 } };
  await db.transaction((trx) => insertLoss(trx, { ...loss, window: { fromId: '1001-0', toId: '1002-0' } }, { counted: 'one' }));
  expect((await readLosses(db, { all: false, limit: 1 }))[0]).toMatchObject({ epoch, entries: 2, fromMs: 1_001, toMs: 1_002 });
  expect(await addToLoss(db, 0, epoch, { process: 'two', recent: acks('2999-0 bob', '3000-1 bob') })).toBe(1);
  expect((await readLosses(db, { all: false, limit: 1 }))[0]).toMatchObject({ epoch, entries: 3, fromMs: 1_001, toMs: 3_000 });
});
