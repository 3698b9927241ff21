import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { arrayOf, ISO, rowsOf, start, use, type Caller, type Chatsparty } from './caller.js';

/** Statement and statistics of the credit service: seed 004, docs/contracts/chatsparty.md#endpoints and docs/contracts/README.md#c-03. */
let chatsparty: Chatsparty;
let alice: Caller;
beforeAll(async () => {
  chatsparty = await start();
  alice = await chatsparty.someone();
  await chatsparty.add(alice.userId, 1_000, { description: 'Credit purchase' });
  await chatsparty.add(alice.userId, 50, { transactionType: 'bonus', reason: 'welcome_bonus' });
  await use(alice, 10);
  await use(alice, 20, 'voice_synthesis');
  await use(alice, 7.5, 'podcast-maker');
});
afterAll(async () => { await chatsparty.gateway.stop(); });

const amounts = (rows: readonly Record<string, unknown>[]): unknown[] => rows.map(({ amount }) => amount);

describe('GET /api/credits/transactions', () => {
  test('an object, the newest first', async () => {
    const answer = await alice.get('/api/credits/transactions');
    expect([answer.status, Object.keys(answer.body).sort(), answer.body['total']]).toEqual([
      200, ['nextCursor', 'total', 'transactions'], 5,
    ]);
    expect(rowsOf(answer)[0]).toEqual({
      id: expect.stringMatching(/^\d+$/), userId: alice.userId, amount: -7.5, transactionType: 'usage',
      reason: 'podcast_generation', description: 'podcast-maker: gpt-4',
      transactionMetadata: { modelName: 'gpt-4' }, balanceAfter: 1_012.5, createdAt: expect.stringMatching(ISO),
      user_id: alice.userId, transaction_type: 'usage',
      metadata: { modelName: 'gpt-4' }, balance_after: 1_012.5, created_at: expect.stringMatching(ISO),
    });
    expect(amounts(rowsOf(answer))).toEqual([-7.5, -20, -10, 50, 1_000]);
  });

  test.each<[string, unknown[], number]>([
    ['limit=2', [-7.5, -20], 5],
    ['limit=2&offset=2', [-10, 50], 5],
    ['offset=4', [1_000], 5],
    ['offset=5', [], 5],
    ['offset=9007199254740991', [], 5],
    ['orderDirection=asc&limit=2&offset=1', [50, -10], 5],
    ['orderDirection=ASC&limit=1', [1_000], 5],
    ['orderBy=amount&orderDirection=asc', [-20, -10, -7.5, 50, 1_000], 5],
    ['orderBy=amount&limit=1&offset=1', [50], 5],
    ['orderBy=createdAt&orderDirection=desc&limit=1', [-7.5], 5],
    ['transactionType=usage', [-7.5, -20, -10], 3],
    ['transactionType=USAGE&limit=1', [-7.5], 3],
    ['transactionType=PURCHASE', [1_000], 1],
    ['reason=voice_synthesis', [-20], 1],
    ['reason=AI_CHAT', [-10], 1],
    ['transactionType=bonus&reason=welcome_bonus', [50], 1],
    ['transactionType=bonus&reason=ai_chat', [], 0],
    ['transactionType=refund', [], 0],
    ['startDate=2020-01-01&endDate=2020-12-31', [], 0],
    ['startDate=2020-01-01', [-7.5, -20, -10, 50, 1_000], 5],
    ['endDate=2099-12-31&limit=1', [-7.5], 5],
    ['startDate=2020-01-01&orderBy=amount&limit=1', [1_000], 5],
    ['transactionType=&reason=&orderBy=&startDate=', [-7.5, -20, -10, 50, 1_000], 5],
  ])('?%s', async (query, expected, total) => {
    const answer = await alice.get(`/api/credits/transactions?${query}`);
    expect([answer.status, amounts(rowsOf(answer)), answer.body['total']]).toEqual([200, expected, total]);
  });

  test('a day includes both of its ends', async () => {
    const day = new Date().toISOString().slice(0, 10);
    expect((await alice.get(`/api/credits/transactions?startDate=${day}&endDate=${day}`)).body['total']).toBe(5);
    const [newest] = rowsOf(await alice.get('/api/credits/transactions'));
    const at = String(newest?.['createdAt']);
    expect(amounts(rowsOf(await alice.get(`/api/credits/transactions?startDate=${at}&endDate=${at}`)))).toContain(-7.5);
  });

  test('a cursor goes on where the page before ended, whatever was added meanwhile', async () => {
    const bob = await chatsparty.someone(100);
    for (const credits of [1, 2, 3]) await use(bob, credits);
    const first = await bob.get('/api/credits/transactions?limit=2');
    await use(bob, 4);
    const second = await bob.get(`/api/credits/transactions?limit=2&cursor=${String(first.body['nextCursor'])}`);
    expect([amounts(rowsOf(first)), amounts(rowsOf(second))]).toEqual([[-3, -2], [-1, 100]]);
    const third = await bob.get(`/api/credits/transactions?limit=2&cursor=${String(second.body['nextCursor'])}`);
    expect([amounts(rowsOf(third)), third.body['nextCursor']]).toEqual([[], null]);
  });

  test.each([
    ['transactionType=gift', 'transactionType must be one of purchase, usage, refund, bonus, subscription, refill, adjustment'],
    ['reason=because', 'reason must be one of ai_chat, model_usage, voice_synthesis, podcast_generation, manual_adjustment, '
      + 'subscription_refill, welcome_bonus, referral_bonus, expiration'],
    ['orderBy=id', 'orderBy must be one of createdAt, amount'],
    ['orderDirection=up', 'orderDirection must be one of asc, desc'],
    ['limit=0', 'limit must be a whole number from 1 to 1000'],
    ['limit=1001', 'limit must be a whole number from 1 to 1000'],
    ['limit=ten', 'limit must be a whole number from 1 to 1000'],
    ['limit=1&limit=2', 'limit must be given once'],
    ['offset=-1', 'offset must be a whole number from 0 to 9007199254740991'],
    ['offset=10001&orderBy=amount', 'offset must be at most 10000 when ordered by amount'],
    ['startDate=yesterday', 'Invalid date format for startDate or endDate'],
    ['endDate=2025-02-30', 'Invalid date format for startDate or endDate'],
    ['startDate=2026-01-02&endDate=2026-01-01', 'startDate must not be after endDate'],
    ['cursor=x', 'cursor must be the nextCursor of a page'],
    ['cursor=1.1&orderBy=amount', 'cursor needs the order of createdAt; use offset'],
  ])('?%s -> 400', async (query, error) => {
    for (const path of ['/api/credits/transactions', '/credits/transactions']) {
      const { status, body } = await alice.get(`${path}?${query}`);
      expect([status, body['error']]).toEqual([400, error]);
    }
  });

  test('a user cannot see the statement of another user', async () => {
    const mallory = await chatsparty.someone();
    expect((await mallory.get(`/api/credits/transactions?userId=${alice.userId}`)).body).toEqual({
      transactions: [], total: 0, nextCursor: null,
    });
  });
});

