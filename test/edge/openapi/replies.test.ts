import { randomBytes } from 'node:crypto';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Shape } from '../../../src/edge/openapi/examples.js';
import { isNamed } from '../../../src/edge/openapi/operation-ids.js';
import { NAMES } from '../../../src/edge/openapi/schema-names.js';
import type { Operation } from '../../../src/edge/openapi/types.js';
import { checkedAgainst, checkedGateway, type CheckedGateway } from '../../support/checked-fetch.js';
import { DOCUMENTS } from '../../support/documents.js';
import type { Answer, CallOptions } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';

/**
 * What the running gateway really answers, against what its document declares. Every request here goes through
 * `checkedGateway`, which throws at an undeclared status, header, error or field; so a test that expects little still
 * checks all of it.
 */
const SERVER_KEY = randomBytes(32).toString('hex');

let gateway: TestGateway;
let checked: CheckedGateway;
let alice: string;
let bob: string;
let boss: string;
let admin: string;
beforeAll(async () => {
  gateway = await startGateway({ environment: { SERVER_API_KEYS: SERVER_KEY } });
  checked = await checkedGateway(gateway.url);
  const named = (sub: string, role: string): Promise<string> =>
    gateway.token({ sub, role, username: `${sub}-name`, email: `${sub}@example.com` });
  [
    alice, bob, boss, admin,
  ] = await Promise.all([named('alice', 'user'), named('bob', 'user'), named('boss', 'supervisor'), named('root', 'admin')]);
});
afterAll(async () => { await gateway.stop(); });

type Each = { readonly name: string; readonly method: string; readonly path: string; readonly operation: Operation };
const operations = (): Each[] => Object.entries(checked.document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), path, operation,
  })));

/** Ids of what the walk has made, by the path that makes it: `DELETE /x/{id}` is sent the newest of `POST /x`. */
const made = new Map<string, string[]>();

/** The request that the document itself gives as an example, with ids that exist. */
const example = ({ path, operation }: Each): { readonly path: string; readonly body?: unknown } => {
  const values = (where: string): [string, string][] =>
    operation.parameters.filter((each) => each.in === where && 'example' in each).map(({ name, example: value }) => [name, String(value)]);
  const collection = path.split('/{')[0] ?? path;
  const filled = values('path').reduce(
    (text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(made.get(collection)?.at(-1) ?? value)), path,
  );
  const query = new URLSearchParams(values('query')).toString();
  const body = operation.requestBody?.content['application/json']?.example;
  const packageId = made.get('/api/admin/packages')?.[0];
  const named = packageId !== undefined && typeof body === 'object' && body !== null && 'package_id' in body ? {
    ...body, package_id: packageId,
  } : body;
  return { path: query === '' ? filled : `${filled}?${query}`, ...(named === undefined ? {} : { body: named }) };
};

/** The status that a route declares for a code; dialects differ. */
const statusOf = ({ responses }: Operation, code: string): number | undefined => {
  const found = Object.entries(responses).find(([, { content }]) =>
    Object.values(content ?? {}).some(({ examples }) => examples?.[code] !== undefined));
  return found === undefined ? undefined : Number(found[0]);
};

const post = (token: string, path: string, body: object, headers: Record<string, string> = {}): Promise<Answer> =>
  checked.send('POST', path, { token, body, headers });
const statuses = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status);
const sessions = '/api/streaming-sessions';

