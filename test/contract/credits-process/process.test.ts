import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { creditsLab, SERVER_KEY, type Lab } from './lab.js';

/**
 * docs/contracts/credits-process.md#start, docs/contracts/credits-process.md#end and docs/contracts/README.md#c-11,
 * docs/contracts/README.md#c-13 to docs/contracts/README.md#c-17, over HTTP.
 */
let lab: Lab;
beforeAll(async () => { lab = await creditsLab(); });
afterAll(async () => { await lab.stop(); });

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const chat = { feature_endpoint_value: 'ai_chat_v1' };
const start = (user: string, more: object = chat) => lab.post('/api/credits-process/start', { user_id: user, ...more });
const end = (body: object) => lab.post('/api/credits-process/end', body);

describe('who may call', () => {
  test.each([
    ['no key', {}, 401, 'Server API key is required'],
    ['an empty key', { 'x-server-api-key': '' }, 401, 'Server API key is required'],
    ['another key', { 'x-server-api-key': `${SERVER_KEY}x` }, 401, 'Invalid server API key'],
    ['the beginning of a key', { 'x-server-api-key': SERVER_KEY.slice(0, -1) }, 401, 'Invalid server API key'],
  ])('%s', async (_, headers, status, message) => {
    for (const path of [
      '/api/credits-process/start', '/api/credits-process/end', '/api/credits-process/end-multimodel', '/api/token-process/start',
      '/api/user-wallets/give-bonus-credits', '/api/feature-usage-logs',
    ]) {
      const answer = await lab.post(path, '{', headers);
      expect([path, answer.status, answer.body.message, answer.body.success, answer.body.status]).toEqual([
        path, status, message, false, status,
      ]);
      expect(answer.body.data).toEqual({ status: 'not-accessible', message });
      expect(answer.body).not.toHaveProperty('stack');
    }
  });

  test('a user token is no server key', async () => {
    const token = await lab.gateway.token({ sub: 'root', role: 'admin' });
    expect((await lab.post('/api/credits-process/start', {}, { authorization: `Bearer ${token}` })).status).toBe(401);
  });
});

