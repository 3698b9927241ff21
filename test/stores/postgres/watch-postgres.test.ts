import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiProfile, connectPostgres, watchProfile, type Db } from '../../../src/stores/postgres/connect.js';
import type { Trouble } from '../../../src/stores/postgres/trouble.js';
import { watchPostgres, type PostgresWatch } from '../../../src/stores/postgres/watch-postgres.js';
import { until } from '../../chaos/lab.js';
import { testMetrics, type TestMetrics } from '../../support/gauges.js';
import { throwawayPostgres, type TestPostgres } from '../../support/servers.js';

const EVERY_MS = 100;
const TROUBLE_MS = 1_500;
let server: TestPostgres;
let db: Db;
let api: Db;
let metrics: TestMetrics;
let watch: PostgresWatch;
const told: (Trouble | null)[] = [];
beforeAll(async () => {
  server = await throwawayPostgres();
  metrics = testMetrics();
  db = connectPostgres(server.url, { ...watchProfile(1_000), connectionsMax: 1 });
  api = connectPostgres(server.adminUrl, { ...apiProfile(30_000), connectionsMax: 2 });
  watch = watchPostgres({
    db, pools: [api], metrics, onError: () => undefined, onTrouble: (trouble) => { told.push(trouble); }, everyMs: EVERY_MS,
    troubleMs: TROUBLE_MS,
  });
});
afterAll(async () => {
  watch.stop();
  await Promise.all([db.destroy(), api.destroy()]);
  await server.discard();
});

const isWritable = async (): Promise<boolean> => (await metrics.gauge('cg_postgres_writable')) === 1;
const refusals = async (reason: Trouble): Promise<number | undefined> => metrics.gauge(`cg_postgres_refusals_total{reason="${reason}"}`);

test('a Postgres that can be used', async () => {
  expect(watch.check()).toEqual({ ok: true, detail: 'up' }); // before the first look
  await until('a look', async () => (await metrics.gauge('cg_postgres_ping_seconds') ?? 0) > 0);
  expect([await metrics.gauge('cg_postgres_up'), watch.check().ok]).toEqual([1, true]);
  // An error of a statement says nothing about the server.
  await api.raw('select * from nowhere').catch(() => undefined);
  await sleep(3 * EVERY_MS);
  expect([watch.check().ok, told]).toEqual([true, []]);
});

test('a read-only Postgres answers and cannot be used', async () => {
  await api.raw('alter system set default_transaction_read_only = on');
  await api.raw('select pg_reload_conf()');
  await until('it is seen', async () => !(await isWritable()));
  expect([watch.check(), await metrics.gauge('cg_postgres_up')]).toEqual([{ ok: false, detail: 'read-only: nothing can be written' }, 1]);
  await api.raw('create table refused (n integer)').catch(() => undefined);
  expect(await refusals('read_only')).toBe(1);
  await api.raw('alter system reset default_transaction_read_only');
  await api.raw('select pg_reload_conf()');
  await until('it is writable', isWritable);
  await until('it is told', () => told.length === 2); // told at the next look, after the refused statement is forgotten
  expect(told.splice(0)).toEqual(['read_only', null]);
});

test('what only a statement meets is told for a while', async () => {
  await api.raw(`do $$ begin raise exception 'x' using errcode = '53100'; end $$`).catch(() => undefined);
  expect([watch.check(), await refusals('resources')]).toEqual([{ ok: false, detail: 'out of disk, memory or another resource' }, 1]);
  await until('it is over', () => watch.check().ok);
  await until('it is told', () => told.length === 2);
  expect(told.splice(0)).toEqual(['resources', null]);
});

test('connections that are refused are told, too', async () => {
  await api.raw('create role app login');
  const url = new URL(server.url);
  await api.raw(`alter role app password '${url.password}' connection limit 0`);
  url.username = 'app';
  const app = connectPostgres(url.href, watchProfile(1_000));
  const seen = testMetrics();
  const looks = watchPostgres({
    db: app, pools: [], metrics: seen, onError: () => undefined, onTrouble: () => undefined, everyMs: EVERY_MS,
  });
  await until('a look', async () => (await seen.gauge('cg_postgres_up')) === 0);
  expect([looks.check(), (await seen.gauge('cg_postgres_refusals_total{reason="connections"}') ?? 0) > 0]).toEqual([
    { ok: false, detail: 'has no connection left' }, true,
  ]);
  looks.stop();
  await app.destroy();
});

test.each(['SIGSTOP', 'SIGKILL'] as const)('a Postgres that gets %s is down, and its last ping is not reported', async (signal) => {
  await until('it is up', isWritable);
  await server.kill(signal);
  await until('it is down', async () => (await metrics.gauge('cg_postgres_up')) === 0);
  expect([watch.check().ok, await isWritable(), await metrics.gauge('cg_postgres_ping_seconds')]).toEqual([false, false, undefined]);
  if (signal === 'SIGSTOP') await server.kill('SIGCONT');
  else await server.restart();
  await until('it is up again', isWritable);
});
