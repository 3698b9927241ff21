import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { projectRoot } from '../../src/kit/paths.js';
import { migrate } from '../../src/stores/postgres/migrate.js';
import { openBooks, type Books } from '../support/books.js';
import { checkPostgres } from '../support/books-postgres.js';
import { checkRedis } from '../support/books-redis.js';
import { send, type Answer } from '../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { rawRedis } from '../support/redis-address.js';
import { freshDatabase, redisOperatorUrl, redisUrl, type FreshDatabase } from '../support/servers.js';
import type { Kept, KeptKey } from './story.js';

/** Data of releases before (make-release.ts): this one opens them, at the time when they were kept, and goes on. */
const FOLDER = join(projectRoot, 'test/fixtures/releases');

describe.each(readdirSync(FOLDER))('data of release %s', (release) => {
  const file = (name: string): Buffer => readFileSync(join(FOLDER, release, name));
  const told = JSON.parse(file('told.json').toString()) as Kept;
  const offsetMs = told.atMs - Date.now();
  let database: FreshDatabase;
  let gateway: TestGateway;
  let books: Books;
  let admin: string;

  beforeAll(async () => {
    database = await freshDatabase();
    await restorePostgres(database.ownerUrl, gunzipSync(file('postgres.sql.gz')).toString());
    await restoreRedis(JSON.parse(gunzipSync(file('redis.json.gz')).toString()) as KeptKey[]);
    await migrate(database.ownerUrl);
    gateway = await startGateway({
      databaseUrl: database.databaseUrl, offsetMs, environment: { REDIS_NAMESPACE: told.namespace, SHARDS: String(told.shards) },
    });
    books = openBooks({
      servers: { redisUrl: redisUrl(), databaseUrl: database.databaseUrl }, namespace: told.namespace, shards: told.shards,
      nowMs: () => Date.now() + offsetMs,
    });
    admin = await gateway.token({ sub: 'operator', role: 'admin' });
  });
  afterAll(async () => {
    await books.close();
    await gateway.stop();
    await database.drop();
  });

  const call = (method: string, path: string, body?: object, token = told.apiKey): Promise<Answer> =>
    send(gateway.url + path, method, { token, ...(body === undefined ? {} : { body }) });

  test('every account has what it had, and its API keys work', async () => {
    for (const [account, figures] of Object.entries(told.accounts)) {
      const { status, body } = await call('GET', `/v1/accounts/${encodeURIComponent(account)}`);
      expect([account, status, body]).toEqual([account, 200, expect.objectContaining(figures)]);
    }
  });

  test('open holds are open, with what was reported, and end at their price', async () => {
    for (const { account, id, amount, reported } of told.open) {
      const { body } = await call('GET', `/v1/holds/${id}?account=${encodeURIComponent(account)}`);
      expect([id, body]).toEqual([id, expect.objectContaining({ state: 'open', amount, reported })]);
    }
    const usage = { inputTokens: 1_000, outputTokens: 600 };
    const { body } = await call('POST', '/v1/holds/streaming/settle', { account: 'alice', usage, reason: 'completed' });
    expect(body).toMatchObject({ state: 'settled', captured: '8.5', released: '4' });
    const finalized = await call('POST', '/api/streaming-sessions/finalize', {
      sessionId: 'legacy', actualTokens: 100, success: true,
    }, await gateway.token({ sub: 'dora' }));
    expect([finalized.status, finalized.body]).toEqual([200, expect.objectContaining({ sessionId: 'legacy' })]);
  });

  test('ids of holds that have ended stay taken', async () => {
    for (const { account, id, captured } of told.ended) {
      const { status, body } = await call('POST', '/v1/holds', { account, id, amount: '5', leaseSeconds: 3_600 });
      expect([id, status, body['first']]).toEqual([id, 409, expect.objectContaining({ charged: captured })]);
    }
  });

  test('what was not drained yet is drained, new operations work, and the books balance', async () => {
    for (const account of Object.keys(told.accounts)) {
      expect((await call('POST', '/v1/grants', { account, amount: '30', reason: 'after the upgrade' }, admin)).status).toBe(201);
      expect((await call('POST', '/v1/charges', { account, amount: '0.5', reason: 'image' })).status).toBe(201);
    }
    await books.settled();
    const checks = [...await checkPostgres(books.db, Date.now() + offsetMs), ...await checkRedis(books.db, books.redis, books.keys)];
    expect(checks.filter(({ wrongCount }) => wrongCount > 0)).toEqual([]);
    expect(checks.reduce((sum, { compared }) => sum + compared, 0)).toBeGreaterThan(100);
  });
});

async function restorePostgres(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function restoreRedis(keys: readonly KeptKey[]): Promise<void> {
  const client = rawRedis(redisOperatorUrl());
  try {
    for (const { key, ttlMs, dump } of keys) await client.restore(key, ttlMs, Buffer.from(dump, 'base64'), 'REPLACE');
  } finally {
    client.disconnect();
  }
}