test('GET /credits/transactions is the bare array of older callers, with the keys of both', async () => {
  const [rows, answer] = [rowsOf(await alice.get('/api/credits/transactions')), await alice.get('/credits/transactions')];
  expect([answer.status, arrayOf(answer)]).toEqual([200, rows]);
  for (const key of ['id', 'user_id', 'amount', 'transaction_type', 'reason', 'description', 'metadata', 'balance_after', 'created_at']) {
    expect(rows[0]).toHaveProperty(key);
  }
});

describe.each(['/api/credits', '/credits'])('GET %s/statistics', (prefix) => {
  test('of the last 30 days', async () => {
    const { status, body } = await alice.get(`${prefix}/statistics`);
    expect([status, body]).toEqual([200, {
      totalCreditsUsed: 37.5, totalCreditsPurchased: 1_000, currentBalance: 1_012.5, transactionCount: 5,
      periodStart: expect.stringMatching(ISO), periodEnd: expect.stringMatching(ISO),
      breakdown: {
        byType: { usage: 37.5, purchase: 1_000, bonus: 50 },
        byReason: { ai_chat: 10, voice_synthesis: 20, podcast_generation: 7.5, manual_adjustment: 1_000, welcome_bonus: 50 },
      },
    }]);
    const days = (Date.parse(String(body['periodEnd'])) - Date.parse(String(body['periodStart']))) / 86_400_000;
    expect([days, Math.abs(Date.parse(String(body['periodEnd'])) - Date.now()) < 60_000]).toEqual([30, true]);
  });

  test('of a period; totals are of all time', async () => {
    const { body } = await alice.get(`${prefix}/statistics?startDate=2020-01-01&endDate=2020-12-31`);
    expect(body).toMatchObject({
      totalCreditsUsed: 37.5, totalCreditsPurchased: 1_000, currentBalance: 1_012.5, transactionCount: 0,
      breakdown: { byType: {}, byReason: {} },
    });
    expect([body['periodStart'], body['periodEnd']]).toEqual(['2020-01-01T00:00:00.000Z', '2020-12-31T23:59:59.999Z']);
  });

  test('of a new user', async () => {
    expect((await (await chatsparty.someone()).get(`${prefix}/statistics`)).body).toMatchObject({
      totalCreditsUsed: 0, totalCreditsPurchased: 0, currentBalance: 0, transactionCount: 0,
    });
  });

  test('a bad date -> 400', async () => {
    const { status, body } = await alice.get(`${prefix}/statistics?startDate=x`);
    expect([status, body['error']]).toEqual([400, 'Invalid date format for startDate or endDate']);
  });
});
