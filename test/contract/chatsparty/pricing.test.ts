import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { send } from '../../support/fake-gateway.js';
import { arrayOf, start, type Caller, type Chatsparty } from './caller.js';

/** Prices and costs of the credit service: seed 004, docs/contracts/chatsparty.md#endpoints and docs/contracts/chatsparty.md#rules. */
let chatsparty: Chatsparty;
let alice: Caller;
beforeAll(async () => {
  chatsparty = await start();
  alice = await chatsparty.someone();
});
afterAll(async () => { await chatsparty.gateway.stop(); });

const TURBO = {
  provider: 'openai', modelName: 'gpt-4-turbo', costPerMessage: 10, costPer1kTokens: 10, isDefaultModel: true, isActive: true,
};
const PREFIXES = ['/api/credits', '/credits'] as const;

describe.each(PREFIXES)('POST %s/calculate-cost', (prefix) => {
  test.each<[object, number, object]>([
    [{ messageCount: 1, tokenCount: 1_500 }, 30, { messageCost: 10, tokenCost: 20 }],
    [{}, 10, { messageCost: 10 }],
    [{ messageCount: 3 }, 30, { messageCost: 30 }],
    [{ tokenCount: 1_000 }, 10, { tokenCost: 10 }],
    [{ tokenCount: 1_001 }, 20, { tokenCost: 20 }],
    [{ messageCount: null, tokenCount: null }, 10, { messageCost: 10 }],
  ])('gpt-4-turbo, %j -> %d', async (counts, totalCost, breakdown) => {
    const { status, body } = await alice.post(`${prefix}/calculate-cost`, { provider: 'openai', modelName: 'gpt-4-turbo', ...counts });
    expect([status, body]).toEqual([200, { totalCost, breakdown, modelPricing: TURBO }]);
  });

  test('an unknown model costs what its provider\'s default does, under its own name', async () => {
    const { body } = await alice.post(`${prefix}/calculate-cost`, { provider: 'openai', modelName: 'gpt-17', messageCount: 2 });
    expect(body).toMatchObject({ totalCost: 20, modelPricing: { modelName: 'gpt-17', isDefaultModel: false } });
  });

  test.each([
    [{}, 'Provider and model name are required'],
    [{ provider: 'openai' }, 'Provider and model name are required'],
    [{ provider: '', modelName: 'gpt-4' }, 'Provider and model name are required'],
    [{ provider: 'nobody', modelName: 'nothing' }, 'No pricing found for nobody:nothing'],
    [
      { provider: 'openai', modelName: 'gpt-4', messageCount: -1 },
      'messageCount and tokenCount must be a whole number from 0 to 1000000000',
    ],
    [
      { provider: 'openai', modelName: 'gpt-4', tokenCount: 1.5 },
      'messageCount and tokenCount must be a whole number from 0 to 1000000000',
    ],
    [{ provider: 'openai', modelName: 'gpt-4', messageCount: 1_000_000_000 }, 'this usage costs more than one operation may move'],
    [
      { provider: 'openai', modelName: 'gpt-4', tokenCount: '7' },
      'messageCount and tokenCount must be a whole number from 0 to 1000000000',
    ],
  ])('%j -> 400', async (body, error) => {
    const answer = await alice.post(`${prefix}/calculate-cost`, body);
    expect([answer.status, answer.body['error']]).toEqual([400, error]);
  });
});

describe.each(PREFIXES)('GET %s/pricing', (prefix) => {
  test('all models, by provider, the default first', async () => {
    const answer = await alice.get(`${prefix}/pricing`);
    expect([answer.status, arrayOf(answer).map(({ provider, modelName }) =>
      `${String(provider)}:${String(modelName)}`).filter((name) => !name.startsWith('test-'))]).toEqual([200, [
      'anthropic:claude-3-sonnet', 'anthropic:claude-3-haiku', 'anthropic:claude-3-opus', 'google:gemini-pro', 'google:gemini-pro-vision',
      'groq:mixtral-8x7b', 'groq:llama2-70b', 'ollama:llama2', 'ollama:mistral', 'openai:gpt-4-turbo', 'openai:gpt-3.5-turbo',
      'openai:gpt-4',
    ]]);
    expect(arrayOf(answer)).toContainEqual(TURBO);
    expect(arrayOf(answer)).toContainEqual({
      provider: 'ollama', modelName: 'llama2', costPerMessage: 1, costPer1kTokens: null, isDefaultModel: true, isActive: true,
    });
  });

  test('of a provider, and for sale or not', async () => {
    expect(arrayOf(await alice.get(`${prefix}/pricing?provider=google`))).toHaveLength(2);
    expect(arrayOf(await alice.get(`${prefix}/pricing?provider=google&isActive=true`))).toHaveLength(2);
    expect(arrayOf(await alice.get(`${prefix}/pricing?provider=google&isActive=false`))).toHaveLength(0);
    const { status, body } = await alice.get(`${prefix}/pricing?isActive=maybe`);
    expect([status, body['error']]).toEqual([400, 'isActive must be one of true, false']);
  });

  test('of one model', async () => {
    expect((await alice.get(`${prefix}/pricing/openai/gpt-4-turbo`)).body).toEqual(TURBO);
    expect((await alice.get(`${prefix}/pricing/openai/gpt-17`)).body).toEqual({ ...TURBO, modelName: 'gpt-17', isDefaultModel: false });
    const { status, body } = await alice.get(`${prefix}/pricing/nobody/nothing`);
    expect([status, body['error']]).toEqual([404, 'No pricing found for nobody:nothing']);
  });
});