describe('start', () => {
  test('access granted: a new usage_key, the wallet as it is, a hold behind it', async () => {
    const user = lab.user();
    await lab.grant(user, 100);
    const { status, body } = await start(user, { feature_endpoint_id: 'ai_chat_v1' });
    expect([status, body.success, body.status, body.message]).toEqual([200, true, 200, 'Credits process started successfully']);
    expect(body.data).toEqual({
      user_id: user, usage_key: expect.stringMatching(UUID_V4), credits: 100, status: 'accessible', message: 'Access granted',
      config: null,
    });
    expect(await lab.balance(user)).toBe(90);
  });

  test('an unknown user: an empty wallet', async () => {
    const { status, body } = await start(lab.user());
    expect([status, body.success, body.data.status, body.data.credits, body.data.message]).toEqual([
      200, true, 'not-accessible', 0, 'Insufficient credits. Required: 10, Available: 0',
    ]);
    expect(body.data.usage_key).toMatch(UUID_V4);
  });

  test('an unknown endpoint, and one named by two names of two things', async () => {
    const user = lab.user();
    await lab.grant(user, 100);
    await lab.admin('POST', '/api/admin/feature-endpoints', { feature: 'ai_chat', name: 'Other', value: 'ai_chat_other' });
    for (const named of [
      { feature_endpoint_value: 'nothing' }, { feature_endpoint_id: 'f'.repeat(24) },
      { feature_endpoint_id: 'ai_chat_v1', feature_endpoint_value: 'ai_chat_other' },
    ]) {
      const { status, body } = await start(user, named);
      expect([status, body.data.status, body.data.message, body.data.credits, body.data.usage_key]).toEqual([
        200, 'not-accessible', 'Feature endpoint not found', 0, undefined,
      ]);
    }
  });

  test('only what is wrong is named: of a union the branch that was meant, else the types that it takes', async () => {
    const sources = async (body: object): Promise<unknown> =>
      (await lab.post('/api/credits-process/end', { user_id: 'u', feature_endpoint_value: 'v', ...body })).body.sources;
    expect(await sources({ usages: [{ output_tokens: 1 }, { input_tokens: -1 }] })).toEqual([
      { path: 'body.usages.1.input_tokens', message: 'must be >= 0' },
    ]);
    expect(await sources({ usages: [{ ai_model: 7 }], usage_key: 'a b' })).toEqual([
      { path: 'body.usage_key', message: 'must be visible ASCII characters, without spaces' },
      { path: 'body.usages.0.ai_model', message: 'must be string or null' },
    ]);
    expect(await sources({ usages: 'x' })).toEqual([{ path: 'body.usages', message: 'must be array or null' }]);
    const log = await lab.post('/api/feature-usage-logs', { user: '', user_id: 7 });
    expect(log.body.sources).toEqual([
      { path: 'body.user', message: 'must not have fewer than 1 characters' }, { path: 'body.user_id', message: 'must be string or null' },
    ]);
  });

  test('every issue of a bad body is named', async () => {
    const { status, body } = await lab.post('/api/credits-process/start', { user_id: 'x'.repeat(256), duration: -1 });
    expect([status, body.success, body.message, body.error, body.data.status]).toEqual([
      400, false, 'Validation Error', 'invalid_request', 'not-accessible',
    ]);
    expect(body.sources?.map(({ path }) => path).sort()).toEqual(['body.duration', 'body.user_id']);
    const unnamed = await start(lab.user(), {});
    expect([unnamed.status, unnamed.body.sources]).toEqual([
      400, [{ path: 'body', message: 'Either feature_endpoint_id or feature_endpoint_value must be provided' }],
    ]);
    expect((await lab.post('/api/credits-process/start', '{"user_id":')).status).toBe(400);
  });

  test('a hundred starts at once cannot share one balance', async () => {
    const user = lab.user();
    await lab.grant(user, 100);
    const answers = await Promise.all(Array.from({ length: 100 }, () => start(user)));
    const accessible = answers.filter(({ body }) => body.data.status === 'accessible');
    expect(accessible).toHaveLength(10);
    expect(await lab.balance(user)).toBe(0);
    expect(new Set(accessible.map(({ body }) => body.data.usage_key)).size).toBe(10);
  });
});

