import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TSchema } from 'typebox';
import { PROBLEMS } from '../../../src/edge/http/problem.js';
import { shapeOf } from '../../../src/edge/openapi/examples.js';
import type { Operation } from '../../../src/edge/openapi/types.js';
import { GatewayError } from '../../../src/kit/errors.js';
import { connectPostgres, watchProfile } from '../../../src/stores/postgres/connect.js';
import { inlined } from '../../support/checked-fetch.js';
import { fakeGateway, send } from '../../support/fake-gateway.js';
import { nativeLab, problemOf, type NativeLab } from './lab.js';

/** What holds of every route of /v1 (docs/contracts/native.md#shapes, #requests, #errors), found by walking the document. */
let lab: NativeLab;
beforeAll(async () => { lab = await nativeLab(); });
afterAll(async () => { await lab.stop(); });

type Line = { readonly method: string; readonly path: string; readonly operation: Operation };
const lines = (): Line[] => Object.entries(lab.checked.document.paths).filter(([path]) => path.startsWith('/v1/'))
  .flatMap(([path, item]) => Object.entries(item).map(([method, operation]): Line => ({ method: method.toUpperCase(), path, operation })));
const filled = (path: string): string => path.replaceAll(/\{\w+\}/g, 'x1');

describe('requests', () => {
  test('a parameter that a route does not have is refused by name, on every route', async () => {
    for (const { method, path } of lines()) {
      const answer = await lab.operator(method, `${filled(path)}?limt=10&__proto__=1`, method === 'GET' ? undefined : {});
      expect([method, path, ...problemOf(answer)]).toEqual([method, path, 400, 'invalid_request', ['query.limt', 'query.__proto__']]);
    }
  });

  test('a parameter that has at least one character is refused when it is empty, on every route', async () => {
    const accepted: string[] = [];
    for (const { method, path, operation } of lines()) {
      const names = operation.parameters.filter((each) => each.in === 'query' && (shapeOf(each.schema).minLength ?? 0) > 0)
        .map(({ name }) => name);
      for (const name of names) {
        // An operator's reason, which the lab would add, is the parameter itself here.
        const token = await lab.gateway.token({ sub: 'root', role: 'admin' });
        const url = `${lab.gateway.url}${filled(path.replace('{book}', 'native'))}?${name}=`;
        const answer = await send(url, method, { token, ...(method === 'GET' ? {} : { body: {} }) });
        const paths = (answer.body['errors'] as { path: string }[] | undefined)?.map((each) => each.path);
        if (answer.status !== 400 || paths?.includes(`query.${name}`) !== true) {
          accepted.push(`${method} ${path}?${name}= ${answer.status}`);
        }
      }
    }
    expect(accepted).toEqual([]);
  });

  test('the older routes ignore a parameter that they do not have', async () => {
    expect((await lab.operator('GET', '/api/credits/balance?limt=10')).status).toBe(200);
  });

  test('names of parameters are recorded short and storable', async () => {
    const { body } = await lab.operator('GET', `/v1/plans?${'x'.repeat(2_000)}=1&%00=1`);
    const paths = (body['errors'] as { path: string }[]).map(({ path }) => path);
    expect(paths[0]?.length).toBeLessThan(120);
    expect(paths[1]).toBe('query.\\u0000');
  });

  test.each<[string, Record<string, string>, string]>([
    ['text', { 'content-type': 'text/plain' }, '{"amount":"1"}'],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'amount=1'],
    ['another charset', { 'content-type': 'application/json; charset=iso-8859-1' }, '{"amount":"1"}'],
    ['a compressed body', { 'content-type': 'application/json', 'content-encoding': 'gzip' }, '{"amount":"1"}'],
  ])('%s is no body: 415', async (_, headers, raw) => {
    const token = await lab.gateway.token({ sub: 'alice', role: 'user' });
    const answer = await send(`${lab.gateway.url}/v1/charges`, 'POST', { token, raw, headers });
    expect([answer.headers.get('content-type'), ...problemOf(answer)])
      .toEqual(['application/problem+json', 415, 'unsupported_media_type', ['header']]);
  });

  test('a body that is missing or no object is 400', async () => {
    const token = await lab.gateway.token({ sub: 'alice', role: 'user' });
    for (const raw of [undefined, '', '[]', '1', '{"amount"']) {
      const answer = await send(`${lab.gateway.url}/v1/charges`, 'POST', { token, ...(raw === undefined ? {} : { raw }) });
      expect([raw, answer.status, answer.body['code']]).toEqual([raw, 400, 'invalid_request']);
    }
  });

  test('another method is 405 with those that there are, an unknown path 404', async () => {
    const ask = (method: string, path: string) => send(lab.gateway.url + path, method);
    for (const [method, path, allow] of [
      ['PATCH', '/v1/charges', 'POST'], ['POST', '/v1/plans/x', 'DELETE, GET, HEAD, PUT'], ['DELETE', '/v1/quotes', 'POST'],
      ['PUT', '/V1/plans/', 'GET, HEAD'],
    ] as const) {
      const answer = await ask(method, path);
      expect([path, answer.headers.get('allow'), answer.headers.get('content-type'), ...problemOf(answer)])
        .toEqual([path, allow, 'application/problem+json', 405, 'method_not_allowed', []]);
    }
    for (const path of ['/v1', '/v1/nothing', '/v1/plans/x/y']) expect(problemOf(await ask('GET', path))).toEqual([404, 'not_found', []]);
    expect((await ask('PATCH', '/api/health')).status).toBe(404);
  });

  test('what is not written in another type is JSON, whatever Accept says', async () => {
    const answer = await lab.operator('GET', '/v1/plans', undefined, { Accept: 'text/csv' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  });
});

describe('answers', () => {
  /** Every schema of an answer that is not a failure, with its path. */
  const schemas = (): [string, string, TSchema][] => lines().flatMap(({ method, path, operation }) =>
    Object.entries(operation.responses).filter(([status]) => Number(status) < 300).flatMap(([, { content = {} }]) =>
      Object.values(content).flatMap(({ schema }) =>
        membersOf(inlined(lab.checked.document, schema), '').map(([name, each]): [string, string, TSchema] => [
          `${method} ${path}`, name, each,
        ]))));
  const membersOf = (schema: TSchema, at: string): [string, TSchema][] => {
    const { properties = {}, items, anyOf = [] } = shapeOf(schema);
    const { allOf = [] } = schema as { readonly allOf?: readonly TSchema[] };
    return [
      [at, schema], ...Object.entries(properties).flatMap(([name, each]) => membersOf(each, `${at}.${name}`)),
      ...(items === undefined ? [] : membersOf(items, `${at}[]`)), ...[...anyOf, ...allOf].flatMap((each) => membersOf(each, at)),
    ];
  };

  test('have no JSON number for an amount, names in camelCase, and times in RFC 3339', () => {
    const wrong: string[] = [];
    for (const [route, path, schema] of schemas()) {
      const name = /\.([^.[]*)(?:\[\])*$/.exec(path)?.[1] ?? 'x';
      const { type, format } = schema as { readonly type?: unknown; readonly format?: string };
      if (type === 'number' && !name.endsWith('Ratio')) wrong.push(`${route} ${path}: a number`);
      if (!/^[a-z][A-Za-z0-9]*$/.test(name)) wrong.push(`${route} ${path}: no camelCase`);
      if (/(^at|At|effectiveFrom)$/.test(name) && type === 'string' && format !== 'date-time') wrong.push(`${route} ${path}: no time`);
    }
    expect(wrong).toEqual([]);
  });

  test('of lists are data and nextCursor; limit is at most 1000, and a cursor is one that was given', async () => {
    const lists = lines().filter(({ operation }) => operation.parameters.some(({ name }) => name === 'cursor'));
    expect(lists.length).toBeGreaterThan(4);
    const account = await lab.funded('1');
    const webhook = await lab.operator('POST', '/v1/webhooks', { url: 'https://example.com/events', events: ['balance.low'] });
    for (const { method, path } of lists) {
      const at = path.replace('{accountId}', account).replace('{book}', 'native').replace('{webhookId}', String(webhook.body['id']));
      const query = path === '/v1/holds' ? `account=${account}&` : '';
      const page = await lab.operator(method, `${at}?${query}limit=1000`);
      expect([path, Object.keys(page.body).sort()]).toEqual([path, ['data', 'nextCursor']]);
      for (const wrong of ['limit=0', 'limit=1001', 'limit=1.5', 'limit=x', 'cursor=x', 'cursor=bm8', 'cursor=W10', 'cursor=W3t9XQ']) {
        const answer = await lab.operator(method, `${at}?${query}${wrong}`);
        expect([path, wrong, ...problemOf(answer)]).toEqual([path, wrong, 400, 'invalid_request', [`query.${wrong.split('=')[0] ?? ''}`]]);
      }
    }
  });

  test('402 tells what is missing, and the limit that refused', async () => {
    const account = await lab.funded('10');
    const charge = (amount: string) => lab.operator('POST', '/v1/charges', { account, amount, reason: 'test' });
    expect(await charge('10.5')).toMatchObject({
      status: 402, body: { code: 'insufficient_credits', available: '10', required: '10.5', shortBy: '0.5' },
    });
    await lab.operator('PUT', `/v1/accounts/${account}/limits/daily`, { amount: '2', period: 'day' });
    expect(await charge('2.5')).toMatchObject({
      status: 402, body: {
        code: 'limit_reached', available: '2', required: '2.5', shortBy: '0.5', limit: 'daily',
        resetsAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT00:00:00\.000Z$/) as unknown,
      },
    });
  });

  test('503 tells whether anything may have happened, and when to ask again', async () => {
    const fake = await fakeGateway();
    const unavailable = new GatewayError('ledger_unavailable', 'Postgres does not answer', { outcome: 'not_executed' });
    Object.assign(fake.deps.native.plans, { listPlans: () => Promise.reject(unavailable) });
    const answer = await fake.call('GET', '/v1/plans', { token: await fake.token({ sub: 'root', role: 'admin' }) });
    expect([answer.headers.get('retry-after'), answer.headers.get('content-type')]).toEqual(['1', 'application/problem+json']);
    expect(answer).toMatchObject({ status: 503, body: { code: 'ledger_unavailable', outcome: 'not_executed', status: 503 } });
    await fake.stop();
  });

  test('Prefer: wait=ledger comes after a second without its header, when Postgres has not got the entry', async () => {
    const account = await lab.funded('10');
    const db = connectPostgres(lab.gateway.databaseUrl, watchProfile(20_000));
    const trx = await db.transaction();
    try {
      // The drain cannot move its cursor until this transaction ends.
      await trx.raw('lock table shards in exclusive mode');
      const service = await lab.service(['charges']);
      const late = await service('POST', '/v1/charges', { account, amount: '1' }, { Prefer: 'wait=ledger' });
      expect([late.status, late.headers.get('preference-applied')]).toEqual([201, null]);
      await trx.rollback();
      const written = await service('POST', '/v1/charges', { account, amount: '1' }, { Prefer: 'wait=ledger' });
      expect(written.headers.get('preference-applied')).toBe('wait=ledger');
    } finally {
      if (!trx.isCompleted()) await trx.rollback();
      await db.destroy();
    }
  });
});

describe('the pages of errors', () => {
  test('the document’s codes are the closed list, and each is explained where its type leads', async () => {
    const codes = Object.values(PROBLEMS).map(({ code }) => code);
    const schema = shapeOf(lab.checked.document.components.schemas['Problem'] ?? {});
    expect((shapeOf(schema.properties?.['code'] ?? {}) as { enum?: string[] }).enum).toEqual(codes);
    const types = new Set(lines().flatMap(({ operation }) => Object.values(operation.responses).flatMap(({ content = {} }) =>
      Object.values(content).flatMap(({ examples = {} }) => Object.values(examples).map(({ value }) =>
        String((value as { type?: string }).type))))));
    for (const type of [...types, ...codes.map((code) => `/docs/errors#${code}`)]) {
      const url = new URL(type, lab.gateway.url);
      const page = await (await fetch(url)).text();
      const [, section = ''] = page.split(`<section id="${url.hash.slice(1)}">`);
      expect([type, /<p><strong>[^<]+\.<\/strong> .{20,}/.test(section.split('</section>')[0] ?? '')]).toEqual([type, true]);
    }
  });

  test('a failure names the page of its own code', async () => {
    for (const [method, path] of [['GET', '/v1/nothing'], ['PATCH', '/v1/charges'], ['GET', '/v1/plans']] as const) {
      const { body } = await send(lab.gateway.url + path, method, { headers: { 'X-Request-Id': randomUUID() } });
      expect(body['type']).toBe(`/docs/errors#${String(body['code'])}`);
    }
  });
});