describe('a user’s money, from grant to ledger', () => {
  test('grants', async () => {
    const grant = { userId: 'alice', credits: '1000.50', expiryDays: 30, notes: 'welcome' };
    expect(statuses([
      await post(admin, '/api/credits/allocate', grant, { 'idempotency-key': 'g1' }),
      await post(admin, '/api/credits/allocate', grant, { 'idempotency-key': 'g1' }),
      await post(admin, '/api/credits/allocate', { ...grant, credits: 1 }, { 'idempotency-key': 'g1' }),
      await post(boss, '/api/credits/allocate', { targetUserId: 'alice', credits: 1, expiryDays: null, notes: null }),
      await post(boss, '/api/credits/allocate', { userId: 'alice', credits: 1 }, { 'idempotency-key': 'x'.repeat(300) }),
    ])).toEqual([201, 201, 422, 201, 400]);
  });

  test('sessions', async () => {
    const session = (sessionId: string, estimatedTokens = 1_500): object => ({ sessionId, modelId: 'gpt-4', estimatedTokens });
    expect(statuses([
      await post(alice, `${sessions}/initialize`, session('s1')), await post(alice, `${sessions}/initialize`, session('s1')),
      await post(alice, `${sessions}/initialize`, session('s1', 2_000)), await post(alice, `${sessions}/initialize`, session('s2')),
      await post(alice, `${sessions}/initialize`, session('s3')), await post(bob, `${sessions}/initialize`, session('s1')),
      await checked.send('GET', `${sessions}/active`, { token: alice }),
      await post(alice, `${sessions}/finalize`, { sessionId: 's1', actualTokens: 1_200 }),
      await post(alice, `${sessions}/finalize`, { sessionId: 's1', actualTokens: 1_200 }),
      await post(alice, `${sessions}/finalize`, { sessionId: 's1', actualTokens: 7 }),
      await post(alice, `${sessions}/abort`, { sessionId: 's1' }),
      await post(alice, `${sessions}/abort`, { sessionId: 's2', tokensGenerated: 10 }),
      await post(alice, `${sessions}/abort`, { sessionId: 's2', tokensGenerated: 10 }),
      await post(bob, `${sessions}/finalize`, { sessionId: 's3', actualTokens: 1 }),
      await post(bob, `${sessions}/abort`, { sessionId: 's3' }),
      await post(alice, `${sessions}/finalize`, { sessionId: 's3', actualTokens: 5, success: false }),
    ])).toEqual([201, 201, 409, 201, 201, 402, 200, 200, 200, 409, 409, 200, 200, 404, 404, 200]);
    // One that its owner never hears of again, and one of each kind that examples refer to.
    expect(statuses([
      await post(alice, `${sessions}/initialize`, session('open')), await post(alice, `${sessions}/initialize`, session('message-1')),
      await post(alice, `${sessions}/finalize`, { sessionId: 'message-1', actualTokens: 1_200, success: true }),
    ])).toEqual([201, 201, 200]);
  });

  test('usage', async () => {
    const usage = { service: 'image', operation: 'generate', credits: 7.5, metadata: { deep: [{ a: null }] } };
    expect(statuses([
      await post(alice, '/api/usage/record', usage, { 'idempotency-key': 'u1' }),
      await post(alice, '/api/usage/record', usage, { 'idempotency-key': 'u1' }),
      await post(alice, '/api/usage/record', { ...usage, credits: 1 }, { 'idempotency-key': 'u1' }),
      await post(bob, '/api/usage/record', usage),
      await post(bob, '/api/usage/record', { ...usage, credits: 0, metadata: null }),
      await post(alice, '/api/usage/record', { ...usage, credits: 1e12 }),
    ])).toEqual([201, 201, 422, 402, 201, 400]);
  });

  test('leases', async () => {
    const place = (id: string, amount: unknown = 1): Promise<Answer> => post(alice, '/v1/holds', { id, amount });
    const step = (path: string, body: object, token = alice): Promise<Answer> => post(token, `/v1/holds/${path}`, body);
    expect(statuses([
      await place('lease'), await place('lease'), await place('lease', 2), await place('lost', '999999'), await place('void'),
      await step('lease/extend', { amount: 1 }), await step('lease/extend', { amount: 999_999 }), await step('lease/extend', {}),
      await step('lease/progress', { amount: '0.5' }), await step('lease/progress', { amount: '0.4' }),
      await step('lease/settle', { use: 'reported', reason: 'completed' }), await step('lease/settle', { amount: 0 }),
      await step('void/void', { reason: 'user_stop' }), await step('lease/void', { reason: 'user_stop' }),
      await step('void/extend', { amount: 1 }), await step('void/settle', { amount: 0 }, bob), await place('void'),
      await checked.send('GET', '/v1/holds/lease', { token: alice }),
      await checked.send('GET', '/v1/holds?state=settled', { token: alice }),
    ])).toEqual([201, 201, 422, 402, 201, 200, 402, 400, 200, 409, 200, 409, 200, 409, 409, 404, 409, 200, 200]);
    // What the examples refer to.
    expect(statuses([await place('string')])).toEqual([201]);
  });

  test('refunds and transfers', async () => {
    const transfer = await post(admin, '/v1/transfers', { from: 'alice', to: 'carol', amount: '1', reason: 'r' });
    expect(statuses([
      transfer, await checked.send('GET', `/v1/transfers/${String(transfer.body['id'])}`, { token: boss }),
      await post(admin, '/v1/refunds', { account: 'alice', of: { hold: 's1' }, amount: '0.1', reason: 'r' }, { 'idempotency-key': 'r1' }),
      await post(admin, '/v1/refunds', { account: 'alice', of: { hold: 's1' }, amount: '0.1', reason: 'r' }, { 'idempotency-key': 'r1' }),
      await post(admin, '/v1/refunds', { account: 'alice', of: { hold: 's1' }, amount: '100000', reason: 'r' }),
      await checked.send('GET', '/v1/accounts/alice/balance?at=2026-01-01T00:00:00Z', { token: alice }),
    ])).toEqual([201, 200, 201, 201, 409, 200]);
  });

  test('deliveries of webhooks', async () => {
    const webhook = await post(admin, '/v1/webhooks', { url: 'https://nowhere.example/', account: 'frank', reason: 'test' });
    await post(admin, '/v1/grants', { account: 'frank', amount: '1', reason: 'r' });
    expect(statuses([webhook, await post(admin, '/v1/accounts/frank/freeze', { reason: 'r' })])).toEqual([201, 200]);
    const path = `/v1/webhooks/${String(webhook.body['id'])}/deliveries`;
    const endsAt = Date.now() + 30_000;
    for (;;) { // made by a job of the worker
      const { body } = await checked.send('GET', path, { token: admin });
      const [delivery] = body['data'] as { readonly id: number }[];
      if (delivery === undefined && Date.now() < endsAt) continue;
      const own = `${path}/${delivery?.id ?? 0}`;
      expect(statuses([
        await checked.send('GET', own, { token: admin }), await checked.send('POST', `${own}/resend?reason=test`, { token: admin }),
      ])).toEqual([200, 202]);
      break;
    }
  });

  test('questions', async () => {
    const get = (path: string, token = alice): Promise<Answer> => checked.send('GET', path, { token });
    expect(statuses([
      await get('/api/credits/balance'), await get('/api/credits/balance', bob), await post(alice, '/api/credits/check', { credits: 1 }),
      await post(bob, '/api/credits/check', { requiredCredits: '5.25' }),
      await post(bob, '/api/credits/check', { credits: 1, requiredCredits: 2 }),
      await post(bob, '/api/credits/calculate', { modelId: '__proto__', tokens: 12.5 }),
    ])).toEqual([200, 200, 200, 200, 400, 200]);
    for (;;) { // the ledger in Postgres is a moment behind
      const { body } = await get('/v1/entries?limit=2');
      if ((body['data'] as unknown[]).length === 2) break;
    }
    expect(statuses([
      await get('/v1/entries'), await get('/v1/entries?cursor=WzJd'), await get('/v1/entries?limit=0'),
      await get('/v1/entries', bob),
    ])).toEqual([200, 200, 400, 200]);
  });
});

