import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { throwawayRedis, type TestServer } from '../../support/servers.js';
import { ADMIN, ISO, JOHN, seedLab, type SeedLab } from './lab.js';

/** Seed 003: the credit check and how it is tested. The Python tester of it runs in credit-check-tester.test.ts. */
let redis: TestServer;
let lab: SeedLab;
let token: string;
beforeAll(async () => {
  redis = await throwawayRedis();
  lab = await seedLab({ redisUrl: redis.url });
});
afterAll(async () => {
  await lab.stop();
  await redis.discard();
});
beforeEach(async () => { token = await lab.login(); });

const check = (body: object) => lab.call('POST', '/api/credits/check', token, body);

describe('the flows', () => {
  test('test flow: health, logins, allocate, balance, check, insufficient', async () => {
    for (const path of ['/health', '/api/health']) expect((await lab.call('GET', path)).status).toBe(200);
    const admin = await lab.login(ADMIN);
    const allocated = await lab.call('POST', '/api/credits/allocate', admin, { userId: JOHN.id, credits: 29_829 });
    expect([allocated.status, allocated.body]).toEqual([201, {
      id: expect.any(Number), userId: JOHN.id, totalCredits: 29_829, remainingCredits: 29_829, expiresAt: expect.stringMatching(ISO),
    }]);
    expect(await lab.balance(token)).toMatchObject({
      totalCredits: 29_829, activeAllocations: [{ id: allocated.body['id'], credits: 29_829 }],
    });
    expect((await check({ requiredCredits: 100 })).body).toMatchObject({ sufficient: true });
    expect((await check({ credits: 30_829 })).body).toMatchObject({ sufficient: false, message: 'Insufficient credits' });
    // Asking takes nothing.
    expect((await lab.balance(token)).totalCredits).toBe(29_829);
  });

  test('allocation needs the admin\'s token', async () => {
    const before = (await lab.balance(token)).totalCredits;
    expect((await lab.call('POST', '/api/credits/allocate', token, { userId: JOHN.id, credits: 1_000 })).status).toBe(403);
    expect((await lab.balance(token)).totalCredits).toBe(before);
  });

  test('users without enough credits cannot use services, users with enough can, and the balance follows', async () => {
    await lab.fund(JOHN, 10);
    const use = async (credits: number): Promise<number> =>
      (await lab.call('POST', '/api/usage/record', token, { service: 'chat', operation: 'message', credits })).status;
    expect([await use(10.000001), await use(4), await use(6.000001), await use(6), await use(0.000001)]).toEqual([402, 201, 402, 201, 402]);
    expect((await lab.balance(token)).totalCredits).toBe(0);
  });
});

describe('both parameter names', () => {
  beforeEach(() => lab.fund(JOHN, 29_829));

  test.each([
    [{ requiredCredits: 100 }, true], [{ credits: 100 }, true], [{ credits: 100, requiredCredits: 100 }, true],
    [{ requiredCredits: 29_829 }, true], [{ credits: 29_829 }, true], [{ requiredCredits: 29_829.000001 }, false],
    [{ credits: 29_829.000001 }, false],
    [{ requiredCredits: 30_829 }, false], [{ credits: 30_829 }, false], [{ credits: 30_829, requiredCredits: 30_829 }, false],
  ])('%j is sufficient: %j', async (body, sufficient) => {
    const answer = await check(body);
    expect([answer.status, answer.body['sufficient'], answer.body['hasSufficientCredits']]).toEqual([200, sufficient, sufficient]);
    expect(answer.body['message']).toBe(sufficient ? undefined : 'Insufficient credits');
  });

  /** The seed lets `credits` win. A caller who says two different things is refused instead: one of them would be approved unasked. */
  test.each([
    { credits: 100, requiredCredits: 30_829 }, { credits: 30_829, requiredCredits: 100 },
  ])('%j contradicts itself -> 400', async (body) => {
    const answer = await check(body);
    expect([answer.status, answer.body['message'], answer.body['sufficient']]).toEqual([400, 'Valid credits amount required', undefined]);
  });

  test.each([
    {}, { credits: -1 }, { requiredCredits: -1 }, { credits: null }, { credits: true }, { credits: [1] }, { credits: '' },
    { amount: 100 }, { credits: -1, requiredCredits: 100 },
  ])(
    '%j is no amount -> 400, and is never sufficient', async (body) => {
      const answer = await check(body);
      expect([answer.status, answer.body['message'], answer.body['sufficient']]).toEqual([400, 'Valid credits amount required', undefined]);
    },
  );
});

describe('fail securely', () => {
  /** The chat service's check as it was repaired: whatever goes wrong, the operation is denied. */
  async function mayChat(url: string, credits: number): Promise<boolean> {
    try {
      const response = await fetch(`${url}/api/credits/check`, {
        method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ credits }),
      });
      const body = (await response.json()) as { sufficient?: unknown };
      return body.sufficient === true; // the status is not even looked at: no error may look like a yes
    } catch {
      return false;
    }
  }

  test('Redis hangs: no answer of the gateway can be taken for a yes, and it recovers', async () => {
    await lab.fund(JOHN, 29_829);
    expect([await mayChat(lab.gateway.url, 100), await mayChat(lab.gateway.url, 30_829)]).toEqual([true, false]);
    await redis.kill('SIGSTOP');
    try {
      const answer = await check({ credits: 100 });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      for (const name of ['sufficient', 'hasSufficientCredits', 'hasEnoughCredits', 'has_sufficient_credits']) {
        expect(answer.body).not.toHaveProperty(name);
      }
      expect(await mayChat(lab.gateway.url, 100)).toBe(false);
      expect((await lab.call('POST', '/api/streaming-sessions/initialize', token, {
        sessionId: 's', modelId: 'gpt-4', estimatedTokens: 100,
      })).status).toBe(503);
    } finally {
      await redis.kill('SIGCONT');
    }
    const deadline = Date.now() + 120_000;
    let isServing = await mayChat(lab.gateway.url, 100);
    while (!isServing && Date.now() < deadline) {
      await new Promise((resolve) => { setTimeout(resolve, 50); });
      isServing = await mayChat(lab.gateway.url, 100);
    }
    expect(isServing).toBe(true);
  });

  test('no gateway, or an invalid token: denied', async () => {
    expect(await mayChat('http://127.0.0.1:9', 0)).toBe(false);
    token = 'not.a.token';
    expect(await mayChat(lab.gateway.url, 0)).toBe(false);
  });
});
