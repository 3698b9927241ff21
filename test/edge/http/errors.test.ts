import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { GatewayError } from '../../../src/kit/errors.js';
import { ACCESS_SECRET, fakeGateway, type FakeGateway } from '../../support/fake-gateway.js';

let gateway: FakeGateway;
let token: string;
beforeAll(async () => {
  gateway = await fakeGateway();
  token = await gateway.token({ sub: 'alice' });
});
afterAll(async () => { await gateway.stop(); });
beforeEach(() => { gateway.logged.length = 0; });
afterEach(() => { gateway.ledger.fail(null); });

const balance = () => gateway.call('GET', '/api/credits/balance', { token });

describe('the envelope', () => {
  test('says what, where, and under which request', async () => {
    const { status, body, headers } = await gateway.call('POST', '/api/credits/check', { token, body: { credits: 'seven' } });
    expect(body).toEqual({
      success: false, status, message: 'Valid credits amount required', error: 'invalid_request',
      sources: [{ path: 'body.credits', message: 'must be a number of credits, such as 7.5 or "7.50"' }],
      requestId: headers.get('x-request-id'),
    });
  });

  test('names every missing field', async () => {
    const { body } = await gateway.call('POST', '/api/streaming-sessions/initialize', { token, body: {} });
    expect(body['message']).toBe('Missing required fields');
    expect((body['sources'] as { path: string }[]).map(({ path }) => path)).toEqual([
      'body.sessionId', 'body.modelId', 'body.estimatedTokens',
    ]);
  });

  test('a legacy sentence keeps what really happened as its source', async () => {
    const { status, body } = await gateway.call('POST', '/api/streaming-sessions/finalize', {
      token, body: { sessionId: 'nope', actualTokens: 1 },
    });
    expect([status, body['message'], body['error']]).toEqual([404, 'Failed to finalize streaming session', 'hold_not_found']);
    expect(body['sources']).toEqual([{ path: 'body.sessionId', message: 'session nope not found' }]);
  });

  test.each(['unknown', 'not_executed'] as const)('503 says whether it may have happened (%s) and when to come back', async (outcome) => {
    gateway.ledger.fail(new GatewayError('ledger_unavailable', 'the ledger did not answer', {
      outcome, cause: new Error('ECONNRESET 10.0.0.7'),
    }));
    const { status, body, headers, text } = await balance();
    expect([status, body['outcome'], headers.get('retry-after')]).toEqual([503, outcome, '1']);
    expect(text).not.toContain('10.0.0.7');
    expect(gateway.logged).toEqual([]);
  });

  test('check never says sufficient when it cannot know', async () => {
    gateway.ledger.fail(new GatewayError('ledger_unavailable', 'the ledger did not answer', { outcome: 'not_executed' }));
    const { status, body } = await gateway.call('POST', '/api/credits/check', { token, body: { credits: 0 } });
    expect([status, body['sufficient']]).toEqual([503, undefined]);
  });

  test('a bug is answered with a fixed body and logged once, with the request id and without what was sent', async () => {
    gateway.ledger.fail(Object.assign(new TypeError('cannot read secret of undefined'), { command: { args: ['alice'] } }));
    const { status, body, text } = await gateway.call('GET', '/api/credits/balance', { token, headers: { 'x-request-id': 'trace-7' } });
    expect(status).toBe(500);
    expect(body).toEqual({
      success: false, status: 500, message: 'Internal server error', error: 'internal', sources: [], requestId: 'trace-7',
    });
    expect(text).not.toMatch(/secret|stack|TypeError/);
    expect(gateway.logged).toHaveLength(1);
    expect(gateway.logged[0]).toMatchObject({
      level: 'error', requestId: 'trace-7', method: 'GET', route: '/api/credits/balance',
      err: { type: 'TypeError', message: 'cannot read secret of undefined' },
    });
    const line = JSON.stringify(gateway.logged[0]);
    expect(line).not.toContain(token);
    expect(line).not.toContain('"args"');
  });

  test('what is thrown but is no error is a bug too', async () => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the very thing that is tested
    gateway.resolve = () => Promise.reject('a string');
    const { status } = await gateway.call('POST', '/api/credits/allocate', {
      token: await gateway.token({ sub: 'root', role: 'admin' }), body: { userId: 'x', credits: 1 },
    });
    gateway.resolve = () => Promise.resolve(null);
    expect(status).toBe(500);
  });

  test('ordinary requests and refusals are not logged', async () => {
    await balance();
    await gateway.call('POST', '/api/credits/check', { token, raw: '{' });
    await gateway.call('GET', '/nothing');
    await gateway.call('GET', '/api/credits/balance', { token: 'forged' });
    expect(gateway.logged).toEqual([]);
  });
});