/** A field or parameter, by the path to it. */
type Field = { readonly at: string; readonly schema: Shape };

const fieldsOf = (schema: object, at: string): Field[] => {
  const { properties = {}, patternProperties = {}, items, anyOf = [], allOf = [] } = schema as Shape;
  return [
    ...Object.entries({ ...properties, ...patternProperties }).flatMap(([name, child]) =>
      [{ at: `${at}.${name}`, schema: child }, ...fieldsOf(child, `${at}.${name}`)]),
    ...(items === undefined ? [] : fieldsOf(items, at)), ...[...anyOf, ...allOf].flatMap((each) => fieldsOf(each, at)),
  ];
};

const fieldsOfAll = (): Field[] => [
  ...operations().flatMap(({ name, operation: { parameters, requestBody, responses } }) => [
    ...parameters.map(({ description, schema, ...parameter }): Field =>
      ({ at: `${name} ${parameter.name}`, schema: { ...schema, ...(description === undefined ? {} : { description }) } })),
    ...Object.values(requestBody?.content ?? {}).flatMap(({ schema }) => fieldsOf(schema, `${name} body`)),
    ...Object.entries(responses).flatMap(([status, { content }]) =>
      Object.values(content ?? {}).flatMap(({ schema }) => fieldsOf(schema, `${name} ${status}`))),
  ]),
  ...Object.entries(checked.document.components.schemas).flatMap(([name, schema]) => fieldsOf(schema, name)),
];

