import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send } from '../../support/fake-gateway.js';
import { ADMIN, ISO, JOHN, seedLab, SUPERVISOR, type SeedLab } from './lab.js';
import { PrimaryService } from './primary-service.js';

/** Seed 000, with its names and numbers: administration, and a service that deducts what it decided. */
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** What the gateway forgives two clocks. */
const CLOCKS_DIFFER_MS = 60_000;
const userId = JOHN.id;

describe('administrative credit management', () => {
  let lab: SeedLab;
  let admin: string;
  beforeAll(async () => {
    lab = await seedLab();
    admin = await lab.login(ADMIN);
    // johndoe has been here once: his name comes from his own token, not from the administrator's request.
    await lab.balance(await lab.login(JOHN));
    expect((await lab.call('POST', '/api/credits/allocate', admin, { userId, credits: 150.75 })).status).toBe(201);
  });
  afterAll(() => lab.stop());

  /** The examples in the order in which they are printed: each begins where the one before ended. */
  test.each([
    ['POST', '/api/credits/set', { userId, credits: 500, expiryDays: 60, notes: 'Monthly credit reset to 500' },
      { userId, previousCredits: 150.75, newCredits: 500, message: 'Credits set to 500 for user johndoe' }],
    ['DELETE', '/api/credits/remove', { userId, credits: 100, notes: 'Penalty deduction for policy violation' },
      { userId, previousCredits: 500, newCredits: 400, removedCredits: 100, message: 'Removed 100 credits from user johndoe' }],
    ['PUT', '/api/credits/adjust', { userId, adjustment: 250, expiryDays: 30, notes: 'Bonus credits for referral program' },
      { userId, previousCredits: 400, newCredits: 650, adjustment: 250, message: 'Adjusted credits by 250 for user johndoe' }],
    ['PUT', '/api/credits/adjust', { userId, adjustment: -50, notes: 'Adjustment for refund processing' },
      { userId, previousCredits: 650, newCredits: 600, adjustment: -50, message: 'Adjusted credits by -50 for user johndoe' }],
  ])('%s %s %j', async (method, path, body, expected) => {
    const answer = await lab.call(method, path, admin, body);
    expect([answer.status, answer.body]).toEqual([200, expected]);
  });

  test('what they left: 30 days of 200, as the soonest to end was taken first, and 60 days of 400', async () => {
    const { body } = await lab.call('GET', '/api/credits/allocations/all', admin);
    const own = (body['allocations'] as Record<string, unknown>[]).filter((each) => each['userId'] === userId);
    expect(own).toMatchObject([
      { totalCredits: 250, remainingCredits: 200, notes: 'Bonus credits for referral program', allocatedBy: ADMIN.id, UserAccount: {
        username: 'johndoe', email: 'john@example.com',
      } },
      { totalCredits: 500, remainingCredits: 400, notes: 'Monthly credit reset to 500', allocatedBy: ADMIN.id },
    ]);
    expect(own.map(({ expiresAt, allocatedAt }) => Math.round((Date.parse(String(expiresAt)) - Date.parse(String(allocatedAt))) / DAY_MS)))
      .toEqual([30, 60]);
  });

  test.each([
    ['Allocate', 'POST', '/api/credits/allocate', { credits: 50 }, 201, 150],
    ['Set', 'POST', '/api/credits/set', { credits: 200 }, 200, 200],
    ['Remove', 'DELETE', '/api/credits/remove', { credits: 30 }, 200, 70],
    ['Adjust', 'PUT', '/api/credits/adjust', { adjustment: 25 }, 200, 125],
    ['Adjust', 'PUT', '/api/credits/adjust', { adjustment: -25 }, 200, 75],
  ])('comparison table: %s by %s %s %j is %d, from 100 to %d', async (_, method, path, body, status, after) => {
    const supervisor = await lab.login(SUPERVISOR);
    await lab.fund(JOHN, 100);
    const john = await lab.login(JOHN);
    expect((await lab.balance(john)).totalCredits).toBe(100);
    expect((await lab.call(method, path, john, { userId, ...body })).status).toBe(403);
    expect((await lab.call(method, path, undefined, { userId, ...body })).status).toBe(401);
    expect((await lab.call(method, path, supervisor, { userId, ...body })).status).toBe(status);
    expect((await lab.balance(john)).totalCredits).toBe(after);
  });
});

