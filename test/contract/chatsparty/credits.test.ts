import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send, signed } from '../../support/fake-gateway.js';
import { ISO, SECRET, start, use, type Chatsparty } from './caller.js';

/**
 * Balance, validate, check and add of the credit service: seed 004, docs/contracts/chatsparty.md#endpoints and
 * docs/contracts/README.md#c-02, docs/contracts/README.md#c-04, docs/contracts/README.md#c-07.
 */
let chatsparty: Chatsparty;
beforeAll(async () => { chatsparty = await start({ WELCOME_CREDITS: '0' }); });
afterAll(async () => { await chatsparty.gateway.stop(); });

const PREFIXES = ['/api/credits', '/credits'] as const;

describe.each(PREFIXES)('GET %s/balance', (prefix) => {
  test('has the fields of every generation of callers', async () => {
    const alice = await chatsparty.someone(1_000);
    await use(alice, 30);
    const { status, body } = await alice.get(`${prefix}/balance`);
    expect([status, body]).toEqual([200, {
      totalCredits: 970, credits: 970, balance: 970, spent: 30, held: 0, debt: 0, userId: alice.userId, user_id: alice.userId,
      activeAllocations: [{
        id: expect.any(Number), credits: 970, remainingCredits: 970, totalCredits: 1_000, expiresAt: null,
        allocatedAt: expect.stringMatching(ISO),
      }],
      creditsBalance: 970, creditsUsed: 30, creditsPurchased: 1_000, creditPlan: null, lastCreditRefillAt: null,
      lifetime_credits_used: 30, lifetime_credits_purchased: 1_000, credit_plan: 'free', last_refill_at: null,
    }]);
  });

  test('only purchases are purchased', async () => {
    const alice = await chatsparty.someone();
    await chatsparty.add(alice.userId, 5, { transactionType: 'bonus', reason: 'referral_bonus' });
    await chatsparty.add(alice.userId, 7, { transactionType: 'purchase' });
    expect((await alice.get(`${prefix}/balance`)).body).toMatchObject({ creditsBalance: 12, creditsPurchased: 7 });
  });

  test('a refill stamps the last refill', async () => {
    const alice = await chatsparty.someone();
    const added = await chatsparty.add(alice.userId, 5, { transactionType: 'refill', reason: 'subscription_refill' });
    expect((await alice.get(`${prefix}/balance`)).body).toMatchObject({
      creditsPurchased: 0, lastCreditRefillAt: added['createdAt'], last_refill_at: added['createdAt'],
    });
  });
});

describe.each(PREFIXES)('POST %s/validate', (prefix) => {
  test('enough', async () => {
    const alice = await chatsparty.someone(60);
    const { status, body } = await alice.post(`${prefix}/validate`, { amount: 50 });
    expect([status, body]).toEqual([200, {
      hasEnoughCredits: true, sufficient: true, hasSufficientCredits: true, has_sufficient_credits: true,
      currentBalance: 60, current_balance: 60, credits: 60, requiredCredits: 50, required_credits: 50, difference: 10,
    }]);
  });

  test('not enough, and by how much', async () => {
    const alice = await chatsparty.someone(20);
    expect((await alice.post(`${prefix}/validate`, { amount: 50 })).body).toMatchObject({
      hasEnoughCredits: false, currentBalance: 20, requiredCredits: 50, shortfall: 30,
    });
  });

  test.each([
    {}, { amount: 0 }, { amount: -1 }, { amount: '50' }, { amount: null }, { amount: 0.0000001 }, [],
  ])('%j -> 400 Invalid amount', async (body) => {
    const alice = await chatsparty.someone();
    const answer = await alice.post(`${prefix}/validate`, body);
    expect([answer.status, answer.body]).toEqual([
      400, expect.objectContaining({ error: 'Invalid amount', message: 'Invalid amount', success: false }),
    ]);
  });

  test('malformed JSON is the caller\'s fault (P4)', async () => {
    const { token } = await chatsparty.someone();
    const answer = await send(`${chatsparty.gateway.url}${prefix}/validate`, 'POST', { token, raw: '{' });
    expect([answer.status, typeof answer.body['error']]).toEqual([400, 'string']);
  });
});