/** What a number counts or measures. */
const UNITS = new RegExp([
  'credit', 'token', 'second', 'minute', 'hour', 'day', 'month', 'percent', 'money', 'how many', 'number', 'HTTP status', 'id\\b',
  'names it', 'which one', 'version', 'at most', 'place', 'row', 'entr', 'per ',
].join('|'));

const isNumber = ({ type, anyOf = [] }: Shape): boolean =>
  [type].flat().some((each) => each === 'number' || each === 'integer') || anyOf.some((each) => isNumber(each));

describe('every route', () => {
  test.each(DOCUMENTS)('%s: the recommended rules of a public linter find no error', async (path) => {
    const { text } = await checked.send('GET', path);
    const found = await lintFromString({ source: text, config: await createConfig({ extends: ['recommended'] }) });
    expect(found.filter(({ severity }) => severity === 'error').map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([]);
  });

  test.each(DOCUMENTS)('%s is below 300 KB, and has no reference to nothing and no part that nothing refers to', async (path) => {
    const { text, body } = await checked.send('GET', path);
    expect(Buffer.byteLength(text)).toBeLessThan(300_000);
    const components = body['components'] as Record<string, Record<string, unknown>>;
    const there = Object.entries(components).filter(([kind]) => kind !== 'securitySchemes')
      .flatMap(([kind, parts]) => Object.keys(parts).map((name) => `${kind}/${name}`));
    const used = new Set([...text.matchAll(/"\$ref":"#\/components\/([^"]+)"/g)].map(([, name]) => name));
    expect([...used].sort()).toEqual(there.sort());
  });

  test('has hand-picked names of operations and schemas', async () => {
    const ids = operations().map(({ operation: { operationId } }) => operationId);
    expect(operations().filter(({ method, path }) => !isNamed({ method, path: path.replaceAll(/\{(\w+)\}/g, ':$1') }))
      .map(({ name }) => name)).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    const schemas = (await Promise.all(DOCUMENTS.map(async (path) => {
      const { body } = await checked.send('GET', path);
      return Object.keys((body['components'] as { readonly schemas: object }).schemas);
    }))).flat();
    expect(schemas.filter((name) => /\d$|(Body|Reply|Pending)[A-Z]/.test(name))).toEqual([]);
    expect(Object.values(NAMES).filter((name) => !schemas.includes(name))).toEqual([]);
  });

  test('shows operations in the order of a life', () => {
    const order = operations().map(({ name }) => name);
    const at = (name: string): number => order.indexOf(name);
    for (const [first, then] of [
      ['POST /v1/holds', 'POST /v1/holds/{holdId}/settle'],
      ['POST /api/streaming-sessions/initialize', 'POST /api/streaming-sessions/finalize'],
    ] as const) expect([first, at(first) >= 0, at(first) < at(then)]).toEqual([first, true, true]);
  });

  test('says of each field and parameter what it means, and of each number its unit', () => {
    const fields = fieldsOfAll();
    expect(fields.length).toBeGreaterThan(3_000);
    expect(fields.filter(({ schema: { description = '' } }) => description === '').map(({ at }) => at)).toEqual([]);
    expect(fields.filter(({ schema }) => isNumber(schema) && !UNITS.test(schema.description ?? ''))
      .map(({ at, schema }) => `${at}: ${schema.description ?? ''}`)).toEqual([]);
  });

  const callerOf = ({ operation }: Each): CallOptions => {
    const gate = operation['x-gate'];
    if (gate === 'public') return {};
    return gate.startsWith('server-key') ? { headers: { 'x-server-api-key': SERVER_KEY } } : {
      token: gate === 'authenticated' || gate.startsWith('user,') ? alice : admin,
    };
  };

  const ask = async (each: Each): Promise<Answer> => {
    const { path, ...request } = example(each);
    const answer = await checked.send(each.method, path, { ...request, ...callerOf(each) });
    const id = answer.body['id'] ?? answer.body['_id'];
    if (each.method === 'POST' && (typeof id === 'string' || typeof id === 'number')) {
      made.set(each.path, [...made.get(each.path) ?? [], String(id)]);
    }
    return answer;
  };

  test('answers its own example', async () => {
    const order = ['POST', 'PUT', 'PATCH', 'GET', 'DELETE'];
    const all = operations().sort((a, b) =>
      order.indexOf(a.method) - order.indexOf(b.method) || (a.path < b.path ? -1 : 1));
    // Once only to make what the examples of others refer to, such as a package to subscribe to.
    for (const each of all.filter(({ method, operation }) => method.startsWith('P') && operation['x-gate'] === 'admin')) await ask(each);
    // A refusal may be right, for lack of credits, say: that it is declared is what `checked` sees to.
    const wrong: string[] = [];
    for (const each of all) {
      try {
        const { status, text } = await ask(each);
        if (status >= 500) wrong.push(`${each.name} ${JSON.stringify(example(each).body)}: ${text}`);
      } catch (error) {
        wrong.push(String(error));
      }
    }
    expect(wrong).toEqual([]);
  });

  test('answers what no example can ask for, because it depends on what is there', async () => {
    const { body } = await checked.send('GET', '/api/credits/balance', { token: alice });
    const [allocation] = body['activeAllocations'] as { readonly id: number }[];
    const server = { 'x-server-api-key': SERVER_KEY };
    const price = { provider: 'acme', modelName: 'm-1', costPerMessage: 2 };
    const newcomer = (digit: string): object => ({ user_id: digit.repeat(24), email: `${digit}@example.com` });
    expect(statuses([
      await checked.send('DELETE', `/api/credits/allocations/${allocation?.id ?? 0}`, { token: admin }),
      await post(admin, '/api/credits/allocate', { userId: 'alice', credits: 50 }),
      await checked.send('DELETE', '/api/credits/remove', { token: boss, body: { userId: 'alice', credits: 1 } }),
      await post(admin, '/api/admin/users', { sub: 'd'.repeat(24), username: 'dora', email: 'dora@example.com', role: 'enduser' }),
    ])).toEqual([200, 201, 200, 201]);
    for (const prefix of ['/credits', '/api/credits']) {
      expect(statuses([
        await post(admin, `${prefix}/pricing`, price),
        await checked.send('DELETE', `${prefix}/pricing/acme/m-1`, { token: admin }),
      ])).toEqual([200, 204]);
    }
    const { body: granted } = await post(admin, '/v1/grants', { account: 'alice', amount: '1', reason: 'test' });
    expect((await checked.send('DELETE', `/v1/grants/${String(granted['id'])}?reason=test`, { token: admin })).status).toBe(200);
    const gifts = operations().filter(({ path }) => path.includes('give-initial-credits'));
    for (const [index, { path }] of gifts.entries()) {
      expect((await checked.send('POST', path, { headers: server, body: newcomer(String(index)) })).status).toBeLessThan(300);
    }
  });

  test('has given, in this file, at least one answer that is no failure', () => {
    const succeeded = new Set([...checked.seen].filter((line) => / 2\d\d$/.test(line)).map((line) => line.slice(0, -4)));
    // Metrics are on the port of operations (test/edge/http/operations.test.ts).
    expect(operations().map(({ name }) => name).filter((name) => !succeeded.has(name))).toEqual(['GET /metrics']);
  });

  test('refuses as it says it does', async () => {
    for (const each of operations()) {
      const { name, method, operation } = each;
      const { path, ...request } = example(each);
      const ask = async (options: CallOptions): Promise<number> => (await checked.send(method, path, options)).status;
      const gate = operation['x-gate'];
      const forged = { token: 'forged', headers: { 'x-server-api-key': 'forged' } };
      if (gate !== 'public') expect([name, await ask(request), await ask({ ...request, ...forged })]).toEqual([name, 401, 401]);
      if (gate.startsWith('admin')) expect([name, await ask({ ...request, token: bob })]).toEqual([name, 403]);
      if (operation.requestBody === undefined) continue;
      const { headers, ...caller } = callerOf(each);
      const invalid = statusOf(operation, 'invalid_request');
      const bad: [number | undefined, CallOptions & { readonly raw?: string }][] = [
        [invalid, {}], [invalid, { raw: '{' }], [invalid, { raw: '[]' }], [415, { raw: '{}', headers: { 'content-type': 'text/plain' } }],
        [413, { raw: `{"filler":"${'x'.repeat(1_100_000)}"}` }],
      ];
      for (const [status, options] of bad) {
        const got = await ask({ ...caller, ...options, headers: { ...headers, ...options.headers } });
        expect([name, options.raw?.slice(0, 20), got]).toEqual([name, options.raw?.slice(0, 20), status]);
      }
    }
  });
});

describe('the check of answers', () => {
  /** The document with something changed in the answers of `GET /api/credits/balance`. */
  const balanceDeclaredAs = (change: (responses: Record<string, unknown>, schema: {
    properties: Record<string, unknown>;
    required: string[];
  }) => void): CheckedGateway => {
    const document = structuredClone(checked.document);
    const responses = document.paths['/api/credits/balance']?.['get']?.responses as unknown as Record<string, {
      content: Record<string, { schema: unknown }>;
    }>;
    change(responses, responses['200']?.content['application/json']?.schema as never);
    return checkedAgainst(document, gateway.url);
  };
  const balance = (declared: CheckedGateway): Promise<Answer> => declared.send('GET', '/api/credits/balance', { token: alice });

  test('finds what is declared wrongly', async () => {
    await expect(balance(balanceDeclaredAs(() => undefined))).resolves.toMatchObject({ status: 200 });
    await expect(balance(balanceDeclaredAs((_, { properties }) => {
      delete properties['held'];
    }))).rejects.toThrow('has fields that are not declared: .held');
    await expect(balance(balanceDeclaredAs((_, { properties }) => {
      properties['debt'] = { type: 'string' };
    }))).rejects.toThrow('/debt must be string');
    await expect(balance(balanceDeclaredAs((_, { required }) => { required.push('bonus'); }))).rejects.toThrow('bonus');
    await expect(balance(balanceDeclaredAs((responses) => { delete responses['200']; }))).rejects.toThrow('200 is not declared');
    await expect(balanceDeclaredAs((responses) => { delete responses['401']; }).send(
      'GET', '/api/credits/balance',
    )).rejects.toThrow('401 is not declared');
    await expect(checked.send('GET', '/nothing')).rejects.toThrow('is not in the document');
  });
});
