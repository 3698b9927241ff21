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
