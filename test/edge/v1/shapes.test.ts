import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { nativeLab, problemOf, type Call, type NativeLab } from './lab.js';

/** What /v1 looks like, whatever the route (docs/contracts/native.md#shapes and #errors). */
let lab: NativeLab;
let service: Call;
beforeAll(async () => {
  lab = await nativeLab();
  service = await lab.service(['charges', 'grants', 'read']);
});
afterAll(async () => { await lab.stop(); });

const charge = (body: object, headers?: Record<string, string>) => service('POST', '/v1/charges', body, headers);
const usage = { inputTokens: 1_000, outputTokens: 500 };

describe('failures', () => {
  test('are problem details with a page that explains the code', async () => {
    const account = await lab.funded('2.5');
    const { status, headers, body } = await charge({ account, amount: '10.000001' }, { 'X-Request-Id': 'r-1' });
    expect([status, headers.get('content-type')]).toEqual([402, 'application/problem+json']);
    expect(body).toEqual({
      type: '/docs/errors#insufficient_credits', title: 'The account has too few credits', status: 402,
      detail: '10.000001 credits needed, 2.5 available', code: 'insufficient_credits', errors: [],
      available: '2.5', required: '10.000001', shortBy: '7.500001', requestId: 'r-1',
    });
    const page = await fetch(`${lab.gateway.url}/docs/errors`);
    expect(await page.text()).toContain('id="insufficient_credits"');
  });

  test('of unknown paths below /v1 are, too', async () => {
    const answer = await fetch(`${lab.gateway.url}/v1/nothing`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
  });
});

describe('bodies', () => {
  test.each<[object, string[]]>([
    [{ amount: '1', acount: 'x' }, ['body.acount']],
    [{ model: 'gpt-4o', usage: { ...usage, maxOutputToken: 5 } }, ['body.usage.maxOutputToken']],
    [{ usages: [{ model: 'gpt-4o', usage, tier: 'x' }] }, ['body.usages.0.tier']],
    [{ amount: '1', model: 'gpt-4o', usage }, ['body.amount']],
    [{}, ['body.amount']],
    [{ usage }, ['body.model']],
    [{ usages: [{ model: 'gpt-4o', usage }], model: 'gpt-4o' }, ['body.model']],
    [{ model: 'gpt-4o', usage: { inputTokens: -1 } }, ['body.usage.inputTokens']],
    [{ model: 'gpt-4o', usage: { inputTokens: 0.5 } }, ['body.usage.inputTokens']],
    [{ model: 'gpt-4o', usage: { inputTokens: 1e12 } }, ['body.usage.inputTokens']],
    [{ model: 'gpt-4o', usage: { inputTokens: 5, cachedInputTokens: 6 } }, ['body.usage.inputTokens']],
    [{ model: 'gpt-4o', usage: {} }, ['body.usage']],
    [{ amount: '1.0000001' }, ['body.amount']], [{ amount: '-1' }, ['body.amount']], [{ amount: '0' }, ['body.amount']],
    [{ amount: '1e3' }, ['body.amount']], [{ amount: true }, ['body.amount']],
    [{ amount: '1', metadata: { deep: '\0' } }, ['body.metadata']],
  ])('%j is refused with its path, and nothing is charged', async (body, paths) => {
    const account = await lab.funded('5');
    expect(problemOf(await charge({ account, ...body }))).toEqual([400, 'invalid_request', paths]);
    expect((await service('GET', `/v1/accounts/${account}`)).body).toMatchObject({ seq: 1, available: '5' });
  });

  test('a megabyte of unknown members is answered with a few of them', async () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`m${index}`, 1]));
    const { body } = await charge({ account: 'a', amount: '1', ...many });
    expect(body['errors']).toEqual(expect.arrayContaining([{ path: 'body.m0', message: 'is not a member of this request' }]));
    expect((body['errors'] as unknown[]).length).toBeLessThan(20);
  });

  test('metadata is the caller’s, and comes back', async () => {
    const account = await lab.funded('5');
    const metadata = { conversation: 'c-17', nested: { anything: [1, null] } };
    const { body } = await charge({ account, amount: 0.1, metadata });
    expect((await service('GET', `/v1/accounts/${account}/entries/${String(body['entry'])}`)).body['facts']).toMatchObject({ metadata });
  });
});

