import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { nativeLab, problemOf, type Call, type NativeLab } from './lab.js';

/** Priority and restriction of grants, over HTTP (docs/contracts/native.md#grants). */
let lab: NativeLab;
let service: Call;
beforeAll(async () => {
  lab = await nativeLab();
  service = await lab.service(['holds', 'charges', 'grants', 'read']);
});
afterAll(async () => { await lab.stop(); });

const newAccount = (): string => `l-${randomUUID().slice(0, 8)}`;
const grant = async (account: string, amount: string, more: object = {}): Promise<string> => {
  const { status, body, text } = await service('POST', '/v1/grants', { account, amount, ...more });
  if (status !== 201) throw new Error(text);
  return String(body['id']);
};

test('a restricted grant is shown, is used for its models only, and a refusal says what is usable', async () => {
  const account = newAccount();
  const promo = await grant(account, '5', { priority: 10, restrictTo: { models: ['gpt-4o', 'weird:model,x;&'] } });
  const paid = await grant(account, '2');
  const rule = { priority: 10, restrictTo: { models: ['gpt-4o', 'weird:model,x;&'] } };
  const lots = [{ id: promo, remaining: '5', ...rule }, { id: paid, remaining: '2', priority: 50, restrictTo: null }];
  expect((await service('GET', `/v1/accounts/${account}`)).body).toMatchObject({ available: '7', restricted: '5', lots });
  expect((await service('GET', `/v1/accounts/${account}/lots`)).body['data']).toMatchObject(lots.toReversed());

  const refused = await service('POST', '/v1/charges', { account, amount: '3', feature: 'chat' });
  expect(problemOf(refused).slice(0, 2)).toEqual([402, 'insufficient_credits']);
  expect(refused.body).toMatchObject({ available: '2' });
  const placed = await service('POST', '/v1/holds', {
    account, id: 'h2', price: { model: 'gpt-4o', inputTokens: 0, maxOutputTokens: 600_000 },
  });
  expect([placed.status, placed.body]).toMatchObject([201, { amount: '6', available: '1' }]);
  expect((await service('GET', `/v1/accounts/${account}`)).body).toMatchObject({
    available: '1', restricted: '0', lots: [{ id: paid, remaining: '1', held: '1' }],
  });
  await service('POST', '/v1/holds/h2/void', { account, reason: 'provider_error' });

  const explain = async (query: string) => (await service('GET', `/v1/accounts/${account}/explain?${query}`)).body;
  expect(await explain('amount=3')).toMatchObject({
    passes: false, available: '7', usable: '2', refusedBy: { kind: 'restriction', limit: null, shortBy: '1', resetsAt: null },
  });
  expect(await explain('amount=8&model=gpt-4o')).toMatchObject({
    passes: false, usable: '7', refusedBy: { kind: 'balance', shortBy: '1' },
  });
  expect(await explain('amount=7&model=gpt-4o')).toMatchObject({ passes: true, usable: '7', refusedBy: null });
  expect((await service('DELETE', `/v1/grants/${promo}`)).body).toMatchObject({ revoked: '5', available: '2' });
});

test('streams of the accounting service use what is for their model, and a stream of another is refused', async () => {
  const account = newAccount();
  await grant(account, '1000', { restrictTo: { models: ['gpt-4'] } });
  const user = await lab.user(account);
  const begin = (sessionId: string, modelId: string) =>
    user('POST', '/api/streaming-sessions/initialize', { sessionId, modelId, estimatedTokens: 1_000 });
  expect((await begin('s1', 'gpt-3.5-turbo')).status).toBe(402);
  expect((await begin('s2', 'gpt-4')).status).toBe(201);
});

test('a transfer and a repeat keep the rule', async () => {
  const [from, to] = [newAccount(), newAccount()];
  const body = { account: from, amount: '4', restrictTo: { features: ['chat'] } };
  const headers = { 'Idempotency-Key': from };
  await service('POST', '/v1/grants', body, headers);
  expect((await service('POST', '/v1/grants', body, headers)).headers.get('idempotency-replayed')).toBe('true');
  expect(problemOf(await service('POST', '/v1/grants', { ...body, priority: 1 }, headers)).slice(0, 2))
    .toEqual([422, 'idempotency_key_reused']);
  await grant(from, '4', { priority: 90 });
  // One lot per rule, although one expiry is asked for.
  const expiresAt = '2099-01-01T00:00:00.000Z';
  const moved = await lab.operator('POST', '/v1/transfers', { from, to, amount: '6', expiresAt, reason: 'move' });
  expect([moved.status, moved.body]).toMatchObject([201, { state: 'completed' }]);
  expect((await service('GET', `/v1/accounts/${to}`)).body).toMatchObject({
    available: '6', restricted: '4', lots: [
      { remaining: '4', expiresAt, priority: 50, restrictTo: { features: ['chat'] } },
      { remaining: '2', expiresAt, priority: 90, restrictTo: null },
    ],
  });
  expect((await service('POST', '/v1/charges', { account: to, amount: '5', feature: 'chat' })).status).toBe(201);
});

describe('bad rules', () => {
  const names = Array.from({ length: 21 }, (_, index) => `m${index}`);
  test.each<[object, string]>([
    [{ priority: -1 }, 'body.priority'], [{ priority: 101 }, 'body.priority'], [{ priority: 1.5 }, 'body.priority'],
    [{ priority: '1' }, 'body.priority'], [{ restrictTo: {} }, 'body.restrictTo'], [{ restrictTo: null }, 'body.restrictTo'],
    [{ restrictTo: { models: [] } }, 'body.restrictTo.models'], [{ restrictTo: { models: 'gpt-4o' } }, 'body.restrictTo.models'],
    [{ restrictTo: { models: ['a'], features: [] } }, 'body.restrictTo.features'],
    [{ restrictTo: { models: names } }, 'body.restrictTo.models'], [{ restrictTo: { features: ['a', 'a'] } }, 'body.restrictTo.features'],
    [{ restrictTo: { models: [''] } }, 'body.restrictTo.models.0'],
    [{ restrictTo: { models: ['x'.repeat(129)] } }, 'body.restrictTo.models.0'],
    [{ restrictTo: { models: ['a\0'] } }, 'body.restrictTo.models.0'],
    [{ restrictTo: { features: ['a', '\ud800'] } }, 'body.restrictTo.features.1'],
    [{ restrictTo: { spenders: ['a'] } }, 'body.restrictTo.spenders'],
  ])('%j is refused', async (rule, path) => {
    const answer = await service('POST', '/v1/grants', { account: 'never-ruled', amount: '1', ...rule });
    expect(problemOf(answer)).toEqual([400, 'invalid_request', [path]]);
    expect((await service('GET', '/v1/accounts/never-ruled')).status).toBe(404);
  });
});
