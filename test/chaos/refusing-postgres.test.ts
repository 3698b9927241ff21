import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { OpenApi } from '../../src/edge/openapi/types.js';
import { makeRoles, urlAs } from '../../src/stores/postgres/make-roles.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { wholeDocument } from '../support/documents.js';
import { send, type Answer } from '../support/fake-gateway.js';
import { seriesOf } from '../support/gauges.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { throwawayPostgres, throwawayRedis, type TestPostgres, type TestServer } from '../support/servers.js';
import { smallDisk } from '../support/small-disk.js';
import { until } from './lab.js';

/** A Postgres that refuses, hangs or is gone: 503, never 500; messages go on; the drain waits, and goes on when it may again. */
const TIMEOUT_MS = 300_000;
const SERVER_KEY = 'a-server-key-that-only-tests-use';
let postgres: TestPostgres;
let redis: TestServer;
let gateway: TestGateway;
let root: pg.Client;
let token: string;
let walk: readonly Operation[];

/** Where the tables are, if this process may mount it. */
const disk = await smallDisk(64);

type Operation = { readonly method: string; readonly path: string; readonly body: unknown };

beforeAll(async () => {
  [postgres, redis] = await Promise.all([throwawayPostgres(), throwawayRedis()]);
  root = new pg.Client({ connectionString: postgres.adminUrl });
  await root.connect();
  if (disk !== null) await root.query(`create tablespace small location '${disk.path}'`);
  await root.query(`create database ledger ${disk === null ? '' : 'tablespace small'}`);
  await root.end();
  const ledger = new URL('/ledger', postgres.adminUrl).href;
  const [owner, app] = [{ name: 'ledger_owner', password: 'o' }, { name: 'app', password: 'a' }];
  await makeRoles(ledger, owner, app);
  await migrate(urlAs(ledger, owner));
  await connectRoot();
  gateway = await startGateway({
    redisUrl: redis.url, databaseUrl: urlAs(ledger, app), environment: { POSTGRES_TIMEOUT_MS: '2000', SERVER_API_KEYS: SERVER_KEY },
  });
  token = await gateway.token({ sub: 'alice', role: 'admin' });
  walk = operationsOf(await wholeDocument(gateway.url));
  expect((await call('POST', '/api/credits/allocate', { userId: 'alice', credits: 1_000 })).status).toBe(201);
  expect((await deduct()).status).toBe(200);
  await until('the first charge', async () => (await charges()) === 1);
}, TIMEOUT_MS);
afterAll(async () => {
  await gateway.stop();
  await root.end();
  await Promise.all([postgres.discard(), redis.discard()]);
  await disk?.discard();
}, TIMEOUT_MS);

const call = (method: string, path: string, body?: unknown): Promise<Answer> => send(gateway.url + path, method, {
  token, headers: { 'x-server-api-key': SERVER_KEY }, ...(body === undefined ? {} : { body: body as object }),
});
const deduct = (): Promise<Answer> => call('POST', '/api/credits/deduct', { credits: 1 });
const allocate = (): Promise<Answer> => call('POST', '/api/credits/allocate', { userId: 'alice', credits: 1 });

/** Every operation of the API, as its own document shows it. */
const operationsOf = ({ paths }: OpenApi): Operation[] => Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods as Record<string, { requestBody?: { content: Record<string, { example?: unknown }> } }>).map(([method, spec]) => ({
    method: method.toUpperCase(), path: path.replaceAll(/\{\w+\}/g, '1'), body: spec.requestBody?.content['application/json']?.example,
  })));

const postgresCheck = async (): Promise<unknown> =>
  ((await send(`${gateway.operationsUrl}/readyz`, 'GET')).body['checks'] as Record<string, unknown>)['postgres'];
const series = async () => seriesOf((await send(`${gateway.operationsUrl}/metrics`, 'GET')).text);
const charges = async (): Promise<number> =>
  Number((await root.query<{ n: string }>(`select count(*) as n from entries where account_id = 'alice' and captured > 0`)).rows[0]?.n);
const endConnections = (): Promise<unknown> =>
  root.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'`);
const reload = (setting: string) => async (): Promise<void> => {
  await root.query(`alter system ${setting}`);
  await root.query('select pg_reload_conf()');
};
/** Also after a restart. */
async function connectRoot(): Promise<void> {
  root = new pg.Client({ connectionString: new URL('/ledger', postgres.adminUrl).href });
  root.on('error', () => undefined);
  await root.connect();
}
async function demote(): Promise<void> {
  const { rows: [found] } = await root.query<{ dir: string }>(`select current_setting('data_directory') as dir`);
  await postgres.stop();
  await writeFile(join(found?.dir ?? '', 'standby.signal'), '');
  await postgres.restart();
  await connectRoot();
}
/** What every insert says on a full disk. On a real one pages with room still take rows, so no single answer is certain. */
const FULL = `create function full_disk() returns trigger language plpgsql as
  $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`;

