import { rememberFacts } from './answers.js';
import type { CallOptions, Request, Transport } from './transport.js';
import type { AnswerOf, BodyOf, PathOf, QueryOf, RouteName } from './types.js';

type Given<Name extends string, Value> = [Value] extends [never] ? Readonly<Partial<Record<Name, undefined>>> : Readonly<Record<Name, Value>>;
type MaybeGiven<Name extends string, Value> =
  [Value] extends [never] ? Readonly<Partial<Record<Name, undefined>>> : Readonly<Partial<Record<Name, Value | undefined>>>;

/** The parts of a request of this route. */
export type PartsOf<R extends RouteName> = Given<'path', PathOf<R>> & Given<'body', BodyOf<R>> & MaybeGiven<'query', QueryOf<R>>;

/** Calls a route. */
export type Send = <R extends RouteName>(route: R, parts: PartsOf<R>, options?: CallOptions) => Promise<AnswerOf<R>>;

/** Asks a route for another media type: its answer is a stream of bytes. */
export type Download = <R extends RouteName>(route: R, parts: PartsOf<R>, accept: string, options?: CallOptions) => Promise<Response>;

type Parts = { readonly path?: object | undefined; readonly body?: unknown; readonly query?: object | undefined };

/** Writes whose repeat needs no key: the id of the hold is enough, or nothing is changed. */
const KEYLESS: ReadonlySet<RouteName> = new Set<RouteName>([
  'POST /v1/holds/{holdId}/progress', 'POST /v1/holds/{holdId}/settle', 'POST /v1/holds/{holdId}/void', 'POST /v1/quotes',
]);

export function sending({ json, open }: Transport): { readonly send: Send; readonly download: Download } {
  return {
    send: (async (route: RouteName, parts: Parts, options: CallOptions = {}) => {
      const { json: answer, response } = await json(requestOf(route, parts, options), options);
      rememberFacts(answer, response);
      return answer;
    }) as Send,
    download: (async (route: RouteName, parts: Parts, accept: string, options: CallOptions = {}) =>
      open(requestOf(route, parts, options, accept), options)),
  };
}

function requestOf(route: RouteName, { path = {}, body, query = {} }: Parts, options: CallOptions, accept = 'application/json'): Request {
  const [method = '', template = ''] = route.split(' ');
  const values = path as Readonly<Record<string, string | number>>;
  const filled = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => segment(name, values[name]));
  const asked = Object.entries(query).filter(([, value]) => value !== undefined).map(([name, value]): [string, string] => [name, String(value)]);
  const { idempotencyKey, prefer, ifMatch, ifNoneMatch } = options;
  const key = idempotencyKey ?? (method === 'GET' || isNamed(route, body) ? undefined : crypto.randomUUID());
  return {
    method, path: asked.length === 0 ? filled : `${filled}?${new URLSearchParams(asked).toString()}`,
    headers: {
      accept: accept === 'application/json' ? 'application/json, application/problem+json' : `${accept}, application/problem+json;q=0.9`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(prefer === undefined ? {} : { prefer }),
      ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      ...(ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  };
}

/** A place with an id is known by it. */
const isNamed = (route: RouteName, body: unknown): boolean =>
  KEYLESS.has(route) || (route === 'POST /v1/holds' && (body as { readonly id?: unknown }).id !== undefined);

/** A part of a path. @throws TypeError for what a URL cannot have there, which would name another path */
function segment(name: string, value: string | number | undefined): string {
  const text = String(value ?? '');
  if (/^\.{0,2}$/.test(text)) throw new TypeError(`${name} must not be '${text}'`);
  return encodeURIComponent(text);
}
