import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { shapeOf } from '../../src/edge/openapi/examples.js';
import type { MediaType, OpenApi, Operation } from '../../src/edge/openapi/types.js';
import { wholeDocument } from './documents.js';
import { send, type Answer, type CallOptions } from './fake-gateway.js';

/** Sends a request and checks its answer against the running gateway's own documents. */
export type CheckedSend = (method: string, path: string, options?: CallOptions) => Promise<Answer>;

export type CheckedGateway = {
  readonly document: OpenApi;
  readonly send: CheckedSend;
  /** Checked answers, such as `POST /api/x 201`: shows what a walk has left out. */
  readonly seen: ReadonlySet<string>;
};

type Check = (value: unknown) => string | null;

/**
 * For tests against a running gateway: fetches its document and returns a `send` that throws when an answer has an
 * undeclared status, a body that does not match the schema or has undeclared fields, or lacks a declared header. An
 * `internal` error also throws, although every route declares it: it is a bug.
 */
export async function checkedGateway(url: string): Promise<CheckedGateway> {
  return checkedAgainst(await wholeDocument(url), url);
}

/** The same with a given document: for the tests of these checks. */
export function checkedAgainst(document: OpenApi, url: string): CheckedGateway {
  const templates = Object.entries(document.paths).map(([path, item]) => ({ path, item, pattern: patternOf(path) }));
  // Where both match, a path without parameters precedes one with parameters, as in the gateway.
  templates.sort((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')));
  const checks = new Map<TSchema, Check>();
  const seen = new Set<string>();

  const checkOf = (schema: TSchema): Check => {
    const known = checks.get(schema) ?? bodyCheck(inlined(document, schema));
    checks.set(schema, known);
    return known;
  };
  const problemOf = (operation: Operation, { status, headers, text }: Answer): string | null => {
    const declared = operation.responses[String(status)];
    if (declared === undefined) return `is not declared; ${Object.keys(operation.responses).join(', ')} are`;
    if (headers.get('x-request-id') === null) return 'has no X-Request-Id';
    if (headers.get('idempotency-replayed') !== null && !('Idempotency-Replayed' in declared.headers)) {
      return 'is marked as replayed, which is not declared';
    }
    for (const name of ['WWW-Authenticate', 'Retry-After', 'ETag']) {
      if (name in declared.headers && headers.get(name) === null) return `has no ${name}`;
    }
    const type = headers.get('content-type')?.split(';')[0] ?? '';
    const media: MediaType | undefined = declared.content?.[type];
    if (media === undefined) {
      return declared.content === undefined && text === '' ? null : `has content of type '${type}', which is not declared`;
    }
    const problem = checkOf(media.schema)(/[/+]json$/.test(type) ? JSON.parse(text) : text);
    const error = status >= 400 && media.examples !== undefined ? codeOf(text) : undefined;
    if (error === 'internal') return 'is a bug';
    if (problem === null && error !== undefined && media.examples?.[error] === undefined) {
      return `has the error '${error}', which is not declared`;
    }
    return problem;
  };

  return {
    document,
    seen,
    send: async (method, path, options) => {
      const answer = await send(url + path, method, options);
      const pathname = path.split('?')[0] ?? path;
      const template = templates.find(({ pattern, item }) => pattern.test(pathname) && method.toLowerCase() in item);
      const operation = template?.item[method.toLowerCase()];
      if (template === undefined || operation === undefined) throw new Error(`${method} ${path} is not in the document`);
      const problem = problemOf(operation, answer);
      if (problem !== null) throw new Error(`${method} ${template.path}: ${answer.status} ${problem}\n${answer.text.slice(0, 2_000)}`);
      seen.add(`${method} ${template.path} ${answer.status}`);
      return answer;
    },
  };
}

/** The error code, on which callers branch. */
function codeOf(text: string): string | undefined {
  const { code, error } = JSON.parse(text) as { readonly code?: string; readonly error?: string };
  return code ?? error;
}

const patternOf = (template: string): RegExp =>
  new RegExp(`^${template.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&').replaceAll(/\{\w+\}/g, '[^/]+')}/?$`, 'i');

/** The schema with every reference replaced by its component. Components contain no references themselves. */
export function inlined(document: OpenApi, schema: TSchema): TSchema {
  const name = shapeOf(schema).$ref?.split('/').at(-1);
  if (name !== undefined) return document.components.schemas[name] ?? {};
  const { anyOf } = shapeOf(schema);
  return anyOf === undefined ? schema : { ...schema, anyOf: anyOf.map((each) => inlined(document, each)) };
}

function bodyCheck(schema: TSchema): Check {
  const compiled = Compile(schema);
  return (value) => {
    if (!compiled.Check(value)) return `does not fit its schema: `
      + compiled.Errors(value).map(({ instancePath, message }) => `${instancePath} ${message}`).join('; ');
    const extra = undeclared(schema, value, '');
    return extra.length === 0 ? null : `has fields that are not declared: ${extra.join(', ')}`;
  };
}

/** Fields that the schema does not name. JSON Schema allows them, but the document must declare every field. */
function undeclared(schema: TSchema, value: unknown, path: string): string[] {
  const { properties, patternProperties, items, anyOf } = shapeOf(schema);
  if (anyOf !== undefined) return anyOf.filter((each) => Compile(each).Check(value)).map((each) => undeclared(
    each, value, path,
  )).sort((a, b) => a.length - b.length)[0] ?? [];
  if (Array.isArray(value)) return items === undefined ? [] : value.flatMap((each, index) => undeclared(items, each, `${path}[${index}]`));
  // An object whose schema names no fields may have any.
  if (typeof value !== 'object' || value === null || properties === undefined || Object.keys(properties).length === 0) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const known = properties[name] ?? Object.entries(patternProperties ?? {}).find(([pattern]) => new RegExp(pattern).test(name))?.[1];
    return known === undefined ? [`${path}.${name}`] : undeclared(known, child, `${path}.${name}`);
  });
}