type State = { readonly reason: string; readonly begin: () => Promise<unknown>; readonly end: () => Promise<unknown> };
const STATES: readonly (readonly [string, State])[] = [
  ['read-only', {
    reason: 'read_only', begin: reload('set default_transaction_read_only = on'), end: reload('reset default_transaction_read_only'),
  }],
  ['demoted to a standby', { reason: 'read_only', begin: demote, end: () => root.query('select pg_promote()') }],
  ['out of disk', {
    reason: 'resources',
    begin: async () => {
      await root.query(FULL);
      for (const table of ['entries', 'money_in']) {
        await root.query(`create trigger full_disk before insert on ${table} for each row execute function full_disk()`);
      }
    },
    end: () => root.query('drop function full_disk cascade'),
  }],
  ['locked for the role', {
    reason: 'access',
    begin: async () => {
      await root.query('alter role app nologin');
      await endConnections();
      await until('a refused connection', async () => (await series()).get('cg_postgres_refusals_total{reason="access"}') !== 0);
    },
    end: () => root.query('alter role app login'),
  }],
];

/** Calls every operation of the API, so many at a time: what cannot be answered is 503 with an outcome. */
async function expectNo500(atOnce: number, refusedMin = 6): Promise<void> {
  const answers: (readonly [string, number, string | null, unknown])[] = [];
  const waiting = walk.values(); // one iterator for all callers: each takes the next operation
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (const { method, path, body } of waiting) {
      const { status, headers, body: answer } = await call(method, path, body);
      if (status >= 500) answers.push([`${method} ${path}`, status, headers.get('retry-after'), typeof answer['outcome']]);
    }
  }));
  expect(answers).toEqual(answers.map(([operation]) => [operation, 503, '1', 'string']));
  expect(answers.length).toBeGreaterThanOrEqual(refusedMin);
}

/** Nothing was stopped: what waited in Redis arrives by itself. */
async function recovered(): Promise<void> {
  await until('the balance', async () => (await call('GET', '/api/credits/balance')).status === 200);
  await until('the journal', async () => {
    // Read each time: a request without an answer may be applied later.
    const balance = (await call('GET', '/api/credits/balance')).body['totalCredits'] as number;
    const { rows } = await root.query<{ available: string }>(`select available from accounts where account_id = 'alice'`);
    return Number(rows[0]?.available) === balance * 1_000_000;
  });
  expect((await root.query('select 1 from shards where stopped_reason is not null')).rowCount).toBe(0);
  await until('an allocation', async () => (await allocate()).status === 201);
}

test.each(STATES)('a Postgres that is %s', async (_, { reason, begin, end }) => {
  await begin();
  try {
    const refused = await allocate();
    expect([refused.status, refused.headers.get('retry-after'), refused.body['outcome']]).toEqual([503, '1', 'not_executed']);
    const before = await charges();
    expect((await Promise.all(Array.from({ length: 5 }, deduct))).map(({ status }) => status)).toEqual(Array(5).fill(200));

    await expectNo500(1);

    expect(await postgresCheck()).toMatchObject({ ok: false });
    const seen = await series();
    expect(seen.get(`cg_postgres_refusals_total{reason="${reason}"}`)).toBeGreaterThan(0);
    expect(seen.get('cg_postgres_writable')).toBe(0);
    expect(await charges()).toBe(before);
  } finally {
    await end();
  }
  await recovered();
}, TIMEOUT_MS);

const onFullDisk = disk === null ? test.skip : test;
onFullDisk('a Postgres whose disk is full (skipped where no file system can be mounted)', async () => {
  const failedDrains = async (): Promise<number> =>
    (await series()).get('cg_job_duration_seconds_count{job_name="drain",status="failed"}') ?? 0;
  const before = await failedDrains();
  disk?.fill();
  try {
    await until('a refused allocation', async () => (await allocate()).status === 503);
    await until('a refused drain', async () => {
      expect((await deduct()).status).toBe(200);
      return (await failedDrains()) > before;
    });
    await expectNo500(4, 0);
    expect((await series()).get('cg_postgres_refusals_total{reason="resources"}')).toBeGreaterThan(0);
    await until('readiness that tells it', async () => JSON.stringify(await postgresCheck()).includes('disk'));
  } finally {
    disk?.free();
  }
  await recovered();
}, TIMEOUT_MS);

test('a Postgres that hangs', async () => {
  await postgres.kill('SIGSTOP');
  try {
    await expectNo500(walk.length);
  } finally {
    await postgres.kill('SIGCONT');
  }
  await recovered();
}, TIMEOUT_MS);

test('a Postgres that is gone', async () => {
  await postgres.kill('SIGKILL');
  await expectNo500(1);
  await postgres.restart();
  await connectRoot();
  await recovered();
}, TIMEOUT_MS);
