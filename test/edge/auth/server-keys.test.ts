import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiProfile, connectPostgres } from '../../../src/stores/postgres/connect.js';
import { creditsLab, type Lab } from '../../contract/credits-process/lab.js';
import { until } from '../queues/lab.js';

/** Keys of servers: made once, kept as digests, refused within a second of their end. */
let lab: Lab;
beforeAll(async () => { lab = await creditsLab(); });
afterAll(async () => { await lab.stop(); });

type Key = { readonly id: string; readonly key: string; readonly hint: string };
const make = async (body: object): Promise<Key> => {
  const answer = await lab.admin('POST', '/api/admin/server-keys', body);
  expect(answer.status).toBe(201);
  return answer.body as unknown as Key;
};
const startWith = (key: string) =>
  lab.post('/api/credits-process/start', { user_id: lab.user(), feature_endpoint_id: 'ai_chat_v1' }, { 'x-server-api-key': key });

test('a key works at once for its scopes, and within a second of its revocation it does not', async () => {
  const { id, key, hint } = await make({ name: 'agent', scopes: ['credits-process'] });
  expect(key).toMatch(/^cgk_[\w-]{43}$/);
  expect(hint).toBe(`${key.slice(0, 10)}…`);
  expect((await startWith(key)).status).toBe(200);
  const other = await lab.post('/api/user-wallets/give-bonus-credits', { user_id: lab.user(), credits: 1 }, { 'x-server-api-key': key });
  expect([other.status, other.body.message]).toEqual([403, 'This server API key has no scope wallets']);

  expect((await lab.admin('DELETE', `/api/admin/server-keys/${id}`)).status).toBe(200);
  await sleep(1_000);
  const refused = await startWith(key);
  expect([refused.status, refused.body.message]).toEqual([401, 'Invalid server API key']);
});

test('a key ends by itself when it was made to', async () => {
  const { key } = await make({ name: 'short', scopes: ['*'], expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
  expect((await until(() => startWith(key), ({ status }) => status === 200, 1_000)).status).toBe(200);
  lab.gateway.advance(3_700_000);
  expect((await startWith(key)).status).toBe(401);
});

test('the list shows when a key was used last, and never the key', async () => {
  const { id, key } = await make({ name: 'seen', scopes: ['telemetry', 'credits-process'] });
  await until(() => startWith(key), ({ status }) => status === 200, 1_000);
  const used = await until(
    async () => (await lab.admin('GET', '/api/admin/server-keys')).body.find((each) => each['id'] === id),
    (found) => typeof found?.['lastUsedAt'] === 'string', 10_000,
  );
  expect(used).toMatchObject({
    name: 'seen', scopes: ['telemetry', 'credits-process'], createdBy: 'root', revokedAt: null,
    lastUsedAt: expect.any(String) as unknown,
  });
  expect(JSON.stringify((await lab.admin('GET', '/api/admin/server-keys')).body)).not.toContain(key);
  const db = connectPostgres(lab.gateway.databaseUrl, apiProfile(5_000));
  const { rows } = await db.raw<{ rows: unknown[] }>('select * from server_keys');
  await db.destroy();
  expect(JSON.stringify(rows)).not.toContain(key);
});

test('bad requests are refused, all issues named', async () => {
  for (const body of [
    { name: '', scopes: ['credits-process'] }, { name: 'x', scopes: [] }, { name: 'x', scopes: ['everything'] },
    { name: 'x', scopes: ['*'], expiresAt: '2001-01-01T00:00:00Z' },
  ]) {
    expect((await lab.admin('POST', '/api/admin/server-keys', body)).status).toBe(400);
  }
  expect((await lab.admin('DELETE', '/api/admin/server-keys/unknown')).status).toBe(404);
});

test('a gateway that has no key at all says so, and strict ids are what the original took', async () => {
  const bare = await creditsLab({ SERVER_API_KEYS: '', CREDITS_PROCESS_STRICT_IDS: 'true', CREDITS_PROCESS_HOLD: 'none' });
  try {
    const none = await bare.post('/api/credits-process/start', {}, { 'x-server-api-key': 'anything' });
    expect([none.status, none.body.message, none.body.data.status]).toEqual([500, 'Server API key not configured', 'not-accessible']);
    const { body } = await bare.admin('POST', '/api/admin/server-keys', { name: 'first', scopes: ['*'] });
    const headers = { 'x-server-api-key': body['key'] as string };
    await until(() => bare.post('/api/credits-process/start', {}, headers), ({ status }) => status === 400, 2_000);
    const strict = await bare.post('/api/credits-process/start', { user_id: 'abc', feature_endpoint_id: 'ai_chat_v1' }, headers);
    expect([strict.status, strict.body.sources]).toEqual([
      400,
      [{ path: 'body.user_id', message: 'Invalid ID format' }, { path: 'body.feature_endpoint_id', message: 'Invalid ID format' }],
    ]);
    const user = bare.user();
    await bare.grant(user, 100);
    const started = await bare.post('/api/credits-process/start', { user_id: user, feature_endpoint_value: 'ai_chat_v1' }, headers);
    expect(started.body.data.status).toBe('accessible');
    expect(await bare.balance(user)).toBe(100);
  } finally {
    await bare.stop();
  }
});
