import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Client } from 'pg';
import { apiProfile, connectPostgres, drainProfile, type Db } from '../../../src/stores/postgres/connect.js';
import { prepared, reachRowsByKey } from '../../../src/stores/postgres/prepared.js';
import { limitTime } from '../../../src/stores/postgres/time-limits.js';
import { freshDatabase, type FreshDatabase } from '../../support/servers.js';

let database: FreshDatabase;
let db: Db;
beforeAll(async () => {
  database = await freshDatabase();
  db = connectPostgres(database.ownerUrl, { ...drainProfile(5_000), connectionsMax: 1 });
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

const ADD = 'select ?::integer + 1 as sum';

test('a direct connection parses such a statement once', async () => {
  for (const number of [1, 2, 3]) {
    const { rows } = await prepared<{ rows: { sum: number }[] }>(db, ADD, [number]);
    expect(rows).toEqual([{ sum: number + 1 }]);
  }
  const { rows } = await db.raw<{ rows: { statement: string }[] }>('select statement from pg_prepared_statements');
  expect(rows).toEqual([{ statement: 'select $1::integer + 1 as sum' }]);
});

test('an error leaves it usable, prepared before or not', async () => {
  const divide = (by: number): Promise<{ rows: { part: number }[] }> =>
    db.transaction(async (trx) => await prepared<{ rows: { part: number }[] }>(trx, 'select 6 / ?::integer as part', [by]));
  await expect(divide(0)).rejects.toMatchObject({ code: '22012' });
  expect((await divide(2)).rows).toEqual([{ part: 3 }]);
  // Behind a failed statement it is not even parsed.
  await expect(db.transaction((trx) => Promise.all([trx.raw('select 1 / 0'), prepared(trx, 'select ?::text as late', ['a'])])))
    .rejects.toMatchObject({ code: '22012' });
  expect((await prepared<{ rows: object[] }>(db, 'select ?::text as late', ['a'])).rows).toEqual([{ late: 'a' }]);
});

test('a plan of an empty table does not read it as a whole when it has grown', async () => {
  await db.raw('create table grown (id text primary key, n integer, wide char(2000)) with (autovacuum_enabled = false)');
  const change = (): Promise<void> => db.transaction(async (trx) => {
    await reachRowsByKey(trx);
    await prepared(trx, 'update grown set n = n + 1 from unnest(?::text[]) as u (id) where grown.id = u.id', ['{7,8,9}']);
  });
  for (let time = 0; time < 10; time += 1) await change(); // from the sixth time on Postgres keeps a plan
  await db.raw(`insert into grown select i::text, 0 from generate_series(1, 1000) as i`);
  const scans = async (): Promise<unknown> => {
    await db.raw('select pg_stat_force_next_flush()');
    const { rows } = await db.raw<{ rows: object[] }>(`select seq_tup_read from pg_stat_user_tables where relname = 'grown'`);
    return rows[0];
  };
  const before = await scans();
  await change();
  expect(await scans()).toEqual(before);
  expect((await db.raw<{ rows: object[] }>(`select n from grown where id = '7'`)).rows).toEqual([{ n: 1 }]);
});

test.each([
  ['the type of a column has changed', 'retyped', 'alter table retyped alter column n type bigint'],
  ['its session has forgotten it', 'discarded', 'discard all'],
])('after %s, a statement fails once, and not for as long as its connection lasts', async (_what, table, change) => {
  await db.raw(`create table ${table} (n integer)`);
  const read = (): Promise<{ rows: object[] }> =>
    db.transaction(async (trx) => await prepared<{ rows: object[] }>(trx, `select n from ${table}`, []));
  await read();
  await db.raw(change);
  await expect(read()).rejects.toMatchObject({ code: expect.stringMatching(/^(0A000|26000)$/) });
  expect((await read()).rows).toEqual([]);
});

test('through a pooler it is a statement like any other', async () => {
  const sent: unknown[] = [];
  const client = { processID: 1, query: (statement: unknown) => { sent.push(statement); return Promise.resolve({ rowCount: 0 }); } };
  await limitTime(client as unknown as Client, apiProfile(1_000));
  sent.length = 0;
  void client.query({ text: ADD, values: [1], name: 'some name' });
  expect(sent).toEqual([{ text: ADD, values: [1], name: undefined }]);
});