describe('end', () => {
  test('one model: details are an object, all sixteen fields', async () => {
    const user = lab.user();
    await lab.grant(user, 1_000);
    const key = (await start(user)).body.data.usage_key;
    const { status, body } = await end({
      user_id: user, ...chat, usage_key: key, input_token: 0, output_token: 460, model_name: 'Some-Model',
    });
    expect([status, body.success, body.status, body.message]).toEqual([200, true, 200, 'Credits process ended successfully']);
    const { details, ...data } = body.data;
    expect(data).toEqual({
      user_id: user, usage_key: key, credits: 885, status: 'returnable', message: 'Credits processed successfully',
      total_cost: 115,
    });
    expect(details).toEqual({
      ai_model: 'Some-Model', input_tokens: 0, output_tokens: 460, input_credits: 0, output_credits: 115,
      input_token_price: 0.0000003, output_token_price: 0.0000025,
      profit_credits_percentage: 0, profit_credits: 0, cost_credits: 115, cost_price: 0.00115, credits: 115, price: 0.00115,
      rounding_credits: 0, rounding_price: 0, credit_price: 0.00001,
    });
    expect(await lab.balance(user)).toBe(885);
  });

  test('several models: details are an array, one settlement for all', async () => {
    const user = lab.user();
    await lab.grant(user, 1_000);
    const usages = [{ ai_model: 'a', input_tokens: 1_000, output_tokens: 1_000 }, { output_tokens: 460 }];
    const { status, body } = await lab.post('/api/credits-process/end-multimodel', { user_id: user, ...chat, usages });
    expect([status, body.message, body.data.message, body.data.total_cost, body.data.credits]).toEqual([
      200, 'Multi-model credits process ended successfully', 'Multi-model credits processed successfully', 395, 605,
    ]);
    expect(body.data.details.map(({ ai_model: model, credits }) => [model, credits])).toEqual([['a', 280], [undefined, 115]]);
    const either = await end({ user_id: user, ...chat, usages: [] });
    expect([either.status, either.body.message, either.body.data.message, either.body.data.details, either.body.data.total_cost]).toEqual([
      200, 'Credits process ended successfully', 'Multi-model credits processed successfully', [], 0,
    ]);
  });

  test('end-multimodel needs usages, end needs something, and every issue is named', async () => {
    const user = lab.user();
    const missing = await lab.post('/api/credits-process/end-multimodel', { user_id: user, ...chat, input_tokens: 1 });
    expect([missing.status, missing.body.message, missing.body.sources]).toEqual([
      400, 'Validation Error', [{ path: 'body.usages', message: 'is missing' }],
    ]);
    expect((await end({ user_id: user, ...chat })).status).toBe(400);
    const bad = await lab.post('/api/credits-process/end-multimodel', {
      user_id: user, ...chat, usages: [{ input_tokens: -1 }, { output_tokens: 1.5 }],
    });
    expect(bad.body.sources?.map(({ path }) => path)).toEqual(expect.arrayContaining([
      expect.stringContaining('usages.0'), expect.stringContaining('usages.1'),
    ]));
    expect((await end({ user_id: user, feature_endpoint_value: 'nothing', input_tokens: 1 })).body).toMatchObject({
      success: false, status: 404, message: 'Feature endpoint not found',
    });
  });

  test('the token-process of before: the same, with its two older fields', async () => {
    const user = lab.user();
    await lab.grant(user, 1_000);
    const started = await lab.post('/api/token-process/start', { user_id: user, ...chat });
    expect(started.body.data).toMatchObject({ status: 'accessible', credits: 1_000, token: 1_000 });
    const ended = await lab.post('/api/token-process/end', {
      user_id: user, ...chat, usage_key: started.body.data.usage_key, input_tokens: 0, output_tokens: 460,
    });
    expect(ended.body.data).toMatchObject({ status: 'returnable', credits: 885, token: 885, total_cost: 115, cost: 115 });
  });

  test('what was used is charged whatever is there: the rest is debt, and the next start is refused', async () => {
    const user = lab.user();
    await lab.grant(user, 100);
    const key = (await start(user)).body.data.usage_key;
    const { body } = await end({ user_id: user, ...chat, usage_key: key, input_tokens: 1_000, output_tokens: 1_000 });
    expect([body.data.total_cost, body.data.credits]).toEqual([280, -180]);
    const next = await start(user);
    expect([next.body.data.status, next.body.data.credits, next.body.data.message]).toEqual([
      'not-accessible', -180, 'Insufficient credits. Required: 10, Available: 0',
    ]);
    await lab.grant(user, 200);
    expect((await start(user)).body.data).toMatchObject({ status: 'accessible', credits: 20 });
  });

  test('without a key every end is a usage of its own; with an Idempotency-Key it is one', async () => {
    const user = lab.user();
    await lab.grant(user, 1_000);
    const body = { user_id: user, ...chat, output_tokens: 460 };
    await end(body);
    expect((await end(body)).body.data.credits).toBe(770);
    const headers = { 'x-server-api-key': SERVER_KEY, 'idempotency-key': randomUUID() };
    await lab.post('/api/credits-process/end', body, headers);
    const again = await lab.post('/api/credits-process/end', body, headers);
    expect([again.headers.get('idempotency-replayed'), again.body.data.credits]).toEqual(['true', 655]);
  });

  test('a key that was never started, and one whose lease is over, are charged once', async () => {
    const user = lab.user();
    await lab.grant(user, 1_000);
    const unknown = { user_id: user, ...chat, usage_key: 'order-7', output_tokens: 460 };
    expect((await end(unknown)).body.data.credits).toBe(885);
    expect((await end(unknown)).body.data.credits).toBe(885);
    const key = (await start(user)).body.data.usage_key;
    lab.gateway.advance(700_000);
    const late = { user_id: user, ...chat, usage_key: key, output_tokens: 460 };
    expect((await end(late)).body.data.credits).toBe(770);
    expect((await end(late)).body.data.credits).toBe(770);
  });

  test('twenty at once under one key: one charge, one answer', async () => {
    const user = lab.user();
    await lab.grant(user, 1_000);
    for (const usageKey of [(await start(user)).body.data.usage_key, randomUUID()]) {
      const before = await lab.balance(user);
      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) =>
        index % 2 === 0 ? end({ user_id: user, ...chat, usage_key: usageKey, output_tokens: 460, ai_model: 'm' })
          : lab.post('/api/credits-process/end-multimodel', {
            user_id: user, ...chat, usage_key: usageKey.toUpperCase(), usages: [{ output_token: 460, model: ' M ' }],
          })));
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
      expect(new Set(answers.map(({ body }) => body.data.total_cost))).toEqual(new Set([115]));
      expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(19);
      const after = (await end({ user_id: user, ...chat, usage_key: usageKey, output_tokens: 460, ai_model: 'm' })).body.data.credits;
      expect([before + 10 - after, before - after]).toContain(115);
    }
  });

  test('the same key with less usage is refused, and tells the outcome; with more, the difference is charged once', async () => {
    const user = lab.user();
    await lab.grant(user, 1_000);
    const key = (await start(user)).body.data.usage_key;
    await end({ user_id: user, ...chat, usage_key: key, output_tokens: 460 });
    const other = await end({ user_id: user, ...chat, usage_key: key, output_tokens: 456 });
    expect([other.status, other.body.error, other.body.data.status, other.body.first]).toEqual([
      409, 'hold_resolved', 'not-accessible', expect.objectContaining({ state: 'settled', charged: 115 }),
    ]);
    expect(await lab.balance(user)).toBe(885);
    const more = { user_id: user, ...chat, usage_key: key, output_tokens: 464 };
    for (const replayed of [null, 'true']) {
      const corrected = await end(more);
      expect([
        corrected.status, corrected.body.data.total_cost, corrected.body.data.credits,
        corrected.headers.get('idempotency-replayed'),
      ]).toEqual([200, 116, 884, replayed]);
    }
    expect((await end({ ...more, output_tokens: 460 })).body.first).toMatchObject({ state: 'settled', charged: 116 });
    const somebodyElse = lab.user();
    expect((await end({ user_id: somebodyElse, ...chat, usage_key: key, output_tokens: 461 })).status).toBe(200);
    expect(await lab.balance(user)).toBe(884);
  });

  test('ends of one key at once with different usage charge the highest, once', async () => {
    const user = lab.user();
    await lab.grant(user, 1_000);
    for (const usageKey of [(await start(user)).body.data.usage_key, randomUUID()]) {
      const before = await lab.balance(user);
      const held = usageKey === '' ? 0 : 1_000 - before; // of the start
      const answers = await Promise.all(Array.from({
        length: 20,
      }, (_, index) => end({ user_id: user, ...chat, usage_key: usageKey, output_tokens: 40 * (1 + (index * 7) % 20) })));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([
        200, ...(answers.some(({ status }) => status === 409) ? [409] : []),
      ]));
      expect(await lab.balance(user)).toBe(before + held - 200);
      await lab.grant(user, 1_000 - await lab.balance(user));
    }
  });

  test("a user's own token cannot reach a server's hold", async () => {
    const user = lab.user();
    await lab.grant(user, 100);
    const key = (await start(user)).body.data.usage_key;
    const token = await lab.gateway.token({ sub: user });
    for (const sessionId of [key, `credits-process ${key}`, `credits-process%20${key}`]) {
      for (const [path, body] of [['finalize', { sessionId, actualTokens: 0 }], ['abort', { sessionId }]] as const) {
        const response = await fetch(`${lab.gateway.url}/api/streaming-sessions/${path}`, {
          method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        expect([400, 404]).toContain(response.status);
      }
    }
    expect(await lab.balance(user)).toBe(90);
  });
});