describe.each(PREFIXES)('GET %s/check/:amount', (prefix) => {
  test('the four fields of the frontend; the difference may be negative', async () => {
    const alice = await chatsparty.someone(20);
    expect((await alice.get(`${prefix}/check/5`)).body).toMatchObject({
      has_sufficient_credits: true, required_credits: 5, current_balance: 20, difference: 15, hasEnoughCredits: true,
      sufficient: true,
    });
    expect((await alice.get(`${prefix}/check/50`)).body).toMatchObject({
      has_sufficient_credits: false, required_credits: 50, current_balance: 20, difference: -30, shortfall: 30,
    });
  });

  test.each(['abc', '1.5', '-5', '1e3', '%20', '9999999999'])('%s -> 422', async (amount) => {
    const alice = await chatsparty.someone();
    const { status, body } = await alice.get(`${prefix}/check/${amount}`);
    expect([status, body['status'], body['code']]).toEqual([422, 422, 'invalid_request']);
  });
});

describe.each(PREFIXES)('POST %s/add', (prefix) => {
  const order = { amount: 1_000, transactionType: 'PURCHASE', reason: 'MANUAL_ADJUSTMENT', description: 'Credit purchase - Premium plan' };

  test('answers the transaction, which is also the first line of the statement', async () => {
    const alice = await chatsparty.someone();
    const { status, body } = await chatsparty.admin.post(`${prefix}/add`, {
      ...order, userId: alice.userId, metadata: { invoice: 'i-17' },
    });
    const expected = {
      id: expect.stringMatching(/^\d+$/), userId: alice.userId, amount: 1_000, transactionType: 'purchase', reason: 'manual_adjustment',
      description: 'Credit purchase - Premium plan', transactionMetadata: { invoice: 'i-17' }, balanceAfter: 1_000,
      createdAt: expect.stringMatching(ISO),
      user_id: alice.userId, transaction_type: 'purchase', metadata: { invoice: 'i-17' }, balance_after: 1_000,
      created_at: body['createdAt'],
    };
    expect([status, body]).toEqual([200, expected]);
    expect((await alice.get('/api/credits/transactions')).body).toMatchObject({ transactions: [body], total: 1 });
  });

  test('the credits never expire, and go to the caller unless another user is named', async () => {
    const sub = 'cp-supervisor';
    const token = await chatsparty.gateway.token({ sub, role: 'supervisor' });
    const { status, body } = await send(`${chatsparty.gateway.url}${prefix}/add`, 'POST', {
      token, body: { amount: 2.5, transactionType: 'bonus', reason: 'referral_bonus' },
    });
    expect([status, body['userId'], body['amount']]).toEqual([200, sub, 2.5]);
    const balance = await send(`${chatsparty.gateway.url}/api/credits/balance`, 'GET', { token });
    expect((balance.body['activeAllocations'] as { expiresAt: unknown }[]).map(({ expiresAt }) => expiresAt)).toContain(null);
  });

  test('twice under one key is once, and the second is told so', async () => {
    const alice = await chatsparty.someone();
    const headers = { 'idempotency-key': `order-${alice.userId}` };
    const call = () => send(`${chatsparty.gateway.url}${prefix}/add`, 'POST', {
      token: chatsparty.admin.token, headers, body: { ...order, userId: alice.userId },
    });
    const answers = await Promise.all([call(), call(), call()]);
    const last = await call();
    expect(new Set([...answers, last].map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(last.headers.get('idempotency-replayed')).toBe('true');
    expect((await alice.get('/credits/balance')).body['balance']).toBe(1_000);
  });

  test.each([
    [{ transactionType: 'purchase', reason: 'manual_adjustment' }, 'Invalid amount'],
    [{ ...order, amount: 0 }, 'Invalid amount'],
    [{ ...order, amount: -5 }, 'Invalid amount'],
    [{ ...order, amount: 'many' }, 'Invalid amount'],
    [{ amount: 5 }, 'Transaction type and reason are required'],
    [{ amount: 5, transactionType: 'bonus' }, 'Transaction type and reason are required'],
    [{ ...order, userId: 'nobody-knows-me' }, 'User not found'],
    [{ ...order, transactionType: 'gift' }, 'transactionType must be one of purchase, refund, bonus, subscription, refill, adjustment'],
    [{ ...order, transactionType: 'usage' }, 'transactionType must be one of purchase, refund, bonus, subscription, refill, adjustment'],
    [{ ...order, reason: 'because' }, 'reason must be one of ai_chat, model_usage, voice_synthesis, podcast_generation, '
      + 'manual_adjustment, subscription_refill, welcome_bonus, referral_bonus, expiration'],
    [{ ...order, metadata: [] }, 'Failed to add credits'],
  ])('%j -> 400 %s', async (body, error) => {
    const answer = await chatsparty.admin.post(`${prefix}/add`, body);
    expect([answer.status, answer.body['error'], answer.body['message']]).toEqual([400, error, error]);
  });

  test('a user may not (P1), whatever the token contains', async () => {
    const alice = await chatsparty.someone();
    const issuedAt = Math.floor(Date.now() / 1_000);
    const boastful = await signed(SECRET, { userId: alice.userId, role: 'admin', iat: issuedAt, exp: issuedAt + 60 });
    const plain = await chatsparty.gateway.token({ sub: 'cp-user', role: 'user' });
    for (const token of [alice.token, boastful, plain]) {
      const { status, body } = await send(`${chatsparty.gateway.url}${prefix}/add`, 'POST', { token, body: order });
      expect([status, body['error'], body['code']]).toEqual([403, 'Admin access required', 'forbidden']);
    }
    expect((await alice.get('/credits/balance')).body['balance']).toBe(0);
  });
});

describe('tokens (docs/contracts/README.md#identity)', () => {
  const url = (path: string): string => chatsparty.gateway.url + path;
  const now = (): number => Math.floor(Date.now() / 1_000);

  test('a token of six days is good, one of eight is not', async () => {
    const days = async (age: number) => signed(SECRET, { userId: 'old', iat: now() - age * 86_400, exp: now() + 3_600 });
    expect((await send(url('/credits/balance'), 'GET', { token: await days(6) })).status).toBe(200);
    expect((await send(url('/credits/balance'), 'GET', { token: await days(8) })).status).toBe(401);
  });

  test('a bare token is taken, too; garbage is not', async () => {
    const { token } = await chatsparty.someone();
    const call = (authorization: string) => send(url('/credits/balance'), 'GET', { headers: { authorization } });
    expect((await call(token)).status).toBe(200);
    for (const header of ['', 'x.y.z', `bearer ${token}`, `${token} `, `Bearer Bearer ${token}`, `Basic ${token}`]) {
      const { status, body } = await call(header);
      expect([header, status, body['error']]).toEqual([
        header, header === `${token} ` ? 200 : 401, header === `${token} ` ? undefined : 'Unauthorized',
      ]);
    }
  });

  test.each([
    ['no header', undefined, 'No authorization header provided'],
    ['a bad signature', 'other', 'Invalid token'],
    ['an expired token', 'expired', 'Invalid token'],
  ])('%s', async (_, kind, message) => {
    const secret = kind === 'other' ? 'another-secret-that-no-issuer-has-0123456789' : SECRET;
    const exp = kind === 'expired' ? now() - 60 : now() + 60;
    const token = kind === undefined ? undefined : await signed(secret, { userId: 'u', iat: now() - 120, exp });
    for (const path of ['/credits/balance', '/credits/transactions', '/api/credits/statistics', '/api/credits/pricing']) {
      const { status, body } = await send(url(path), 'GET', token === undefined ? {} : { token });
      expect([path, status, body['error'], body['message']]).toEqual([path, 401, 'Unauthorized', message]);
    }
  });
});
