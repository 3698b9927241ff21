import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { GatewayError } from '../../../src/kit/errors.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { classifyPostgresError, hadNoEffect, toGatewayError } from '../../../src/stores/postgres/errors.js';
import { freshDatabase, type FreshDatabase } from '../../support/servers.js';

let database: FreshDatabase;
let db: Db;
beforeAll(async () => {
  database = await freshDatabase();
  db = connectPostgres(database.databaseUrl, apiProfile(400));
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

const failure = async (handle: Db, sql: string): Promise<unknown> => {
  try {
    await handle.raw(sql);
  } catch (error) {
    return error;
  }
  throw new Error(`${sql} did not fail`);
};

test.each([
  [`select pg_sleep(5)`, 'contention', true],
  [`select 'a'::integer`, 'data', false],
  [`select U&'\\0000'`, 'other', false],
  [`create temp table t (n integer check (n > 0)); insert into t values (0)`, 'constraint', false],
  [`select * from nowhere`, 'other', false],
  [`do $$ begin raise exception 'x' using errcode = '40001'; end $$`, 'contention', true],
  [`select pg_terminate_backend(pg_backend_pid())`, 'unavailable', false],
] as const)('%s is %s', async (sql, problem, noEffect) => {
  const error = await failure(db, sql);
  expect(classifyPostgresError(error)).toBe(problem);
  expect(hadNoEffect(error)).toBe(noEffect);
});

test('a Postgres that cannot be reached has not executed anything', async () => {
  const away = connectPostgres('postgres://postgres@127.0.0.1:1/none', apiProfile(300));
  const error = toGatewayError(await failure(away, 'select 1'));
  expect(error).toBeInstanceOf(GatewayError);
  expect(error).toMatchObject({ code: 'ledger_unavailable', outcome: 'not_executed' });
  await away.destroy();
});

test('a full pool refuses in time, and waiting statements were not executed', async () => {
  const slow = Array.from({ length: 10 }, () => failure(db, 'select pg_sleep(3)'));
  const startedMs = Date.now();
  const error = await failure(db, 'select 1').catch(() => null);
  if (error !== null) expect(toGatewayError(error)).toMatchObject({ code: 'ledger_unavailable', outcome: 'not_executed' });
  expect(Date.now() - startedMs).toBeLessThan(1_500);
  await Promise.all(slow);
});

test('errors other than outages stay unchanged', async () => {
  const error = await failure(db, 'select * from nowhere');
  expect(toGatewayError(error)).toBe(error);
});
