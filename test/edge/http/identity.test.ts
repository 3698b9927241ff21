import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { AWKWARD_IDS } from '../../support/awkward-ids.js';
import { fakeGateway, type Answer, type FakeGateway } from '../../support/fake-gateway.js';

/** docs/reliability.md#bounds-against-misuse: names that come from outside. */
let gateway: FakeGateway;
let admin: string;
beforeAll(async () => {
  gateway = await fakeGateway();
  admin = await gateway.token({ sub: 'root', role: 'admin' });
});
afterAll(async () => { await gateway.stop(); });
afterEach(() => { gateway.resolve = () => Promise.resolve(null); });

const allocate = (body: object, headers: Record<string, string> = {}): Promise<Answer> =>
  gateway.call('POST', '/api/credits/allocate', { token: admin, body, headers });

describe('16 whom to credit', () => {
  test.each(['', 'x'.repeat(256), 'x'.repeat(10_240), 'a\u0000', '\ud800'])('%j -> 400', async (userId) => {
    const { status, body } = await allocate({ userId, credits: 1 });
    expect([status, body['message']]).toEqual([400, 'Valid userId and credits required']);
  });

  test.each([
    'alice', '507f1f77bcf86cd799439011', 'auth0|123', 'a@example.com', 'all', 'x'.repeat(255), '\u{1F600}'.repeat(255),
    '{}', '}', '}{', 'a}b', '\u202Eecila', 'ali\u200Bce', 'e\u0301', '\u00e9', '../../', '%2e%2e', 'user\r\nX: y', ' a', '-a', '.a',
    ...AWKWARD_IDS,
  ])('%j is an account', async (userId) => {
    const { status, body } = await allocate({ userId, credits: 1 });
    expect([status, body['userId']]).toEqual([201, userId]);
  });

  test.each([[{ id: 'alice' }], [7], [null], [['alice']], [true]])('%j is no name -> 400, not 500', async (userId) => {
    expect((await allocate({ userId, credits: 1 })).status).toBe(400);
  });

  test('a known name goes to its account; one that means several is refused; targetUserId is an alias', async () => {
    gateway.resolve = (text) => Promise.resolve(text === 'Alice' ? { accountId: 'u-alice' } : text === 'Sam' ? 'ambiguous' : null);
    expect((await allocate({ userId: 'Alice', credits: 1 })).body['userId']).toBe('u-alice');
    expect((await allocate({ targetUserId: 'Alice', credits: 1 })).body['userId']).toBe('u-alice');
    expect((await allocate({ userId: 'Alice', targetUserId: 'Alice', credits: 1 })).status).toBe(201);
    expect((await allocate({ userId: 'Alice', targetUserId: 'bob', credits: 1 })).status).toBe(400);
    const ambiguous = await allocate({ userId: 'Sam', credits: 1 });
    expect([ambiguous.status, ambiguous.body['error']]).toEqual([409, 'conflict']);
  });

  test('a name that is no id is resolved all the same', async () => {
    const name = 'x'.repeat(320);
    gateway.resolve = (text) => Promise.resolve(text === name ? { accountId: 'u-long' } : null);
    expect((await allocate({ userId: name, credits: 1 })).body['userId']).toBe('u-long');
  });
});

describe('expiryDays and notes', () => {
  const daysOf = async (expiryDays: unknown): Promise<number> => {
    const { body } = await allocate({ userId: 'bob', credits: 1, expiryDays });
    return (Date.parse(String(body['expiresAt'])) - gateway.clock.nowMs) / 86_400_000;
  };
  test('absent and null are 30 days; a hundred years are the most', async () => {
    expect([await daysOf(undefined), await daysOf(null), await daysOf(1), await daysOf(36_500)]).toEqual([30, 30, 1, 36_500]);
  });
  test.each(['60', 0, -5, 0.5, 36_501, 1e9, true, [], {}])('%j -> 400', async (expiryDays) => {
    expect((await allocate({ userId: 'bob', credits: 1, expiryDays })).status).toBe(400);
  });
  test.each([['x'.repeat(1_000), 201], ['', 201], [null, 201], ['x'.repeat(1_001), 400], [7, 400]])('notes', async (notes, status) => {
    expect((await allocate({ userId: 'bob', credits: 1, notes })).status).toBe(status);
  });
});