describe('Idempotency-Key', () => {
  const key = () => ({ 'Idempotency-Key': randomUUID() });

  test.each<[string, string, (account: string, amount: number) => object]>([
    ['POST', '/v1/charges', (account, amount) => ({ account, amount })],
    ['POST', '/v1/charges', (account, amount) => ({ account, model: 'gpt-4o', usage: { inputTokens: 1_000 * amount } })],
    ['POST', '/v1/grants', (account, amount) => ({ account, amount: String(amount), expiresAt: '2099-01-01T00:00:00Z' })],
  ])('%s %s: the same again is answered again; another body is 422', async (method, path, bodyOf) => {
    const account = await lab.funded('100');
    const headers = key();
    const first = await service(method, path, bodyOf(account, 3), headers);
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
    await service('POST', '/v1/charges', { account, amount: '1' });
    const again = await service(method, path, bodyOf(account, 3), headers);
    expect([again.status, again.body, again.headers.get('idempotency-replayed')]).toEqual([201, first.body, 'true']);
    expect(problemOf(await service(method, path, bodyOf(account, 4), headers))).toEqual([422, 'idempotency_key_reused', []]);
  });

  test('a repeat is answered with the price of the first request, though it has changed or gone', async () => {
    const account = await lab.funded('100');
    const model = `m-${randomUUID().slice(0, 6)}`;
    const price = (input: string, state = 'active') =>
      lab.operator('PUT', '/v1/prices/native', { model, prices: { input }, state, force: true });
    await price('1');
    const headers = key();
    const body = { account, model, usage: { inputTokens: 1_000_000 } };
    const first = await charge(body, headers);
    expect(first.body['amount']).toBe('1');
    await price('2');
    expect((await charge(body, headers)).body).toEqual(first.body);
    await price('2', 'inactive');
    expect((await charge(body, headers)).body).toEqual(first.body);
    expect(problemOf(await charge(body, key()))).toEqual([422, 'unknown_model', ['body.model']]);
  });
});

describe('lists', () => {
  test('are pages of data with an opaque cursor', async () => {
    const account = await lab.funded('100');
    for (let i = 0; i < 4; i += 1) await charge({ account, amount: '1' });
    const seqs: number[] = [];
    let cursor: string | null = null;
    do {
      const { body }: { body: Record<string, unknown> } = await service(
        'GET', `/v1/accounts/${account}/entries?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`, undefined, { Prefer: 'x' },
      );
      seqs.push(...(body['data'] as { seq: number }[]).map(({ seq }) => seq));
      cursor = body['nextCursor'] as string | null;
    } while (cursor !== null);
    expect(seqs).toEqual([5, 4, 3, 2, 1].slice(5 - seqs.length));
    for (const query of ['limit=0', 'limit=1001', 'cursor=x', 'cursor=WyJhIl0']) {
      const name = query.split('=')[0] ?? '';
      const answer = await service('GET', `/v1/accounts/${account}/entries?${query}`);
      expect(problemOf(answer)).toEqual([400, 'invalid_request', [`query.${name}`]]);
    }
  });
});

describe('Prefer: wait=ledger', () => {
  test('the entry is in Postgres when the answer comes', async () => {
    const account = await lab.funded('10');
    const { body, headers } = await charge({ account, amount: '1' }, { Prefer: 'respond-async, wait=ledger' });
    expect(headers.get('preference-applied')).toBe('wait=ledger');
    const { body: { data } } = await service('GET', `/v1/accounts/${account}/entries?limit=1`);
    expect((data as { seq: number }[])[0]?.seq).toBe(body['entry']);
    expect((await charge({ account, amount: '1' })).headers.get('preference-applied')).toBeNull();
  });
});

test('an account is `account` everywhere, and every id is text', () => {
  const broken: string[] = [];
  const look = (at: string, value: unknown): void => {
    if (value === null || typeof value !== 'object') return;
    const { properties } = value as { readonly properties?: Readonly<Record<string, { readonly type?: unknown }>> };
    if (properties?.['accountId'] !== undefined) broken.push(`${at} accountId`);
    if (properties?.['id']?.type === 'integer') broken.push(`${at} id`);
    for (const [name, inner] of Object.entries(value)) look(name === 'examples' ? at : `${at} ${name}`, inner);
  };
  for (const [path, item] of Object.entries(lab.checked.document.paths)) {
    if (!path.startsWith('/v1/')) continue;
    look(path, item);
    for (const { parameters } of Object.values(item)) {
      for (const { in: place, name } of parameters) if (place === 'query' && name === 'accountId') broken.push(`${path} ?accountId`);
    }
  }
  expect(broken).toEqual([]);
});
