import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { GatewayError } from '../../../src/kit/errors.js';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { classifyPostgresError, hadNoEffect, toGatewayError, together, troubleIn } from '../../../src/stores/postgres/errors.js';
import { freshDatabase, type FreshDatabase } from '../../support/servers.js';

let database: FreshDatabase;
let db: Db;
beforeAll(async () => {
  database = await freshDatabase();
  db = connectPostgres(database.ownerUrl, apiProfile(400));
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

/** SQLSTATEs that the server raises because of its own state, and neighbours of the same class that it does not. */
test.each([
  ['25006', 'unavailable', true, 'read_only'], ['53000', 'unavailable', true, 'resources'], ['53100', 'unavailable', true, 'resources'],
  ['53200', 'unavailable', true, 'resources'], ['53300', 'unavailable', true, 'connections'], ['53400', 'unavailable', true, 'resources'],
  ['57P01', 'unavailable', false, 'stopping'], ['57P02', 'unavailable', false, 'stopping'], ['57P03', 'unavailable', true, 'stopping'],
  ['57P04', 'unavailable', false, 'stopping'], ['57P05', 'unavailable', false, null], ['28000', 'unavailable', true, 'access'],
  ['28P01', 'unavailable', true, 'access'], ['3D000', 'unavailable', true, 'access'], ['42501', 'unavailable', true, 'access'],
  ['55000', 'unavailable', true, 'access'], ['58030', 'unavailable', false, 'io'], ['08001', 'unavailable', true, null],
  ['08004', 'unavailable', true, null], ['08006', 'unavailable', false, null], ['08P01', 'unavailable', false, null],
  ['25P03', 'unavailable', false, null], ['57014', 'contention', true, null], ['55P03', 'contention', true, null],
  ['40001', 'contention', true, null], ['40P01', 'contention', true, null], ['22P02', 'data', false, null],
  ['23505', 'constraint', false, null],
  ['25001', 'other', false, null], ['42P01', 'other', false, null], ['42703', 'other', false, null], ['P0001', 'other', false, null],
  ['XX000', 'other', false, null],
] as const)('SQLSTATE %s is %s', async (sqlState, problem, noEffect, trouble) => {
  const error = await failure(db, `do $$ begin raise exception 'x' using errcode = '${sqlState}'; end $$`);
  expect([classifyPostgresError(error), hadNoEffect(error), troubleIn(error)]).toEqual([problem, noEffect, trouble]);
  expect(toGatewayError(error)).toMatchObject(problem === 'unavailable' || problem === 'contention'
    ? { code: 'ledger_unavailable', outcome: noEffect ? 'not_executed' : 'unknown' }
    : { code: sqlState });
});

test.each([['FATAL', 'unavailable', 'io'], ['PANIC', 'unavailable', 'io'], ['ERROR', 'other', null]] as const)(
  'an internal error with the severity %s is %s: a full server refuses a session with it', (severity, problem, trouble) => {
    const error = Object.assign(new Error('could not write init file'), { code: 'XX000', severity });
    expect([classifyPostgresError(error), hadNoEffect(error), troubleIn(error)]).toEqual([problem, false, trouble]);
  },
);

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

test('of statements that are under way at once the error that counts is the one that failed their transaction', async () => {
  const later = async (code: string, turns: number): Promise<never> => {
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    throw Object.assign(new Error(code), { code });
  };
  await expect(together([later('25P02', 1), later('22P02', 5), 1, later('25P02', 9)])).rejects.toMatchObject({ code: '22P02' });
  await expect(together([1, later('25P02', 1)])).rejects.toMatchObject({ code: '25P02' });
  expect(await together([1, Promise.resolve(2)])).toEqual([1, 2]);
});
