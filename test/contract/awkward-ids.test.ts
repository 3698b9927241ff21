import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { apiProfile, connectPostgres, type Db } from '../../src/stores/postgres/connect.js';
import { operator, type Operator } from '../edge/console/lab.js';
import { AWKWARD_IDS } from '../support/awkward-ids.js';
import { creditsLab, type Lab } from './credits-process/lab.js';

/** Any text is an account id (docs/contracts/README.md#n-04): through every dialect, by token, body, path, form and page. */
let lab: Lab;
let root: Operator;
let db: Db;
beforeAll(async () => {
  lab = await creditsLab();
  root = operator(lab.gateway.url, await lab.gateway.token({ sub: 'root', role: 'admin' }));
  db = connectPostgres(lab.gateway.databaseUrl, apiProfile(20_000));
});
afterAll(async () => {
  await db.destroy();
  await lab.stop();
});

type Said = { readonly status: number; readonly body: Record<string, unknown> };

async function own(sub: string): Promise<(method: string, path: string, body?: object) => Promise<Said>> {
  const token = await lab.gateway.token({ sub });
  return async (method, path, body) => {
    const response = await fetch(lab.gateway.url + path, {
      method, headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() as Record<string, unknown> };
  };
}

const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

test.each(AWKWARD_IDS)('%j is an account in every dialect', async (id) => {
  const call = await own(id);
  const at = encodeURIComponent(id);
  const { admin, post } = lab;
  const told = async (path: string, body: object) => (await admin('POST', path, body)).status;

  // A grant by a server's key is seen at once by whatever route comes next.
  expect((await post('/api/user-wallets/give-bonus-credits', { user_id: id, credits: 100 })).body.data)
    .toMatchObject({ user: id, credits: 100 });
  expect((await admin('POST', '/api/credits/set', { userId: id, credits: 60 })).body).toMatchObject({ userId: id, previousCredits: 100 });
  expect((await call('GET', '/api/credits/balance')).body).toMatchObject({ userId: id, totalCredits: 60 });
  expect((await admin('POST', '/api/credits/allocate', { userId: id, credits: 40 })).body).toMatchObject({ userId: id });
  expect((await admin('PUT', '/api/credits/adjust', { userId: id, adjustment: 2 })).body).toMatchObject({ userId: id, newCredits: 102 });
  expect((await admin('DELETE', '/api/credits/remove', { userId: id, credits: 2 })).body).toMatchObject({ userId: id, newCredits: 100 });
  expect((await admin('POST', '/credits/add', { userId: id, amount: 1, transactionType: 'bonus', reason: 'welcome_bonus' })).body)
    .toMatchObject({ userId: id, balanceAfter: 101 });
  expect((await call('POST', '/api/credits/deduct', { credits: 1 })).status).toBe(200);

  const started = (await post('/api/credits-process/start', { user_id: id, feature_endpoint_value: 'ai_chat_v1' })).body.data;
  expect(started).toMatchObject({ user_id: id, status: 'accessible', credits: 100 });
  const ended = await post('/api/credits-process/end', {
    user_id: id, usage_key: started.usage_key, feature_endpoint_value: 'ai_chat_v1', input_tokens: 1, output_tokens: 1,
  });
  expect(ended.body.data).toMatchObject({ user_id: id, status: 'returnable' });
  expect((await post('/api/feature-usage-logs', { user_id: id })).body.data).toMatchObject({ user: id });

  for (const sessionId of ['s:1', 'due:1']) {
    const stream = { sessionId, modelId: 'gpt-4', estimatedTokens: 1_500 };
    expect((await call('POST', '/api/streaming-sessions/initialize', stream)).status).toBe(201);
  }
  expect((await admin('GET', `/api/streaming-sessions/active/${at}`)).body).toMatchObject([
    { userId: id, sessionId: 's:1' }, { userId: id, sessionId: 'due:1' },
  ]);
  expect((await call('POST', '/api/streaming-sessions/finalize', { sessionId: 's:1', actualTokens: 1_500 })).body)
    .toMatchObject({ actualCredits: 7.5 });
  expect((await admin('GET', `/api/streaming-sessions/recent/${at}`)).body).toMatchObject({ filter: { userId: id } });

  expect((await admin('GET', `/api/credits/balance/${at}`)).body['userId']).toBe(id);
  expect((await admin('GET', `/v1/accounts/${at}`)).body).toMatchObject({ account: id, holds: [{ id: 'due:1' }] });
  expect((await admin('GET', `/api/usage/stats/${at}`)).body['totalRecords']).toBeGreaterThan(0);
  expect(((await call('GET', '/v1/entries')).body['data'] as object[]).length).toBeGreaterThan(5);
  expect((await call('GET', '/api/credits/transactions')).body['total']).toBeGreaterThan(5);
  expect(await told(`/v1/accounts/${at}/freeze`, { reason: 'r' })).toBe(200);
  expect((await call('POST', '/api/credits/deduct', { credits: 1 })).status).toBe(423);
  expect(((await admin('GET', `/v1/refusals?account=${at}`)).body['data'] as object[]).length).toBeLessThanOrEqual(1);
  expect(await told(`/v1/accounts/${at}/thaw`, { reason: 'r' })).toBe(200);
  expect((await admin('POST', '/v1/reconciliation', { account: id })).body).toMatchObject({ account: id, result: 'ok' });

  await admin('PUT', '/v1/plans/any', { name: 'any', credits: 1, period: 'month' });
  expect((await admin('PUT', `/v1/account-plans/${at}`, { plan: 'any' })).body).toMatchObject({ account: id });
  expect((await admin('GET', `/v1/account-plans/${at}`)).body).toMatchObject({ account: id });
  expect((await admin('DELETE', `/v1/account-plans/${at}`)).status).toBe(204);
  const pack = String((await admin('POST', '/api/admin/packages', { name: 'p' })).body['_id']);
  expect((await admin('POST', '/api/admin/subscriptions', { user_id: id, package_id: pack })).body['user_id']).toBe(id);
  expect((await admin('GET', `/api/admin/subscriptions?user_id=${at}`)).body).toMatchObject([{ user_id: id }]);

  const found = await root.get(`/console/find?who=${at}`);
  expect([found.status, found.headers.get('location')]).toEqual([303, `/console/accounts/${at}`]);
  const page = await root.get(`/console/accounts/${at}`);
  expect([page.status, page.text.includes(escaped(id)), page.text.includes(`/console/accounts/${escaped(at)}/holds/due%3A1`)])
    .toEqual([200, true, true]);
  expect((await root.get(`/console/accounts/${at}/holds/due%3A1`)).status).toBe(200);
});

test('leases that are over are ended by the sweeper, and nothing differs between Redis and Postgres', async () => {
  lab.gateway.advance(3_600_000);
  const ids = AWKWARD_IDS as string[];
  for (const deadline = Date.now() + 60_000; ;) {
    const { rows } = await db.raw<{ rows: { account_id: string }[] }>(
      `select distinct account_id from entries where kind = 'expire_hold' and hold_id = 'due:1' and account_id = any(?)`, [ids],
    );
    if (rows.length === ids.length) break;
    if (Date.now() > deadline) throw new Error(`only ${rows.length} of ${ids.length} were ended`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  for (const id of ids) {
    expect((await lab.admin('GET', `/v1/accounts/${encodeURIComponent(id)}`)).body).toMatchObject({ account: id, held: '0', holds: [] });
    expect((await lab.admin('POST', '/v1/reconciliation', { account: id })).body).toMatchObject({ result: 'ok', differences: [] });
  }
});

test('two spellings are two accounts: case, normalisation, spaces, escapes', async () => {
  for (const [one, other] of [['Case@Example.com', 'case@example.com'], ['\u00e9', 'e\u0301'], ['s', 's '], ['p%41', 'pA']]) {
    await lab.post('/api/user-wallets/give-bonus-credits', { user_id: one, credits: 5 });
    expect((await (await own(other ?? ''))('GET', '/api/credits/balance')).body).toMatchObject({ userId: other, totalCredits: 0 });
    expect((await (await own(one ?? ''))('GET', '/api/credits/balance')).body).toMatchObject({ userId: one, totalCredits: 5 });
  }
});

test('what no account can be is refused by name: too long, NUL, a lone surrogate', async () => {
  for (const id of ['', 'x'.repeat(256), 'a\u0000b', 'a\ud800']) {
    const { status, body } = await lab.post('/api/user-wallets/give-bonus-credits', { user_id: id, credits: 1 });
    expect([status, body.sources?.map(({ path }) => path)]).toEqual([400, ['body.user_id']]);
  }
});
