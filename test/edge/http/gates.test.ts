import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listRoutes } from '../../../src/compose/app.js';
import type { Route } from '../../../src/edge/http/routes.js';
import { CHATSPARTY_SECRET, fakeGateway, signed, usualClaims, type FakeGateway } from '../../support/fake-gateway.js';

/** Walks the route table: what a route declares is what it does. */
let gateway: FakeGateway;
let routes: readonly Route[];
beforeAll(async () => {
  gateway = await fakeGateway();
  routes = listRoutes(gateway.deps);
});
afterAll(async () => { await gateway.stop(); });

const PUBLIC = [
  '/livez', '/readyz', '/metrics', '/health', '/api/health', '/openapi.json', '/openapi-legacy.json', '/docs', '/docs/errors',
  '/docs/reference.js', '/docs/start.js',
];

test('only health, metrics and the documents are public', () => {
  const open = routes.filter(({ gate }) => gate.kind === 'public').map(({ path }) => path);
  expect(open.sort()).toEqual([...PUBLIC].sort());
});

test('no route is registered twice, and each says what it answers', () => {
  expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length);
  for (const { summary, replies } of routes) expect([summary.length > 0, Object.keys(replies).length > 0]).toEqual([true, true]);
});

test('every other route refuses who is not known, before it looks at the body', async () => {
  for (const { method, path, gate } of routes) {
    if (gate.kind === 'public') continue;
    const { status, body } = await gateway.call(method, path, method === 'GET' ? {} : { raw: '{' });
    // In the words of ChatsParty, where it is asked (docs/contracts/README.md#identity).
    expect([path, status, body['detail'] ?? body['message']]).toEqual([
      path, 401, body['error'] === 'Unauthorized' ? 'No authorization header provided' : 'Authentication token required',
    ]);
  }
});

describe('35 routes of administrators', () => {
  test.each(['enduser', 'user', 'User', undefined])('role %s is refused everywhere, before the body is looked at', async (role) => {
    const token = await gateway.token({ sub: 'mallory', role });
    const gated = routes.filter(({ gate }) => gate.kind === 'roles');
    expect(gated.length).toBeGreaterThan(0);
    for (const { method, path } of gated) {
      const { status, body } = await gateway.call(method, path, method === 'GET' ? { token } : { token, raw: '{' });
      expect([path, status, body['detail'] ?? body['message'], body['code'] ?? body['error']]).toEqual([
        path, 403, 'Admin access required', 'forbidden',
      ]);
    }
  });

  test('a ChatsParty token is refused, whatever it says', async () => {
    const token = await signed(CHATSPARTY_SECRET, { ...usualClaims(gateway.clock.nowMs), userId: 'mallory', role: 'admin' });
    for (const { method, path, gate } of routes) {
      if (gate.kind === 'roles') {
        expect((await gateway.call(method, path, method === 'GET' ? { token } : { token, body: {} })).status).toBe(403);
      }
    }
  });

  test.each(['admin', 'supervisor'])('%s may allocate', async (role) => {
    const token = await gateway.token({ sub: 'root', role });
    expect((await gateway.call('POST', '/api/credits/allocate', { token, body: { userId: 'bob', credits: 1 } })).status).toBe(201);
  });
});

describe('34 and 38 one user cannot reach another', () => {
  test('a session of someone else is not there', async () => {
    const [alice, bob, root] = [
      await gateway.token({ sub: 'alice' }), await gateway.token({ sub: 'bob' }),
      await gateway.token({ sub: 'root', role: 'admin' }),
    ];
    await gateway.call('POST', '/api/credits/allocate', { token: root, body: { userId: 'alice', credits: 100 } });
    await gateway.call('POST', '/api/streaming-sessions/initialize', {
      token: alice, body: { sessionId: 's1', modelId: 'm', estimatedTokens: 1_000 },
    });
    for (const token of [bob, root]) {
      const theirs = await gateway.call('POST', '/api/streaming-sessions/finalize', { token, body: { sessionId: 's1', actualTokens: 1 } });
      const none = await gateway.call('POST', '/api/streaming-sessions/finalize', { token, body: { sessionId: 's2', actualTokens: 1 } });
      expect([theirs.status, theirs.body['message']]).toEqual([404, none.body['message']]);
      expect((await gateway.call('POST', '/api/streaming-sessions/abort', { token, body: { sessionId: 's1' } })).status).toBe(404);
    }
    const { body } = await gateway.call('GET', '/api/streaming-sessions/active', { token: bob });
    expect(body).toEqual([]);
    expect((await gateway.call('GET', '/api/streaming-sessions/active', { token: alice })).text).toContain('"s1"');
  });

  test('fields that belong to the server are ignored in bodies', async () => {
    const token = await gateway.token({ sub: 'carol' });
    const injected = {
      userId: 'alice', user_id: 'alice', accountId: 'alice', role: 'admin', balance: 1e6, allocatedBy: 'x', seq: 1, expiresAt: 0,
    };
    const check = await gateway.call('POST', '/api/credits/check', { token, body: { credits: 1, ...injected } });
    expect([check.status, check.body['sufficient'], check.body['credits']]).toEqual([200, false, 0]);
    const record = await gateway.call('POST', '/api/usage/record', {
      token, body: { service: 's', operation: 'o', credits: 1, ...injected },
    });
    expect(record.status).toBe(402);
  });
});