describe('workflow: service usage with custom credit deduction', () => {
  let lab: SeedLab;
  beforeAll(async () => { lab = await seedLab(); });
  afterAll(() => lab.stop());

  test('every step, body by body', async () => {
    await lab.fund(JOHN, 50, 50.5);

    // Step 1
    const login = await send(`${lab.auth.url}/api/auth/login`, 'POST', { body: { username: 'johndoe', password: 'securepassword123' } });
    expect([login.status, login.body]).toEqual([200, {
      message: 'Login successful', accessToken: expect.stringMatching(/^eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\./),
      refreshToken: 'refresh_token_string',
      user: { id: 'user_id_12345', username: 'johndoe', email: 'john@example.com', isVerified: true, role: 'user' },
    }]);
    const token = String(login.body['accessToken']);

    // Step 3
    const balance = await lab.balance(token);
    expect(balance).toMatchObject({
      totalCredits: 100.5,
      activeAllocations: [50, 50.5].map((credits) => ({
        id: expect.any(Number), credits, expiresAt: expect.stringMatching(ISO), allocatedAt: expect.stringMatching(ISO),
      })),
    });
    for (const { expiresAt, allocatedAt } of balance.activeAllocations) {
      expect(Date.parse(expiresAt) - Date.parse(allocatedAt)).toBeCloseTo(30 * DAY_MS, -4);
    }

    // Step 4
    const price = await lab.call('POST', '/api/credits/calculate', token, { modelId: 'gpt-4', tokens: 1_500 });
    expect([price.status, price.body['credits']]).toEqual([200, 7.5]);

    // Step 5
    const check = await lab.call('POST', '/api/credits/check', token, { requiredCredits: 7.50 });
    expect([check.status, check.body]).toEqual([200, expect.objectContaining({ sufficient: true, credits: 100.5, requiredCredits: 7.5 })]);
    expect(check.body).not.toHaveProperty('message');

    // Step 7
    const record = await lab.call('POST', '/api/usage/record', token, {
      service: 'chat', operation: 'gpt-4-message', credits: 7.50, metadata: { tokensUsed: 1_500, modelId: 'gpt-4' },
    });
    expect([record.status, record.body]).toEqual([201, {
      id: expect.any(Number), service: 'chat', operation: 'gpt-4-message', credits: 7.5, timestamp: expect.stringMatching(ISO),
    }]);

    // 100.50 - 7.50 = 93.00, from the older allocation
    expect(await lab.balance(token)).toMatchObject({ totalCredits: 93, activeAllocations: [{ credits: 42.5 }, { credits: 50.5 }] });
    expect((await lab.call('GET', '/api/usage/stats', token)).body).toMatchObject({
      totalRecords: 1, totalCredits: 7.5, recentActivity: [{ id: record.body['id'], metadata: { tokensUsed: 1_500, modelId: 'gpt-4' } }],
    });
  });

  test('step 5, insufficient', async () => {
    await lab.fund(JOHN, 7.49);
    const { status, body } = await lab.call('POST', '/api/credits/check', await lab.login(), { requiredCredits: 7.50 });
    expect([status, body]).toEqual([
      200, expect.objectContaining({ sufficient: false, message: 'Insufficient credits', requiredCredits: 7.5 }),
    ]);
  });

  test('the whole of it, as the service runs it: four calls, in this order, and 7.50 deducted', async () => {
    await lab.fund(JOHN, 50, 50.5);
    const token = await lab.login();
    const chat = new PrimaryService(lab.call);
    expect(await chat.request(token, { modelId: 'gpt-4', tokens: 1_500 })).toEqual({
      status: 'success', message: 'Operation completed', result: { response: 'This is the AI-generated response.' }, creditsDeducted: 7.5,
    });
    expect(chat.asked).toEqual([
      'GET /api/credits/balance', 'POST /api/credits/calculate', 'POST /api/credits/check', 'POST /api/usage/record',
    ]);
    expect((await lab.balance(token)).totalCredits).toBe(93);
  });

  test('message after message, until it is not enough: thirteen fit, the others are refused, 3.00 stay', async () => {
    await lab.fund(JOHN, 50.5, 50);
    const token = await lab.login();
    const chat = new PrimaryService(lab.call);
    const statuses: string[] = [];
    for (let message = 0; message < 15; message += 1) {
      statuses.push((await chat.request(token, { modelId: 'gpt-4', tokens: 1_500 })).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 13 }, () => 'success'), 'error', 'error']);
    expect([chat.performed, (await lab.balance(token)).totalCredits]).toEqual([13, 3]);
  });

  test.each([
    [400, { username: 'johndoe' }], [401, { username: 'johndoe', password: 'wrong' }],
  ])('no login, no token (%d), and without one the workflow ends at its first call', async (status, body) => {
    const login = await send(`${lab.auth.url}/api/auth/login`, 'POST', { body });
    expect([login.status, login.body['accessToken']]).toEqual([status, undefined]);
    const chat = new PrimaryService(lab.call);
    await expect(chat.request(String(login.body['accessToken']), { modelId: 'gpt-4', tokens: 1 })).rejects.toThrow('401');
    expect(chat.performed).toBe(0);
  });

  test.each([
    ['GET', '/api/credits/balance', undefined], ['POST', '/api/credits/calculate', { modelId: 'gpt-4', tokens: 1_500 }],
    ['POST', '/api/credits/check', { requiredCredits: 7.5 }],
    ['POST', '/api/usage/record', { service: 'chat', operation: 'gpt-4-message', credits: 7.5 }],
  ])('%s %s: 401 without a token, with another secret\'s, and after 15 minutes; a new login goes on', async (method, path, body) => {
    await lab.fund(JOHN, 100.5);
    // The lab's gateway has the secret of the auth service; its own `token` signs with another one.
    const foreign = await lab.gateway.token({ sub: JOHN.id });
    const old = await lab.login(JOHN, 15 * MINUTE_MS + CLOCKS_DIFFER_MS + 1_000);
    const young = await lab.login(JOHN, 14 * MINUTE_MS);
    const statusOf = async (token?: string): Promise<number> => (await lab.call(method, path, token, body)).status;
    expect([await statusOf(), await statusOf(foreign), await statusOf(old)]).toEqual([401, 401, 401]);
    expect((await lab.balance(await lab.login())).totalCredits).toBe(100.5);
    expect([200, 201]).toContain(await statusOf(young));
  });
});
