import Type, { IsOptional, type TSchema } from 'typebox';
import type { Gate } from '../auth/allow.js';
import type { Envelope } from '../http/failure.js';
import type { Fields, Route } from '../http/routes.js';
import { errorSchemas, failureContent, failureExamples, failureHeaders, failureSentence, failuresOf } from './errors.js';
import { aboutOf, type Edition } from './about.js';
import { exampleOf, hasExample, shapeOf } from './examples.js';
import { described, wordsOf } from './descriptions.js';
import { apiOf, gateName, gateSentence, paramsOf, tagGroups, tagOf, tags, templateOf } from './names.js';
import { operationIdOf, rankOf } from './operation-ids.js';
import { typescriptOf } from './sample.js';
import type { Content, Header, OpenApi, Operation, Parameter, PathItem, Response } from './types.js';

/** Answers that never have a body. */
const EMPTY = new Set([204, 304]);

export type OpenApiSource = {
  readonly routes: readonly Route[];
  readonly version: string;
  /** The application's, for routes without one of their own. */
  readonly envelope: Envelope;
  /** Which document: its title and text; the native one if left out. */
  readonly edition?: Edition;
};

/**
 * Describes the API in OpenAPI 3.1, from the table that serves it: the schemas are the very ones that requests are
 * checked against. The same routes give the same text, whatever order they were added in.
 */
export function openApiOf({ routes, version, envelope, edition = 'native' }: OpenApiSource): OpenApi {
  const chapter = new Map(tags.map(({ name }, index) => [name, index]));
  const order = ({ path }: Route): number => chapter.get(tagOf(path)) ?? tags.length;
  const sorted = [...routes].sort((a, b) =>
    order(a) - order(b) || rankOf(a) - rankOf(b) || compare(a.path, b.path) || compare(a.method, b.method));
  const paths: Record<string, PathItem> = {};
  for (const route of sorted) {
    const path = templateOf(route.path);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, envelope) };
  }
  const used = new Set(sorted.map(({ path }) => tagOf(path)));
  return {
    openapi: '3.1.0',
    info: { ...aboutOf(edition), version, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    tags: tags.filter(({ name }) => used.has(name)),
    'x-tagGroups': tagGroups(used),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(errorSchemas).filter(([name]) =>
        sorted.some((route) => (route.envelope ?? envelope).schema === name))),
      securitySchemes: Object.fromEntries(Object.entries(SECURITY_SCHEMES).filter(([name]) =>
        sorted.some(({ gate }) => securityOf(gate).some((each) => name in each)))),
    },
  };
}

const SECURITY_SCHEMES = {
  bearer: {
    type: 'http', scheme: 'bearer', bearerFormat: 'JWT',
    description: 'An access token of a configured issuer. Its `sub` is the account, its `role` the rights.',
  },
  apiKey: {
    type: 'http', scheme: 'bearer', description: 'An API key of a service, made with `POST /v1/api-keys` or `credit-gateway keys`.',
  },
  serverKey: {
    type: 'apiKey', in: 'header', name: 'x-server-api-key',
    description: 'A key of SERVER_API_KEYS, or one made with `credit-gateway keys`. Never for browsers.',
  },
};

/** By code units, so that no locale of a machine changes the document. */
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

function operationOf(route: Route, envelope: Envelope): Operation {
  const { gate, path, summary, body } = route;
  const operation = {
    operationId: operationIdOf(route),
    tags: [tagOf(path)],
    summary,
    description: gateSentence(gate),
    security: securityOf(gate),
    'x-gate': gateName(gate),
    'x-api': apiOf(path),
    parameters: parametersOf(route),
    ...(body === null ? {} : {
      requestBody: { required: true, content: {
        'application/json': { schema: described(body, apiOf(path), 'body'), example: exampleOf(body) },
      } },
    }),
    responses: responsesOf(route, envelope),
  } satisfies Operation;
  return { ...operation, 'x-codeSamples': [{ lang: 'TypeScript', label: 'TypeScript', source: typescriptOf(route, operation) }] };
}

