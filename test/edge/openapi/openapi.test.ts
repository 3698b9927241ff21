import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Check } from 'typebox/schema';
import { listRoutes } from '../../../src/compose/app.js';
import { accountingEnvelope } from '../../../src/edge/accounting-service/envelope.js';
import { html } from '../../../src/edge/http/html.js';
import type { Route } from '../../../src/edge/http/routes.js';
import { openApiOf, type OpenApiSource } from '../../../src/edge/openapi/openapi.js';
import { pageOf } from '../../../src/edge/openapi/page.js';
import type { OpenApi, Operation } from '../../../src/edge/openapi/types.js';
import { inlined } from '../../support/checked-fetch.js';
import { fakeGateway, type FakeGateway } from '../../support/fake-gateway.js';
import { problemsOf } from './shape.js';

let gateway: FakeGateway;
let routes: readonly Route[];
let document: OpenApi;
let page: string;
beforeAll(async () => {
  gateway = await fakeGateway();
  routes = listRoutes(gateway.deps);
  document = JSON.parse((await gateway.call('GET', '/openapi.json')).text) as OpenApi;
  page = (await gateway.call('GET', '/docs')).text;
});
afterAll(async () => { await gateway.stop(); });

const operations = (): [string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${path}`, operation]));
const source = (of: readonly Route[]): OpenApiSource => ({ routes: of, version: '1.2.3', envelope: accountingEnvelope });
const nameOf = ({ method, path }: Route): string => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`;

describe('the document', () => {
  test('is valid OpenAPI 3.1, its schemas valid JSON Schema', () => {
    expect(problemsOf(document)).toEqual([]);
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

  test('the schemas are those that requests are checked with', () => {
    const described = new Map(operations());
    for (const route of routes) {
      const body = described.get(nameOf(route))?.requestBody?.content['application/json']?.schema ?? null;
      expect([nameOf(route), body]).toEqual([nameOf(route), route.body === null ? null : JSON.parse(JSON.stringify(route.body))]);
    }
  });

  test('groups its chapters: the native API first, the legacy APIs marked as such', () => {
    const groups = document['x-tagGroups'];
    expect(groups.flatMap(({ tags }) => tags)).toEqual(document.tags.map(({ name }) => name));
    const groupOf = (tag: string): number => groups.findIndex(({ tags }) => tags.includes(tag));
    for (const [name, { tags: [tag], 'x-api': api }] of operations()) {
      expect([name, api, groupOf(tag)]).toEqual([name, ['native', 'legacy', 'operations'][groupOf(tag)], expect.any(Number)]);
      expect([name, api === 'native']).toEqual([name, name.split(' ')[1]?.startsWith('/v1/')]);
    }
    const legacy = operations().filter(([, { 'x-api': api }]) => api === 'legacy');
    expect(page.match(/<span class="gate">legacy<\/span>/g)).toHaveLength(legacy.length);
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
    const text = JSON.stringify(openApiOf(source(routes)));
    expect(JSON.stringify(openApiOf(source([...routes].reverse())))).toBe(text);
    expect(JSON.parse(text)).toEqual(document);
  });

  test('has the version of the gateway', () => { expect(document.info.version).toBe('1.2.3'); });
});

describe.each(['/openapi.json', '/docs'])('%s', (path) => {
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
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([200, '', String(Buffer.byteLength(first.text))]);
  });
});

describe('the page', () => {
  test('loads nothing, runs nothing, and is styled by the one sheet that its policy names', async () => {
    const { headers } = await gateway.call('GET', '/docs');
    const sheets = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)].map(([, css]) => css ?? '');
    const hash = createHash('sha256').update(sheets.join('')).digest('base64');
    expect(sheets).toHaveLength(1);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(headers.get('content-security-policy'))
      .toBe(`default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`);
    expect(sheets.join('')).not.toMatch(/url\(|@import/);
    expect(page).not.toMatch(/<(script|link|img|iframe|form|object)|\sstyle=|\son\w+=|javascript:|\ssrc=/i);
    expect([
      ...page.matchAll(/\shref="([^"]*)"/g),
    ].map(([, href]) => href).filter((href) => !/^(#[\w-]+|\/openapi\.json)$/.test(href ?? ''))).toEqual([]);
  });

  test('shows every route with its gate, where its links lead', () => {
    for (const [name, { operationId, summary }] of operations()) {
      expect([
        name, page.includes(`id="${operationId}"`), page.includes(`href="#${operationId}"`),
        page.includes(html`${summary}`.markup),
      ]).toEqual([name, true, true, true]);
    }
    const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of page.matchAll(/\shref="#([^"]+)"/g)) expect(ids).toContain(target);
  });

  test('closes what it opens', () => {
    const open: string[] = [];
    for (const [, slash, tag = ''] of page.replace(/<style>[\s\S]*?<\/style>/, '').matchAll(/<(\/?)([a-z]\w*)[^>]*>/g)) {
      if (['meta', 'br'].includes(tag)) continue;
      if (slash === '') open.push(tag);
      else if (open.at(-1) === tag) open.pop();
      else throw new Error(`</${tag}> where ${open.join(' ')} is open`);
    }
    expect(open).toEqual([]);
  });

  test('escapes whatever a route says', () => {
    const [first] = routes;
    if (first === undefined) throw new Error('no routes');
    const hostile = pageOf(openApiOf({ ...source([{ ...first, summary: '<script>alert("1")</script>&amp;' }]), version: '<b>' }));
    expect(hostile).not.toMatch(/<script|<b>/);
    expect(hostile).toContain('&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#38;amp;');
  });
});