describe.each(PREFIXES)('administration below %s/pricing', (prefix) => {
  const remove = (path: string, token = chatsparty.admin.token) =>
    send(`${chatsparty.gateway.url}${prefix}/pricing/${path}`, 'DELETE', { token });

  test('a price is made, changed, and forgotten', async () => {
    const provider = `test-${randomUUID().slice(0, 8)}`;
    const made = await chatsparty.admin.post(`${prefix}/pricing`, { provider, modelName: 'm', costPerMessage: 3 });
    expect([made.status, made.body]).toEqual([
      200, { provider, modelName: 'm', costPerMessage: 3, costPer1kTokens: null, isDefaultModel: false, isActive: true },
    ]);
    const changed = await chatsparty.admin.post(`${prefix}/pricing`, {
      provider, modelName: 'm', costPerMessage: 4.5, costPer1kTokens: 2, isDefaultModel: true, isActive: true,
    });
    expect(changed.body).toEqual({
      provider, modelName: 'm', costPerMessage: 4.5, costPer1kTokens: 2, isDefaultModel: true, isActive: true,
    });
    expect((await alice.post(`${prefix}/calculate-cost`, { provider, modelName: 'm', messageCount: 1, tokenCount: 1 })).body['totalCost'])
      .toBe(6.5);
    const gone = await remove(`${provider}/m`);
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect((await alice.get(`${prefix}/pricing/${provider}/m`)).status).toBe(404);
    const again = await remove(`${provider}/m`);
    expect([again.status, again.body['error']]).toEqual([400, 'Failed to delete model pricing']);
  });

  test('a model that is not for sale has no cost', async () => {
    const provider = `test-${randomUUID().slice(0, 8)}`;
    await chatsparty.admin.post(`${prefix}/pricing`, { provider, modelName: 'm', costPerMessage: 3, isActive: false });
    const { status, body } = await alice.post(`${prefix}/calculate-cost`, { provider, modelName: 'm' });
    expect([status, body['error']]).toEqual([400, 'Model pricing is not active']);
    await remove(`${provider}/m`);
  });

  test('more than ten times as much must be meant', async () => {
    const provider = `test-${randomUUID().slice(0, 8)}`;
    const price = (costPerMessage: number, more = {}) =>
      chatsparty.admin.post(`${prefix}/pricing`, { provider, modelName: 'm', costPerMessage, ...more });
    await price(3);
    const refused = await price(31);
    expect([refused.status, (refused.body['sources'] as { path: string }[])[0]?.path]).toEqual([400, 'body.force']);
    expect((await price(3, { costPer1kTokens: 0 })).body['costPer1kTokens']).toBeNull();
    expect((await price(31, { force: true })).body['costPerMessage']).toBe(31);
    await remove(`${provider}/m`);
  });

  test('the defaults come back', async () => {
    await chatsparty.admin.post(`${prefix}/pricing`, { provider: 'openai', modelName: 'gpt-4', costPerMessage: 40, costPer1kTokens: 40 });
    const { status, body } = await chatsparty.admin.post(`${prefix}/pricing/initialize`, {});
    expect([status, body]).toEqual([200, { message: 'Default pricing initialized successfully' }]);
    expect((await alice.get(`${prefix}/pricing/openai/gpt-4`)).body).toMatchObject({ costPerMessage: 30, costPer1kTokens: 30 });
  });

  test.each([
    {}, { provider: 'p', modelName: 'm' }, { provider: 'p', costPerMessage: 1 },
    { provider: 'p', modelName: 'm', costPerMessage: 0 }, { provider: 'p', modelName: 'm', costPerMessage: -1 },
    { provider: 'p', modelName: 'm', costPerMessage: '1' }, { provider: 'p', modelName: 'm', costPerMessage: 1, costPer1kTokens: -1 },
  ])('%j -> 400', async (body) => {
    const answer = await chatsparty.admin.post(`${prefix}/pricing`, body);
    expect([answer.status, answer.body['error']]).toEqual([400, 'Provider, model name, and cost per message are required']);
  });

  test('is for administrators (P1)', async () => {
    const supervisor = await chatsparty.gateway.token({ sub: 'cp-supervisor', role: 'supervisor' });
    for (const token of [alice.token, supervisor]) {
      const answers = await Promise.all([
        send(`${chatsparty.gateway.url}${prefix}/pricing`, 'POST', { token, body: TURBO }),
        send(`${chatsparty.gateway.url}${prefix}/pricing/initialize`, 'POST', { token }),
        remove('openai/gpt-4', token),
      ]);
      expect(answers.map(({ status, body }) => [status, body['error']])).toEqual(Array.from({
        length: 3,
      }, () => [403, 'Admin access required']));
    }
  });
});
