import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiProfile, connectPostgres, type Db } from '../../../src/stores/postgres/connect.js';
import { answeringProxy, type AnsweringServer } from '../../support/answering-server.js';
import { freshDatabase, type FreshDatabase } from '../../support/servers.js';

const SILENCE_MS = 500;

let database: FreshDatabase;
let proxy: AnsweringServer;
let db: Db;
beforeAll(async () => {
  database = await freshDatabase();
  const url = new URL(database.databaseUrl);
  proxy = await answeringProxy(url);
  url.host = `127.0.0.1:${proxy.port}`;
  db = connectPostgres(url.href, { ...apiProfile(20_000), silenceMs: SILENCE_MS, connectionsMax: 1 });
});
afterAll(async () => {
  await db.destroy();
  await proxy.stop();
  await database.drop();
});

test('an answer that arrived while the loop was blocked past the silence limit is read', async () => {
  await db.raw('select 1');
  const before = proxy.answered();
  // knex sends it because of `then`
  const answer = db.raw<{ rows: { n: number }[] }>('select 7 as n from pg_sleep(0.1)').then(({ rows }) => rows);
  await sleep(50); // it is sent, and not answered yet
  await new Promise((resolve) => { setImmediate(resolve); }); // from here timers run before sockets are read
  proxy.blockUntilAnswered(before + 1, 3 * SILENCE_MS);
  expect(await answer).toEqual([{ n: 7 }]);
});

test('a connection is ended when Postgres is silent for too long', async () => {
  await expect(db.raw('select pg_sleep(30)')).rejects.toThrow('Postgres was silent for too long');
});

test('a connection that waits for no answer is kept for longer, and then ended as well', async () => {
  const kept = connectPostgres(database.databaseUrl, { ...apiProfile(20_000), silenceMs: 50, idleMs: 300, connectionsMax: 1 });
  const pid = async (): Promise<number | undefined> => {
    const { rows } = await kept.raw<{ rows: { pid: number }[] }>('select pg_backend_pid() as pid');
    return rows[0]?.pid;
  };
  const ended = async (backend: number | undefined): Promise<boolean> => {
    const { rows } = await db.raw<{ rows: object[] }>('select from pg_stat_activity where pid = ?', [backend ?? 0]);
    return rows.length === 0;
  };
  const first = await pid();
  // Silent for longer than silenceMs, and short of idleMs: on a machine that stood still the pause may have been longer.
  const startedAt = performance.now();
  await sleep(150);
  const isShort = performance.now() - startedAt < 250;
  const second = await pid();
  if (isShort) expect(second).toBe(first);
  while (!(await ended(second))) await sleep(20);
  await kept.destroy();
});
