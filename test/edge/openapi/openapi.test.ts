import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Check } from 'typebox/schema';
import { listRoutes } from '../../../src/compose/app.js';
import { accountingEnvelope } from '../../../src/edge/accounting-service/envelope.js';
import type { Route } from '../../../src/edge/http/routes.js';
import { openApiOf, type OpenApiSource } from '../../../src/edge/openapi/openapi.js';
import { shared } from '../../../src/edge/openapi/share.js';
import type { OpenApi, Operation } from '../../../src/edge/openapi/types.js';
import { inlined } from '../../support/checked-fetch.js';
import { DOCUMENTS, joined, resolved } from '../../support/documents.js';
import { fakeGateway, type FakeGateway } from '../../support/fake-gateway.js';
import { problemsOf } from './shape.js';

let gateway: FakeGateway;
let routes: readonly Route[];
let document: OpenApi;
let texts: Readonly<Record<(typeof DOCUMENTS)[number], string>>;
beforeAll(async () => {
  gateway = await fakeGateway();
  routes = listRoutes(gateway.deps);
  const [native, legacy] = await Promise.all(DOCUMENTS.map(async (path) => (await gateway.call('GET', path)).text));
  texts = { '/openapi.json': native ?? '', '/openapi-legacy.json': legacy ?? '' };
  document = joined(resolved(parsed('/openapi.json')), resolved(parsed('/openapi-legacy.json')));
});
afterAll(async () => { await gateway.stop(); });