function securityOf(gate: Gate): Operation['security'] {
  switch (gate.kind) {
    case 'public':
      return [];
    case 'server-key':
      return [{ serverKey: [] }];
    case 'callers':
      return [{ bearer: [] }, { apiKey: [] }];
    case 'authenticated':
    case 'roles':
      return [{ bearer: [] }];
  }
}

function parametersOf({ path, params, query, headers }: Route): Parameter[] {
  const inPath = Object.fromEntries(paramsOf(path).map((name) => [name, params[name] ?? Type.String({ minLength: 1 })]));
  const list = (where: Parameter['in'], fields: Fields): Parameter[] => Object.entries(fields).map(([name, schema]) => {
    const description = shapeOf(schema).description ?? wordsOf(apiOf(path), 'parameter', name);
    const required = where === 'path' || !IsOptional(schema);
    return {
      name, in: where, required,
      ...(description === undefined ? {} : { description }), schema: withoutDescription(schema),
      ...(required || hasExample(schema, name) ? { example: exampleOf(schema, name) } : {}),
    };
  });
  return [...list('path', inPath), ...list('query', query), ...list('header', headers)];
}

/** The parameter says it already. */
const withoutDescription = (schema: TSchema): TSchema =>
  Object.fromEntries(Object.entries(schema).filter(([name]) => name !== 'description'));

function responsesOf(route: Route, standard: Envelope): Readonly<Record<string, Response>> {
  const envelope = route.envelope ?? standard;
  const responses = new Map<string, Response>();
  for (const [status, schema] of Object.entries(route.replies)) responses.set(status, replyOf(route, Number(status), schema));
  for (const [status, codes] of failuresOf(route)) {
    const examples = failureExamples(route, codes, envelope);
    responses.set(String(status), {
      description: failureSentence(route, codes, envelope),
      headers: failureHeaders(status),
      // A route may answer in its own words with a status that is also a failure's.
      content: failureContent(route.replies[status], examples, envelope),
    });
  }
  return Object.fromEntries([...responses].sort(([a], [b]) => Number(a) - Number(b)));
}

const REPLAYED: Readonly<Record<string, Header>> = {
  'Idempotency-Replayed': { description: '`true` when this is the answer to an earlier, identical request', schema: Type.Literal('true') },
};
const REVALIDATED: Readonly<Record<string, Header>> = { ETag: { description: 'for If-None-Match', schema: Type.String() } };
const VERSIONED: Readonly<Record<string, Header>> = { ETag: { description: 'of what is answered, for If-Match', schema: Type.String() } };

function replyOf({ path, replays, replies, hasEtag, alsoAs }: Route, status: number, own: TSchema): Response {
  const schema = described(own, apiOf(path), 'reply');
  return {
    description: DESCRIPTIONS.get(status) ?? 'Done.',
    headers: { ...(replays ? REPLAYED : {}), ...(304 in replies ? REVALIDATED : {}), ...(hasEtag ? VERSIONED : {}) },
    ...(EMPTY.has(status) ? {} : { content: { ...contentOf(schema), ...(status === 200 ? othersOf(alsoAs) : {}) } }),
  };
}

const DESCRIPTIONS: ReadonlyMap<number, string> = new Map([
  [201, 'Done; something new is there.'],
  [202, 'Recorded for good, and about to be done.'],
  [204, 'Done; there is nothing to say.'],
  [304, 'Nothing has changed since the ETag that was sent.'],
  [503, 'Not fit for it now.'],
]);

const othersOf = (types: Fields): Content => Object.fromEntries(Object.entries(types).map(([type, schema]) => [type, { schema }]));

function contentOf(schema: TSchema): Content {
  const { type, contentMediaType } = schema as { readonly type?: string; readonly contentMediaType?: string };
  return { [contentMediaType ?? (type === 'string' ? 'text/plain' : 'application/json')]: { schema } };
}