describe('paths that are not there', () => {
  test.each([
    ['GET', '/api/credits/nothing', 401], ['GET', '/api/credits', 401], ['DELETE', '/api/streaming-sessions/x', 401],
    ['GET', '/api/usage/x/y', 401],
    ['GET', '/API/Credits/nothing', 401], ['POST', '/api/credits/balance', 401],
    ['GET', '/nothing', 404], ['GET', '/', 404], ['DELETE', '/api/users/7', 404], ['GET', '/api/statistics/usage', 404],
    ['GET', '/api/creditsx', 404],
    ['POST', '/health', 404], ['GET', '/api/credits/%', 401], ['GET', '//api/credits/x', 404],
  ])('%s %s without a token -> %d', async (method, path, status) => {
    expect((await gateway.call(method, path)).status).toBe(status);
  });

  test.each([
    ['GET', '/api/credits/nothing'], ['DELETE', '/api/credits/revoke/7'], ['PATCH', '/api/credits/allocations/7'],
    ['DELETE', '/api/credits/user/7'],
    ['POST', '/api/credits/balance'], ['GET', '/api/credits/check'], ['PUT', '/api/streaming-sessions/finalize'],
  ])('%s %s with a token -> 404 JSON, never 405', async (method, path) => {
    const { status, body, headers } = await gateway.call(method, path, { token });
    expect([status, body['error'], headers.get('allow')]).toEqual([404, 'not_found', null]);
  });

  test.each([
    '/api/credits/balance/', '/API/credits/BALANCE', '/api/credits/balance?x=1',
  ])('37 %s is the same route behind the same gate', async (path) => {
    expect((await gateway.call('GET', path)).status).toBe(401);
    expect((await gateway.call('GET', path, { token })).status).toBe(200);
  });

  test.each([
    '/api//credits/allocate', '/api/credits/allocate;x', '/api/./x/..;/credits/allocate', '/api/credits/allocate%2f',
    '/api/credits/%61llocate',
  ])('37 %s does not reach a gated route', async (path) => {
    const { status } = await gateway.call('POST', path, { token, body: { userId: 'alice', credits: 5 } });
    expect(status === 404 || status === 403).toBe(true);
  });

  test('37 a method override header overrides nothing', async () => {
    const { status } = await gateway.call('GET', '/api/credits/allocate', { token, headers: { 'x-http-method-override': 'POST' } });
    expect(status).toBe(404);
    expect(gateway.ledger.calls).not.toContain('grantLot');
  });

  test('HEAD is GET without a body, behind the same gate', async () => {
    expect((await gateway.call('HEAD', '/api/credits/balance')).status).toBe(401);
    expect((await gateway.call('HEAD', '/api/credits/balance', { token })).status).toBe(200);
  });
});

describe('request ids', () => {
  test('ours are unique and come back', async () => {
    const ids = await Promise.all(Array.from({
      length: 50,
    }, async () => (await gateway.call('GET', '/health')).headers.get('x-request-id')));
    expect(new Set(ids).size).toBe(50);
  });
  test.each(['abc', '0190c9f2-1d8c-7cc1-9b5e-5a0c8b7d2f11', 'a:b/c+d=@.-_', 'x'.repeat(100)])('a sane one is kept: %s', async (id) => {
    expect((await gateway.call('GET', '/health', { headers: { 'x-request-id': id } })).headers.get('x-request-id')).toBe(id);
  });
  test.each(['a b', '<script>', '{"a":1}', 'x'.repeat(101), '\u00e9', "a'b"])('another is replaced: %s', async (id) => {
    const kept = (await gateway.call('GET', '/health', { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(kept).not.toBe(id);
    expect(kept).toMatch(/^[\w-]{10,}$/);
  });
});

describe('headers', () => {
  test('every answer may be read from any origin, and is neither sniffed nor stored', async () => {
    const headers = { origin: 'https://app.example' };
    for (const [method, path] of [
      ['GET', '/api/credits/balance'], ['GET', '/nothing'], ['DELETE', '/api/credits/x'], ['POST', '/api/credits/check'],
    ] as const) {
      const answer = await gateway.call(method, path, { token, headers });
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      // A POST without an explicit lifetime is never stored (RFC 9111 §3).
      expect(answer.headers.get('cache-control')).toBe(method === 'POST' ? null : 'no-store');
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(answer.headers.get('x-powered-by')).toBeNull();
    }
  });

  test('a preflight is answered without a token', async () => {
    const { status, headers, text } = await gateway.call('OPTIONS', '/api/credits/allocate', {
      headers: {
        origin: 'https://app.example', 'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,x-custom',
      },
    });
    expect([status, text]).toEqual([204, '']);
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-allow-methods')).toContain('DELETE');
    expect(headers.get('access-control-allow-headers')).toBe('authorization,x-custom');
  });

  test('a preflight that asks for nonsense gets our list', async () => {
    const { headers } = await gateway.call('OPTIONS', '/x', { headers: { 'access-control-request-headers': '<script>' } });
    expect(headers.get('access-control-allow-headers')).toContain('Idempotency-Key');
  });

  test('browsers may read the headers that matter', async () => {
    const { headers } = await gateway.call('GET', '/health', { headers: { origin: 'https://app.example' } });
    expect(headers.get('access-control-expose-headers')).toContain('Idempotency-Replayed');
  });
});

test('33 the secret is nowhere in what the gateway says about itself', async () => {
  const { text } = await gateway.call('GET', '/metrics');
  expect(text).not.toContain(ACCESS_SECRET);
});