const parsed = (path: (typeof DOCUMENTS)[number]): OpenApi => JSON.parse(texts[path]) as OpenApi;
const operations = (): [string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${path}`, operation]));
/** A schema without its descriptions. */
const bare = (schema: unknown): unknown => JSON.parse(JSON.stringify(schema, (key, value: unknown) =>
  (key === 'description' && typeof value === 'string' ? undefined : value)));
const source = (of: readonly Route[]): OpenApiSource => ({ routes: of, version: '1.2.3', envelope: accountingEnvelope });
const nameOf = ({ method, path }: Route): string => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`;

describe('the document', () => {
  test.each(DOCUMENTS)('%s is valid OpenAPI 3.1, its schemas valid JSON Schema', (path) => {
    expect(problemsOf(resolved(parsed(path)))).toEqual([]);
  });

  test('shares what operations have in common and changes nothing by it', () => {
    const whole = JSON.parse(JSON.stringify(openApiOf(source(routes)))) as OpenApi;
    const small = JSON.parse(JSON.stringify(shared(openApiOf(source(routes))))) as OpenApi;
    expect(resolved(small).paths).toEqual(resolved(whole).paths);
  });

  test.each<[string, (broken: Record<string, unknown>) => void, RegExp]>([
    ['a missing version', (broken) => { broken['info'] = { title: 'x' }; }, /info: lacks version/],
    ['a schema that is none', (broken) => {
      broken['components'] = { schemas: { Error: { type: 'text' } }, securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } };
    }, /schema Error\/type/],
    ['a path parameter that is not described', (broken) => {
      broken['paths'] = { '/a/{id}': { get: { operationId: 'a', responses: { 200: { description: 'ok' } } } } };
    }, /which has id/],
    ['a reference to nothing', (broken) => { broken['components'] = {}; }, /refers to #\/components\/schemas\/Error/],
    ['two operations of one name', (broken) => {
      const get = { operationId: 'a', responses: { 200: { description: 'ok' } } };
      broken['paths'] = { '/a': { get }, '/b': { get } };
    }, /operationId of another/],
  ])('the check itself finds %s', (_, breakIt, problem) => {
    const broken = structuredClone(document) as unknown as Record<string, unknown>;
    breakIt(broken);
    expect(problemsOf(broken).join('\n')).toMatch(problem);
  });

  test('describes every route of the table, and nothing else', () => {
    expect(operations().map(([name]) => name).sort()).toEqual(routes.map(nameOf).sort());
  });

  test('says who may call, as the gate does', () => {
    const described = new Map(operations());
    for (const route of routes) {
      const { gate } = route;
      const { security, responses, ...operation } = described.get(nameOf(route)) ?? { security: [], responses: {} };
      const isPublic = gate.kind === 'public';
      expect([nameOf(route), operation['x-gate' as keyof typeof operation], security, '401' in responses, '403' in responses])
        .toEqual([
          nameOf(route), gate.kind === 'roles' ? gate.roles.join(', ') : gate.kind, isPublic ? [] : [{ bearer: [] }],
          !isPublic || route.errors.includes('unauthenticated'),
          gate.kind === 'roles' || route.errors.includes('forbidden'),
        ]);
    }
  });

  test('the schemas are those that requests are checked with, and descriptions', () => {
    const described = new Map(operations());
    for (const route of routes) {
      const body = described.get(nameOf(route))?.requestBody?.content['application/json']?.schema ?? null;
      expect([nameOf(route), bare(body)]).toEqual([nameOf(route), bare(route.body)]);
    }
  });

  test('groups its chapters: the native API first, the legacy APIs last and marked as such', () => {
    const groups = document['x-tagGroups'];
    expect(groups.flatMap(({ tags }) => tags)).toEqual(document.tags.map(({ name }) => name));
    const groupOf = (tag: string): number => groups.findIndex(({ tags }) => tags.includes(tag));
    for (const [name, { tags: [tag], 'x-api': api }] of operations()) {
      expect([name, api, groupOf(tag)]).toEqual([name, ['native', 'operations', 'legacy'][groupOf(tag)], expect.any(Number)]);
      expect([name, api === 'native']).toEqual([name, name.split(' ')[1]?.startsWith('/v1/')]);
    }
    const legacy = operations().filter(([, { 'x-api': api }]) => api === 'legacy');
    expect(legacy.every(([, { tags: [tag], operationId }]) =>
      tag.startsWith('Legacy: ') && /^(legacy|chatsparty)[A-Z]/.test(operationId))).toBe(true);
    expect(Object.keys(parsed('/openapi-legacy.json').paths).sort())
      .toEqual([...new Set(legacy.map(([name]) => name.split(' ')[1]))].sort());
  });

  test('its examples fit its schemas', () => {
    for (const [name, { parameters, requestBody, responses }] of operations()) {
      const media = Object.values(requestBody?.content ?? {});
      for (const { schema, example } of [...media, ...parameters].filter((each) => 'example' in each)) {
        expect([name, example, Check(schema, example)]).toEqual([name, example, true]);
      }
      for (const response of Object.values(responses)) {
        const failure = response.content?.['application/json'];
        for (const { value } of Object.values(failure?.examples ?? {})) {
          expect([name, value, Check(inlined(document, failure?.schema ?? {}), value)]).toEqual([name, value, true]);
        }
      }
    }
  });

  test('is the same text in whatever order routes were added', () => {
    const text = JSON.stringify(shared(openApiOf(source(routes))));
    expect(JSON.stringify(shared(openApiOf(source([...routes].reverse()))))).toBe(text);
  });

  test('has the version of the gateway', () => { expect(document.info.version).toBe('1.2.3'); });
});

describe.each([...DOCUMENTS, '/docs', '/docs/start.js', '/docs/reference.js'])('%s', (path) => {
  test('is sent once to who remembers it', async () => {
    const first = await gateway.call('GET', path);
    const etag = first.headers.get('etag') ?? '';
    expect([first.status, first.headers.get('cache-control'), etag]).toEqual([200, 'no-cache', expect.stringMatching(/^"[\w-]{22}"$/)]);
    for (const value of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await gateway.call('GET', path, { headers: { 'if-none-match': value, 'cache-control': 'max-age=0' } });
      expect([value, again.status, again.text, again.headers.get('etag')]).toEqual([value, 304, '', etag]);
    }
    expect((await gateway.call('GET', path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
    const head = await gateway.call('HEAD', path);
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([200, '', first.headers.get('content-length')]);
  });
});

describe('the page', () => {
  test('runs only scripts of this gateway, and nothing of other hosts', async () => {
    const { headers, text } = await gateway.call('GET', '/docs');
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; .*base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/);
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe|strict-dynamic/);
    expect(text).not.toMatch(/<script>|\son\w+=|javascript:|https?:/i);
    expect([...text.matchAll(/\s(?:src|href)="([^"]*)"/g)].map(([, link]) => link)
      .filter((link) => !/^\/[\w/.-]+$|^data:,$/.test(link ?? ''))).toEqual([]);
    for (const [, path = ''] of text.matchAll(/\s(?:src|href)="(\/[^"]*)"/g))
      expect([path, (await gateway.call('GET', path)).status]).toEqual([path, 200]);
  });

  test('its program is compressed for those that can read it', async () => {
    const answer = await fetch(`${gateway.url}/docs/reference.js`, { headers: { 'accept-encoding': 'identity' } });
    const compressed = await fetch(`${gateway.url}/docs/reference.js`, { headers: { 'accept-encoding': 'gzip' } });
    expect([answer.headers.get('content-encoding'), compressed.headers.get('content-encoding')]).toEqual([null, 'gzip']);
    expect(await compressed.text() === await answer.text()).toBe(true);
  });
});
