import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Operation } from '../../../src/edge/openapi/types.js';
import { JSON_DEPTH_MAX } from '../../../src/kit/limits.js';
import { nativeLab, problemOf, type Call, type NativeLab } from './lab.js';

/** Reasons of changes (docs/contracts/native.md#changes). */
let lab: NativeLab;
/** An operator who gives a reason only where the test does. */
let root: Call;
beforeAll(async () => {
  lab = await nativeLab();
  root = lab.bearer(await lab.gateway.token({ sub: 'root', role: 'admin' }));
});
afterAll(async () => { await lab.stop(); });

const name = (): string => `c${randomUUID().slice(0, 8)}`;
const changes = async (query: string): Promise<Record<string, unknown>[]> =>
  (await root('GET', `/v1/changes?${query}`)).body['data'] as Record<string, unknown>[];

/** Writes whose reason is not asked for: they change nothing, or each of their operations has its own. */
const WITHOUT = ['POST /v1/batch', 'POST /v1/quotes', 'POST /v1/reconciliation', 'POST /v1/holds/{holdId}/progress'];

test('every write takes a reason', () => {
  const takes = (operation: Operation): boolean =>
    operation.parameters.some((each) => each.in === 'query' && each.name === 'reason')
    || JSON.stringify(operation.requestBody ?? null).includes('"reason":{');
  const silent = Object.entries(lab.checked.document.paths).flatMap(([path, item]) => Object.entries(item)
    .filter(([method, operation]) => path.startsWith('/v1/') && method !== 'get' && !takes(operation))
    .map(([method]) => `${method.toUpperCase()} ${path}`));
  expect(silent.sort()).toEqual(WITHOUT.toSorted());
});

const PLAN = { name: 'Pro', credits: '1', period: 'month' };
const ENDPOINT = { url: 'https://example.com/events' };
type Write = readonly [method: string, path: string, body?: object];
/** A write of each kind, and what makes it possible. */
const WRITES: readonly (readonly [string, () => Write | Promise<Write>])[] = [
  ['PUT limit', () => ['PUT', `/v1/accounts/${name()}/limits/daily`, { amount: '1', period: 'day' }]],
  ['DELETE limit', async () => {
    const path = `/v1/accounts/${name()}/limits/daily`;
    await lab.operator('PUT', path, { amount: '1', period: 'day' });
    return ['DELETE', path];
  }],
  ['PUT member', () => ['PUT', `/v1/accounts/${name()}/members/${name()}`, {}]],
  ['DELETE member', async () => {
    const path = `/v1/accounts/${name()}/members/${name()}`;
    await lab.operator('PUT', path, {});
    return ['DELETE', path];
  }],
  ['PUT low balance', () => ['PUT', `/v1/accounts/${name()}/low-balance`, { amount: '1' }]],
  ['PUT price', () => ['PUT', `/v1/prices/${name()}`, { model: 'm', prices: { input: '1' } }]],
  ['PUT plan', () => ['PUT', `/v1/plans/${name()}`, PLAN]],
  ['POST referral', () => ['POST', '/v1/referrals', { referrer: name(), referee: name(), credits: '1' }]],
  ['POST webhook', () => ['POST', '/v1/webhooks', ENDPOINT]],
  ['POST key', () => ['POST', '/v1/api-keys', { name: name(), scopes: ['read'] }]],
  ['PATCH key', async () => {
    const { body } = await lab.operator('POST', '/v1/api-keys', { name: name(), scopes: ['read'] });
    return ['PATCH', `/v1/api-keys/${String(body['id'])}`, { rateLimit: 5 }];
  }],
];

