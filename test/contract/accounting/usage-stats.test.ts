import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send, type Answer } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { throwawayRedis } from '../../support/servers.js';

/** Usage of the accounting service: docs/contracts/accounting-service.md#usage. */
let gateway: TestGateway;
let supervisor: string;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway();
  supervisor = await gateway.token({ sub: 'stats-supervisor', role: 'supervisor' });
  admin = await gateway.token({ sub: 'stats-admin', role: 'admin' });
});
afterAll(async () => { await gateway.stop(); });

type User = {
  readonly sub: string;
  record(service: string, operation: string, credits: number | string, metadata?: object): Promise<Answer>;
  stream(step: string, body: object): Promise<Answer>;
  stats(query?: string): Promise<Record<string, unknown>>;
};

async function someone({ sub = `u-${randomUUID()}`, on = gateway, credits = 1_000, ...claims }: {
  sub?: string;
  username?: string;
  on?: TestGateway;
  credits?: number;
} = {}): Promise<User> {
  const token = await on.token({ sub, role: 'enduser', ...claims });
  const root = await on.token({ sub: 'stats-admin', role: 'admin' });
  expect((await send(`${on.url}/api/credits/balance`, 'GET', { token })).status).toBe(200);
  expect((await send(`${on.url}/api/credits/allocate`, 'POST', { token: root, body: { userId: sub, credits, expiryDays: 3_650 } })).status)
    .toBe(201);
  const post = (path: string, body: object): Promise<Answer> => send(on.url + path, 'POST', { token, body });
  return {
    sub,
    record: async (service, operation, amount, metadata) => {
      const answer = await post('/api/usage/record', {
        service, operation, credits: amount, ...(metadata === undefined ? {} : { metadata }),
      });
      expect(answer.status).toBe(201);
      return answer;
    },
    stream: (step, body) => post(`/api/streaming-sessions/${step}`, body),
    stats: async (query = '') => {
      const { status, body } = await send(`${on.url}/api/usage/stats${query}`, 'GET', { token });
      expect(status).toBe(200);
      return body;
    },
  };
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const today = (nowMs = Date.now()): string => new Date(nowMs).toISOString().slice(0, 10);
const ZEROS = { totalRecords: 0, totalCredits: 0, uncollectedRecords: 0, uncollectedCredits: 0, byService: {}, byDay: {}, byModel: {} };

describe('GET /api/usage/stats', () => {
  test('shows what was recorded a moment ago, in full', async () => {
    const alice = await someone();
    const first = await alice.record('chat', 'gpt-4', 7.5, { tokens: 1_500, nested: { a: [1, null, 'x'] } });
    await alice.record('image', 'dall-e', '0.000001');
    await alice.record('chat', 'gpt-4', 0.1);
    await alice.record('chat', 'claude', 0.2);
    expect(await alice.stats()).toEqual({
      totalRecords: 4,
      totalCredits: 7.800001,
      uncollectedRecords: 0,
      uncollectedCredits: 0,
      byService: { chat: 7.8, image: 0.000001 },
      byDay: { [today(Date.parse(String(first.body['timestamp'])))]: 7.800001 },
      byModel: { 'gpt-4': 7.6, claude: 0.2 },
      recentActivity: [
        {
          id: first.body['id'], userId: alice.sub, timestamp: first.body['timestamp'], service: 'chat', operation: 'gpt-4',
          credits: 7.5, uncollected: 0, metadata: { tokens: 1_500, nested: { a: [1, null, 'x'] } },
        },
        {
          id: expect.any(Number), userId: alice.sub, timestamp: expect.stringMatching(ISO), service: 'image', operation: 'dall-e',
          credits: 0.000001, uncollected: 0, metadata: {},
        },
        expect.objectContaining({ operation: 'gpt-4', credits: 0.1 }),
        expect.objectContaining({ operation: 'claude', credits: 0.2 }),
      ],
    });
  });

  test('streams are usage: their model counts, unless they were aborted', async () => {
    const alice = await someone();
    const modelId = 'amazon.nova-lite-v1:0';
    for (const sessionId of ['s1', 's2', 's3']) await alice.stream('initialize', { sessionId, modelId, estimatedTokens: 10_000 });
    await alice.stream('finalize', { sessionId: 's1', actualTokens: 5_000 });
    await alice.stream('abort', { sessionId: 's2', tokensGenerated: 2_000 });
    const stats = await alice.stats();
    expect(stats).toMatchObject({
      totalRecords: 2, totalCredits: 5, byService: { 'chat-streaming': 3, 'chat-streaming-aborted': 2 },
      byModel: { [modelId]: 3 },
    });
    expect(stats['recentActivity']).toMatchObject([
      { service: 'chat-streaming', operation: modelId, credits: 3, metadata: {
        sessionId: 's1', tokens: 5_000, streamingDuration: expect.any(Number),
      } },
      { service: 'chat-streaming-aborted', operation: modelId, credits: 2, metadata: {
        sessionId: 's2', partialTokens: 2_000, streamingDuration: expect.any(Number),
      } },
    ]);
  });

  test('the last ten, oldest first', async () => {
    const alice = await someone();
    for (let index = 1; index <= 13; index += 1) await alice.record('chat', `m${index}`, index);
    const { recentActivity, totalRecords } = await alice.stats();
    expect(totalRecords).toBe(13);
    expect((recentActivity as { operation: string }[]).map(({ operation }) => operation)).toEqual(Array.from({ length: 10 }, (_, index) =>
      `m${index + 4}`));
  });

  test('nothing yet -> zeros', async () => {
    expect(await (await someone()).stats()).toEqual({ ...ZEROS, recentActivity: [] });
  });

  test('names that mean something to JavaScript are only names', async () => {
    const alice = await someone();
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      await alice.record(name, name, 1, { constructor: { prototype: { polluted: true } } });
      await alice.record('chat', name, 2);
    }
    const token = await gateway.token({ sub: alice.sub, role: 'enduser' });
    const { text } = await send(`${gateway.url}/api/usage/stats`, 'GET', { token });
    expect(text).toContain('"__proto__":1');
    expect(text).toMatch(/"byModel":\{[^}]*"__proto__":2/);
    expect(text).toContain('{"constructor":{"prototype":{"polluted":true}}}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('large amounts and many small ones add up exactly', async () => {
    const rich = await someone({ credits: 999_999_999.999999 });
    await rich.record('image', 'x', '999999999.899999');
    for (let index = 0; index < 10; index += 1) await rich.record('image', 'x', 0.01);
    expect(await rich.stats()).toMatchObject({ totalCredits: 999_999_999.999999, byService: { image: 999_999_999.999999 } });
  });

  test('usage that was only logged may sum up to more than any balance', async () => {
    const own = await startGateway({ environment: { USAGE_RECORD_MODE: 'log' } });
    try {
      const alice = await someone({ on: own });
      for (let index = 0; index < 12; index += 1) await alice.record('image', 'x', 999_999_999);
      expect(await alice.stats()).toMatchObject({ totalRecords: 12, totalCredits: 11_999_999_988 });
    } finally {
      await own.stop();
    }
  });
});

describe('startDate and endDate, inclusive, in UTC', () => {
  const refused = async (query: string, path = '/api/usage/stats'): Promise<unknown[]> => {
    const { status, body } = await send(`${gateway.url}${path}?${query}`, 'GET', { token: admin });
    return [status, body['message']];
  };
  const INVALID = 'Invalid date format for startDate or endDate';

  test.each([
    'startDate=yesterday', 'endDate=2026-02-30', 'startDate=2026-03-01&endDate=nope', 'startDate=2026-03-01&startDate=2026-03-02',
    'endDate=%00', 'startDate=2027-02-29',
  ])('%s -> 400', async (query) => {
    for (const path of ['/api/usage/stats', '/api/usage/stats/nobody', '/api/usage/system-stats']) {
      expect(await refused(query, path)).toEqual([400, INVALID]);
    }
  });

  test('backwards or for ages -> 400', async () => {
    expect(await refused('startDate=2026-03-02&endDate=2026-03-01')).toEqual([400, 'startDate must not be after endDate']);
    expect(await refused('startDate=2000-01-01&endDate=2026-03-01')).toEqual([400, 'The period must not be longer than 10 years']);
  });

  test('midnights, month ends and the leap day, to the millisecond', async () => {
    const own = await startGateway();
    try {
      const alice = await someone({ on: own });
      // To the day before the next leap day, a little before midnight.
      own.advance(Date.parse('2028-02-28T23:59:58.000Z') - Date.now());
      const before = await alice.record('chat', 'm', 1);
      own.advance(3_000);
      const leap = await alice.record('chat', 'm', 2);
      own.advance(86_400_000);
      const march = await alice.record('image', 'm', 4);
      const [first, second, third] = [before, leap, march].map(({ body }) => String(body['timestamp']));
      expect([first, second, third].map((text) => text?.slice(0, 10))).toEqual(['2028-02-28', '2028-02-29', '2028-03-01']);
      const total = async (query: string): Promise<unknown> => (await alice.stats(`?${query}`))['totalCredits'];

      expect((await alice.stats())['byDay']).toEqual({ '2028-02-28': 1, '2028-02-29': 2, '2028-03-01': 4 });
      expect(await total('startDate=2028-02-29&endDate=2028-02-29')).toBe(2);
      expect(await total('startDate=2028-02-28&endDate=2028-02-29')).toBe(3);
      expect(await total('endDate=2028-02-28')).toBe(1);
      expect(await total('startDate=2028-03-01')).toBe(4);
      expect(await total('startDate=2028-02-29T00:00:00Z&endDate=2028-02-29T23:59:59.999Z')).toBe(2);
      expect(await total('startDate=2028-03-01T01:00:00%2B02:00&endDate=2028-03-01T01:59:59.999%2B02:00')).toBe(0);
      // Inclusive at both ends, to the millisecond of the record.
      const beside = (text = '', ms: number): string => new Date(Date.parse(text) + ms).toISOString();
      expect(await total(`startDate=${second}&endDate=${second}`)).toBe(2);
      expect(await total(`startDate=${beside(second, 1)}&endDate=${third}`)).toBe(4);
      expect(await total(`startDate=${second}&endDate=${beside(third, -1)}`)).toBe(2);
      expect(await total(`endDate=${beside(first, -1)}`)).toBe(0);
      const cut = await alice.stats(`?startDate=${second}&endDate=${third}`);
      expect(cut).toMatchObject({
        totalRecords: 2, byDay: { '2028-02-29': 2, '2028-03-01': 4 }, byService: { chat: 2, image: 4 }, byModel: { m: 2 },
      });
      expect((cut['recentActivity'] as { credits: number }[]).map(({ credits }) => credits)).toEqual([2, 4]);
    } finally {
      await own.stop();
    }
  });
});

describe('GET /api/usage/stats/:userId', () => {
  test('the same for supervisors, by id and by name', async () => {
    const username = `n${randomUUID().slice(0, 8)}`;
    const alice = await someone({ username });
    await alice.record('chat', 'gpt-4', 2);
    const own = await alice.stats();
    for (const token of [supervisor, admin]) {
      expect((await send(`${gateway.url}/api/usage/stats/${alice.sub}`, 'GET', { token })).body).toEqual(own);
    }
    await new Promise((resolve) => { setTimeout(resolve, 500); });
    expect((await send(`${gateway.url}/api/usage/stats/${username}`, 'GET', { token: supervisor })).body).toEqual(own);
  });

  test.each(['nobody', 'a%00b', 'x'.repeat(500), '__proto__', '%40'])('%s is unknown -> 200 zeros', async (who) => {
    const { status, body } = await send(`${gateway.url}/api/usage/stats/${who}`, 'GET', { token: supervisor });
    expect([status, body]).toEqual([200, { ...ZEROS, recentActivity: [] }]);
  });

  test('not for users, and the system only for administrators', async () => {
    const token = await gateway.token({ sub: 'stats-user', role: 'enduser' });
    const status = async (path: string, as: string): Promise<number> =>
      (await send(`${gateway.url}/api/usage/${path}`, 'GET', { token: as })).status;
    expect([
      await status('stats/stats-user', token), await status('system-stats', token), await status('system-stats', supervisor),
    ]).toEqual([403, 403, 403]);
    expect((await send(`${gateway.url}/api/usage/stats`, 'GET')).status).toBe(401);
  });
});

describe('GET /api/usage/system-stats', () => {
  test('all users, also by user, and no activity', async () => {
    const own = await startGateway();
    try {
      const token = await own.token({ sub: 'root', role: 'admin' });
      const system = async (query = ''): Promise<unknown> =>
        (await send(`${own.url}/api/usage/system-stats${query}`, 'GET', { token })).body;
      expect(await system()).toEqual({ ...ZEROS, byUser: {} });
      const users = await Promise.all(Array.from({ length: 12 }, () => someone({ on: own })));
      await Promise.all(users.map((user, index) => user.record('chat', 'gpt-4', index + 1)));
      await users[3]?.record('__proto__', 'x', 0.25);
      expect(await system()).toEqual({
        totalRecords: 13, totalCredits: 78.25, uncollectedRecords: 0, uncollectedCredits: 0,
        byService: { chat: 78, ['__proto__']: 0.25 }, byDay: { [today()]: 78.25 }, byModel: { 'gpt-4': 78 },
        byUser: Object.fromEntries(users.map(({ sub }, index) => [sub, index === 3 ? 4.25 : index + 1])),
      });
      expect(await system('?endDate=2020-01-01')).toEqual({ ...ZEROS, byUser: {} });
      const now = new Date().toISOString();
      expect(await system(`?startDate=${today()}&endDate=${now}`)).toMatchObject({ totalRecords: 13, totalCredits: 78.25 });
    } finally {
      await own.stop();
    }
  });
});

test('without the ledger there are no partial statistics: 503, with the text of the original', async () => {
  const redis = await throwawayRedis();
  const own = await startGateway({ redisUrl: redis.url });
  try {
    const alice = await someone({ on: own });
    await alice.record('chat', 'gpt-4', 1);
    const token = await own.token({ sub: 'root', role: 'admin' });
    process.kill(redis.pid, 'SIGSTOP');
    const answers = await Promise.all([
      'usage/system-stats', `usage/stats/${alice.sub}`, 'streaming-sessions/recent', 'streaming-sessions/active/all',
      `streaming-sessions/recent/${alice.sub}`, `streaming-sessions/active/${alice.sub}`,
    ].map((path) => send(`${own.url}/api/${path}`, 'GET', { token })));
    process.kill(redis.pid, 'SIGCONT');
    expect(answers.map(({ status, headers, body }) => [status, headers.get('retry-after'), body['message']])).toEqual([
      'system usage statistics', 'usage statistics', 'recent sessions', 'all active sessions', 'user recent sessions',
      'user active sessions',
    ].map((what) => [503, '1', `Failed to fetch ${what}`]));
  } finally {
    process.kill(redis.pid, 'SIGCONT');
    await own.stop();
    await redis.discard();
  }
});
