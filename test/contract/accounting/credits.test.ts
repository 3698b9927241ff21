import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway } from '../../support/gateway.js';

/**
 * Credits of the accounting service: docs/contracts/accounting-service.md#credits,
 * docs/contracts/accounting-service.md#prices and the examples of seeds 000, 001 and 003.
 */
let gateway: Awaited<ReturnType<typeof startGateway>>;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway();
  admin = await gateway.token({ sub: 'contract-admin', role: 'admin' });
});
afterAll(async () => { await gateway.stop(); });

type Client = {
  readonly sub: string;
  readonly token: string;
  get(path: string): Promise<Answer>;
  post(path: string, body: object): Promise<Answer>;
};

/** A new user, with credits if given. */
async function someone(credits?: number | string): Promise<Client> {
  const sub = `c-${randomUUID()}`;
  const token = await gateway.token({ sub, role: 'user', username: sub, email: `${sub}@example.com` });
  if (credits !== undefined) {
    const { status } = await send(`${gateway.url}/api/credits/allocate`, 'POST', { token: admin, body: { userId: sub, credits } });
    expect(status).toBe(201);
  }
  return {
    sub, token,
    get: (path) => send(gateway.url + path, 'GET', { token }),
    post: (path, body) => send(gateway.url + path, 'POST', { token, body }),
  };
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('health', () => {
  test.each(['/health', '/api/health'])('%s', async (path) => {
    const { status, body } = await send(gateway.url + path, 'GET');
    expect([status, body]).toEqual([
      200, { status: 'ok', service: 'accounting-service', version: expect.any(String), timestamp: expect.stringMatching(ISO) },
    ]);
  });
});

describe('GET /api/credits/balance', () => {
  test('a new user has 0 credits, without an error', async () => {
    const alice = await someone();
    const { status, body } = await alice.get('/api/credits/balance');
    expect([status, body['totalCredits'], body['activeAllocations']]).toEqual([200, 0, []]);
  });

  test('20 first requests at once all succeed', async () => {
    const alice = await someone();
    const answers = await Promise.all(Array.from({ length: 20 }, () => alice.get('/api/credits/balance')));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  });

  test('has every field that some client reads', async () => {
    const alice = await someone(150.75);
    const { status, body } = await alice.get('/api/credits/balance');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      totalCredits: 150.75, credits: 150.75, balance: 150.75, spent: 0, debt: 0, userId: alice.sub, user_id: alice.sub,
    });
    expect(body['activeAllocations']).toEqual([{
      id: expect.any(Number), credits: 150.75, remainingCredits: 150.75, totalCredits: 150.75,
      expiresAt: expect.stringMatching(ISO), allocatedAt: expect.stringMatching(ISO),
    }]);
  });
});

describe('POST /api/credits/check', () => {
  test('enough', async () => {
    const alice = await someone('100.50');
    const { status, body } = await alice.post('/api/credits/check', { requiredCredits: 7.50 });
    expect([status, body]).toEqual([200, {
      sufficient: true, hasSufficientCredits: true, hasEnoughCredits: true, has_sufficient_credits: true,
      credits: 100.5, currentBalance: 100.5, current_balance: 100.5, requiredCredits: 7.5, required_credits: 7.5, difference: 93,
    }]);
  });

  test('not enough is 200 too, and says so under every name', async () => {
    const alice = await someone(5);
    const { status, body } = await alice.post('/api/credits/check', { credits: 7.5 });
    expect([status, body]).toEqual([200, {
      sufficient: false, hasSufficientCredits: false, hasEnoughCredits: false, has_sufficient_credits: false,
      credits: 5, currentBalance: 5, current_balance: 5, requiredCredits: 7.5, required_credits: 7.5, difference: -2.5,
      shortfall: 2.5, message: 'Insufficient credits',
    }]);
  });

  test('exactly enough, and nothing of nothing', async () => {
    const alice = await someone(5);
    expect((await alice.post('/api/credits/check', { credits: 5 })).body['sufficient']).toBe(true);
    expect((await (await someone()).post('/api/credits/check', { credits: 0 })).body['sufficient']).toBe(true);
  });

  test('userId in the body is ignored in favour of the token', async () => {
    const rich = await someone(1_000);
    const poor = await someone();
    expect((await poor.post('/api/credits/check', { credits: 1, userId: rich.sub })).body['sufficient']).toBe(false);
  });

  test.each([{}, { credits: -1 }, { requiredCredits: 'many' }, { credits: null }])('%j -> 400', async (body) => {
    const alice = await someone();
    const answer = await alice.post('/api/credits/check', body);
    expect([answer.status, answer.body['message']]).toEqual([400, 'Valid credits amount required']);
  });
});