describe('an operator says why', () => {
  test.each(WRITES)('%s', async (_, prepare) => {
    const [method, path, body] = await prepare();
    const [newest] = await changes('limit=1');
    const place = body === undefined ? 'query.reason' : 'body.reason';
    expect(problemOf(await root(method, path, body))).toEqual([400, 'invalid_request', [place]]);
    expect(await changes('limit=1')).toEqual([newest]);
    const answer = body === undefined
      ? await root(method, `${path}?reason=asked%20for`) : await root(method, path, { ...body, reason: 'asked for' });
    expect(answer.status).toBeLessThan(300);
    expect(await changes('limit=1')).toMatchObject([{
      actor: 'root', actorKind: 'operator', reason: 'asked for', method, path, body: body ?? null, status: answer.status,
      requestId: answer.headers.get('x-request-id'),
    }]);
  });
});

test('a service may say why; its change is kept either way, and listed by account and by actor', async () => {
  const service = await lab.service(['admin']);
  const account = name();
  const path = `/v1/accounts/${account}/limits/daily`;
  expect((await service('PUT', path, { amount: '1', period: 'day' })).status).toBe(201);
  expect((await service('PUT', path, { amount: '2', period: 'day', reason: 'more' })).status).toBe(200);
  expect((await service('DELETE', `${path}?reason=gone`)).status).toBe(204);
  const kept = await changes(`account=${account}`);
  expect(kept.map(({ actorKind, account: about, reason, method }) => [actorKind, about, reason, method])).toEqual([
    ['service', account, 'gone', 'DELETE'], ['service', account, 'more', 'PUT'], ['service', account, null, 'PUT'],
  ]);
  expect(await changes(`actor=${String(kept[0]?.['actor'])}`)).toEqual(kept);
  const { body: { data, nextCursor } } = await root('GET', `/v1/changes?account=${account}&limit=2`);
  expect([data, await changes(`account=${account}&cursor=${String(nextCursor)}`)]).toEqual([kept.slice(0, 2), kept.slice(2)]);
});

test('what is refused, and what repeats, leaves no change', async () => {
  const account = name();
  const path = `/v1/accounts/${account}/limits/daily`;
  const limit = { amount: '1', period: 'day', reason: 'asked for' };
  expect((await root('PUT', path, { ...limit, amount: '-1' })).status).toBe(400);
  expect((await root('PUT', path, limit, { 'If-Match': '"9"' })).status).toBe(412);
  expect((await root('DELETE', `${path}?reason=x`)).status).toBe(404);
  for (const reason of ['', 'a\u0000b', 7]) {
    expect(problemOf(await root('PUT', path, { ...limit, reason }))).toEqual([400, 'invalid_request', ['body.reason']]);
  }
  expect(await changes(`account=${account}`)).toEqual([]);
  const key = { 'Idempotency-Key': randomUUID() };
  const webhook = { ...ENDPOINT, account, reason: 'asked for' };
  expect((await root('POST', '/v1/webhooks', webhook, key)).status).toBe(201);
  expect((await root('POST', '/v1/webhooks', webhook, key)).headers.get('idempotency-replayed')).toBe('true');
  expect(await changes(`account=${account}`)).toHaveLength(1);
});

test('writes of features are listed too, with a reason if there is one, whatever their bodies hold', async () => {
  const path = '/api/admin/packages';
  expect((await root('POST', path, { name: name(), reason: 'new tariff' })).status).toBe(201);
  expect(await changes('limit=1')).toMatchObject([{ actor: 'root', reason: 'new tariff', method: 'POST', path, status: 201 }]);
  const token = await lab.gateway.token({ sub: 'root', role: 'admin' });
  const nested = (levels: number): string => `${'{"a":'.repeat(levels)}"\\u0000\\ud800"${'}'.repeat(levels)}`;
  const send = (asked: string) => lab.checked.send('POST', path, { token, raw: asked });
  const stored = `{"name":"${name()}","more":${nested(JSON_DEPTH_MAX - 1)}}`;
  expect((await send(stored)).status).toBe(201);
  const last = [{ reason: null, path, body: JSON.parse(stored) as unknown }];
  expect(await changes('limit=1')).toMatchObject(last);
  expect((await send(`{"name":"${name()}","more":${nested(JSON_DEPTH_MAX)}}`)).status).toBe(400);
  expect(await changes('limit=1')).toMatchObject(last);
});