describe('21 Idempotency-Key', () => {
  const record = (key: string, sub = 'alice', operation = 'o'): Promise<Answer> => gateway.token({ sub })
    .then((token) => gateway.call('POST', '/api/usage/record', {
      token, body: { service: 's', operation, credits: 0 }, headers: { 'idempotency-key': key },
    }));

  test.each(['""', 'x'.repeat(256), 'a b', 'clé', '"a b"'])('%s -> 400 that names the header', async (key) => {
    const { status, body } = await record(key);
    expect([status, (body['sources'] as { path: string }[])[0]?.path]).toEqual([400, 'header.Idempotency-Key']);
  });

  test('255 characters, and quotes or none, are fine and the same', async () => {
    expect((await record('x'.repeat(255))).status).toBe(201);
    const first = await record('k1');
    const second = await record('"k1"');
    expect([first.headers.get('idempotency-replayed'), second.headers.get('idempotency-replayed')]).toEqual([null, 'true']);
    expect(second.body).toEqual(first.body);
  });

  test('another body under the same key -> 422; another user has separate keys', async () => {
    await record('k2');
    const other = await record('k2', 'alice', 'other');
    expect([other.status, other.body['error']]).toEqual([422, 'idempotency_mismatch']);
    expect((await record('k2', 'bob', 'other')).status).toBe(201);
  });

  test('a charge cannot be named like a grant', async () => {
    const { deps } = gateway;
    const keys: unknown[] = [];
    const charge = deps.accounting.ledger.charge.bind(deps.accounting.ledger);
    deps.accounting.ledger.charge = (command) => { keys.push(command.key); return charge(command); };
    await record('intent:1');
    deps.accounting.ledger.charge = charge;
    expect(keys).toMatchObject([{ operation: 'usage', key: 'intent:1' }]);
  });

  test('an allocation is made once per key', async () => {
    const first = await allocate({ userId: 'dave', credits: 5 }, { 'idempotency-key': 'a1' });
    const second = await allocate({ userId: 'dave', credits: 5 }, { 'idempotency-key': 'a1' });
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    const { body } = await gateway.call('GET', '/api/credits/balance', { token: await gateway.token({ sub: 'dave' }) });
    expect(body['totalCredits']).toBe(5);
  });

  test('sent twice it names nothing', async () => {
    const token = await gateway.token({ sub: 'alice' });
    const headers = new Headers({ authorization: `Bearer ${token}`, 'content-type': 'application/json' });
    headers.append('idempotency-key', 'a');
    headers.append('idempotency-key', 'b');
    const response = await fetch(`${gateway.url}/api/usage/record`, {
      method: 'POST', headers, body: '{"service":"s","operation":"o","credits":0}',
    });
    expect(response.status).toBe(400);
  });
});

describe('session ids', () => {
  const BAD = 'must be visible ASCII characters, without spaces';
  test.each([
    ['', 'must not have fewer than 1 characters', 'Missing required fields'], [null, 'must be string', 'Missing required fields'],
    [' ', BAD], ['a b', BAD], ['é', BAD], ['x'.repeat(129), 'must not have more than 128 characters'], [7, 'must be string'],
    [{}, 'must be string'], [['s'], 'must be string'],
  ])('%j -> 400 that says what is wrong', async (sessionId, problem, legacy = `sessionId ${problem}`) => {
    const token = await gateway.token({ sub: 'alice' });
    for (const [path, rest] of [
      ['initialize', { modelId: 'm', estimatedTokens: 1 }], ['finalize', { actualTokens: 1 }], ['abort', {}],
    ] as const) {
      const { status, body } = await gateway.call('POST', `/api/streaming-sessions/${path}`, { token, body: { sessionId, ...rest } });
      expect([path, status, body['message']]).toEqual([path, 400, legacy]);
      expect(body['sources']).toContainEqual({ path: 'body.sessionId', message: problem });
    }
  });

  test('20 the same session id of two users is two sessions', async () => {
    for (const sub of ['erin', 'frank']) {
      await allocate({ userId: sub, credits: 10 });
      const token = await gateway.token({ sub });
      const { status, headers } = await gateway.call('POST', '/api/streaming-sessions/initialize', {
        token, body: { sessionId: 'same|s:1', modelId: 'm', estimatedTokens: 1_000 },
      });
      expect([status, headers.get('idempotency-replayed')]).toEqual([201, null]);
    }
  });
});