describe('POST /api/credits/calculate', () => {
  const NOVA_MICRO = 'amazon.nova-micro-v1:0';
  const NOVA_LITE = 'amazon.nova-lite-v1:0';
  const TITAN = 'amazon.titan-text-express-v1';
  const LLAMA = 'meta.llama3-70b-instruct-v1:0';
  const SONNET = 'anthropic.claude-3-sonnet-20240229-v1:0';
  test.each([
    [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1], [1_000, 1, 1, 1, 1, 1], [1_500, 1, 1, 1, 1, 1], [2_000, 1, 2, 1, 1, 1], [5_000, 1, 3, 2, 2, 2],
    [10_000, 1, 6, 4, 4, 4], [100_000, 6, 53, 40, 31, 35], [1_000_000, 60, 525, 400, 308, 350],
  ])('golden prices of %d tokens', async (tokens, ...expected) => {
    const alice = await someone();
    const credits = await Promise.all([NOVA_MICRO, NOVA_LITE, TITAN, LLAMA, 'anything else'].map(
      async (modelId) => (await alice.post('/api/credits/calculate', { modelId, tokens })).body['credits'],
    ));
    expect(credits).toEqual(expected);
  });

  test.each([
    [SONNET, 1_000, 3], [SONNET, 1_500, 5], [SONNET, 500, 2], ['gpt-4', 1_500, 7.5], ['gpt-4', 1, 0.005], ['__proto__', 1_000, 1],
    ['constructor', 1_000, 1], ['openai/gpt-4', 1_500, 7.5], ['gpt-4-0613', 1_500, 7.5], ['GPT-4', 1_500, 7.5], ['gpt-4:free', 1_500, 7.5],
  ])(
    '%s, %d tokens -> %d', async (modelId, tokens, credits) => {
      const { status, body } = await (await someone()).post('/api/credits/calculate', { modelId, tokens });
      expect([status, body]).toEqual([200, { credits, requiredCredits: credits, modelId, tokens }]);
    },
  );

  test.each([
    {}, { modelId: 'gpt-4' }, { tokens: 5 }, { modelId: '', tokens: 5 }, { modelId: 'gpt-4', tokens: -1 },
    { modelId: 'gpt-4', tokens: '5' }, { modelId: 'gpt-4', tokens: 5, cachedTokens: 3 },
  ])('%j -> 400', async (body) => {
    const answer = await (await someone()).post('/api/credits/calculate', body);
    expect([answer.status, answer.body['message']]).toEqual([400, 'Valid modelId and tokens required']);
  });

  test('without a token -> 401', async () => {
    expect((await send(`${gateway.url}/api/credits/calculate`, 'POST', { body: { modelId: 'gpt-4', tokens: 1 } })).status).toBe(401);
  });
});

describe('POST /api/credits/allocate', () => {
  const allocate = (body: object, token = admin): Promise<Answer> => send(`${gateway.url}/api/credits/allocate`, 'POST', { token, body });

  test('201 with the allocation; 30 days unless told otherwise', async () => {
    const alice = await someone();
    const { status, body } = await allocate({ userId: alice.sub, credits: 7.5, notes: 'welcome' });
    expect([status, body]).toEqual([
      201,
      { id: expect.any(Number), userId: alice.sub, totalCredits: 7.5, remainingCredits: 7.5, expiresAt: expect.stringMatching(ISO) },
    ]);
    expect(Number(body['id'])).toBeGreaterThanOrEqual(1);
    const days = (Date.parse(String(body['expiresAt'])) - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(30);
    expect((await alice.get('/api/credits/balance')).body['totalCredits']).toBe(7.5);
  });

  test.each([
    {}, { userId: 'x' }, { credits: 5 }, { userId: 'x', credits: 0 }, { userId: 'x', credits: -5 }, { userId: 7, credits: 5 },
    { userId: 'x', credits: 5, expiryDays: '60' },
  ])('%j -> 400', async (body) => {
    const answer = await allocate(body);
    expect([answer.status, answer.body['message']]).toEqual([400, 'Valid userId and credits required']);
  });

  test('a user may not, a supervisor may', async () => {
    const alice = await someone();
    const refused = await allocate({ userId: alice.sub, credits: 5 }, alice.token);
    expect([refused.status, refused.body['message']]).toEqual([403, 'Admin access required']);
    const supervisor = await gateway.token({ sub: 'contract-supervisor', role: 'supervisor' });
    expect((await allocate({ userId: alice.sub, credits: 5 }, supervisor)).status).toBe(201);
  });
});

describe('seed 000: check, use, record', () => {
  test('100.50 less 7.50 is 93.00', async () => {
    const alice = await someone('100.50');
    expect((await alice.post('/api/credits/calculate', { modelId: 'gpt-4', tokens: 1_500 })).body['credits']).toBe(7.5);
    expect((await alice.post('/api/credits/check', { requiredCredits: 7.5 })).body['sufficient']).toBe(true);
    const { status, body } = await alice.post('/api/usage/record', {
      service: 'chat', operation: 'gpt-4-message', credits: 7.5, metadata: { tokensUsed: 1_500, modelId: 'gpt-4' },
    });
    expect([status, body]).toEqual([
      201,
      { id: expect.any(Number), service: 'chat', operation: 'gpt-4-message', credits: 7.5, timestamp: expect.stringMatching(ISO) },
    ]);
    expect((await alice.get('/api/credits/balance')).body).toMatchObject({ totalCredits: 93, spent: 7.5 });
  });

  test('short: 402, and nothing is taken', async () => {
    const alice = await someone(5);
    const { status, body } = await alice.post('/api/usage/record', { service: 'chat', operation: 'x', credits: 7.5 });
    expect([status, body['message']]).toEqual([402, 'Insufficient credits']);
    expect((await alice.get('/api/credits/balance')).body['totalCredits']).toBe(5);
  });

  test('40 at once of 10 from 100: exactly ten succeed', async () => {
    const alice = await someone(100);
    const answers = await Promise.all(Array.from({
      length: 40,
    }, () => alice.post('/api/usage/record', { service: 'chat', operation: 'x', credits: 10 })));
    const count = (status: number): number => answers.filter((answer) => answer.status === status).length;
    expect([count(201), count(402)]).toEqual([10, 30]);
    expect((await alice.get('/api/credits/balance')).body['totalCredits']).toBe(0);
  });

  test.each([
    {}, { service: 'chat' }, { service: '', operation: 'x', credits: 1 }, { service: 'chat', operation: 'x' },
    { service: 'chat', operation: 'x', credits: -1 },
  ])('%j -> 400', async (body) => {
    const answer = await (await someone()).post('/api/usage/record', body);
    expect([answer.status, answer.body['message']]).toEqual([400, 'Missing or invalid required fields']);
  });
});
