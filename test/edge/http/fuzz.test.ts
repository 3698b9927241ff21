import { randomBytes, randomInt } from 'node:crypto';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc, { type Arbitrary } from 'fast-check';
import { Check } from 'typebox/schema';
import { shapeOf } from '../../../src/edge/openapi/examples.js';
import type { Operation, Parameter } from '../../../src/edge/openapi/types.js';
import { BODY_BYTES_MAX } from '../../../src/kit/limits.js';
import { checkedGateway, type CheckedGateway } from '../../support/checked-fetch.js';
import type { Answer, CallOptions } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';
import { patience, volume } from '../../support/volume.js';
import { fuzzCallers, type FuzzCaller } from './fuzz-callers.js';
import { ledgerWatch, type LedgerWatch } from './fuzz-ledger.js';
import { anyText, edgeOf, fitting, hostile, HOSTILE_BODIES, nearlyFitting, share } from './fuzz-values.js';

/**
 * Random requests of every kind of caller against every route of a running gateway, made from what its document declares.
 * What must hold, whatever is sent: no answer but a declared one, never a 500; a 400 names a field; what the schema
 * forbids is refused; a refused request leaves the money where it was, on every account.
 */
/** Enough of them, as a rule, that most routes are let do their work. `npm run soak`: 10 000. */
const RUNS = volume(2_000, 10_000);
const ROUNDS_MAX = 3;
/** `FUZZ_SEED=…` sends the same requests again. */
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31 - 1));

const SERVER_KEY = randomBytes(32).toString('hex');
const CHATSPARTY_SECRET = randomBytes(32).toString('hex');

let gateway: TestGateway;
let checked: CheckedGateway;
let token: string;
let callers: readonly FuzzCaller[];
let ledger: LedgerWatch;
beforeAll(async () => {
  gateway = await startGateway({ environment: { SERVER_API_KEYS: SERVER_KEY, CHATSPARTY_JWT_SECRET: CHATSPARTY_SECRET } });
  checked = await checkedGateway(gateway.url);
  token = await gateway.token({ sub: 'fuzz', role: 'admin', username: 'fuzz-name', email: 'fuzz@example.com' });
  await checked.send('POST', '/api/credits/allocate', { token, body: { userId: 'fuzz', credits: 100_000 } });
  const webhook = await checked.send('POST', '/v1/webhooks', {
    token, body: { reason: 'test', url: 'https://hooks.example/', account: 'fuzz' },
  });
  share('webhookId', String(webhook.body['id']));
  callers = await fuzzCallers({ gateway, send: checked.send, operator: token, serverKey: SERVER_KEY, chatspartySecret: CHATSPARTY_SECRET });
  for (const account of ACCOUNTS.slice(1)) {
    await checked.send('POST', '/api/credits/allocate', { token, body: { userId: account, credits: 10 } });
  }
  ledger = await ledgerWatch(gateway.redisNamespace, ACCOUNTS);
});
afterAll(async () => {
  ledger.close();
  await gateway.stop();
});

/** Of the callers; the first is the one that most requests name. */
const ACCOUNTS = ['fuzz', 'other', 'boss', 'party'];

type Given = { readonly parameter: Parameter; readonly text: string };
/** `json` is the body as its reader would see it; undefined when there is none or it cannot be read. */
type Request = { readonly given: readonly Given[]; readonly raw: string | null; readonly json?: unknown; readonly type: string };

const parameterOf = (parameter: Parameter): Arbitrary<Given | null> => {
  const { name, in: place, required, schema } = parameter;
  const value = fc.oneof({ weight: 3, arbitrary: fitting(schema, name) }, { weight: 2, arbitrary: hostile }, {
    weight: 1, arbitrary: edgeOf(schema),
  });
  const text = value.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)))
    // A header is Latin-1 without line breaks, and its ends are trimmed; a path has no empty parts and no dots alone. fetch sees to it.
    .map((each) => (place === 'header' ? each.replaceAll(/[^\t\x20-\x7e\xa0-\xff]/g, '').trim() : wellFormed(each)))
    .filter((each) => place !== 'path' || !/^\.{0,2}$/.test(each));
  const given = text.map((each): Given => ({ parameter, text: each }));
  return required ? given : fc.option(given, { freq: 2 });
};

const bodyOf = ({ requestBody }: Operation): Arbitrary<Pick<Request, 'raw' | 'json' | 'type'>> => {
  const schema = requestBody?.content['application/json']?.schema;
  if (schema === undefined) return fc.constant({ raw: null, type: 'application/json' });
  const json = fc.oneof({ weight: 4, arbitrary: fitting(schema) }, { weight: 5, arbitrary: nearlyFitting(schema) }, {
    weight: 1, arbitrary: hostile,
  }).map((value) => JSON.stringify(value));
  const raw = fc.oneof({ weight: 8, arbitrary: json }, { weight: 1, arbitrary: fc.constantFrom(...HOSTILE_BODIES) }, {
    weight: 1, arbitrary: anyText(60),
  });
  const type = fc.oneof({ weight: 30, arbitrary: fc.constant('application/json') }, {
    weight: 1,
    arbitrary: fc.constantFrom('text/plain', 'application/xml', 'application/json; charset=utf-16', 'multipart/form-data'),
  });
  return fc.record({
    raw, type,
  }).map(({ raw: text, type: of }) => ({ raw: text, type: of, json: of === 'application/json' ? readJson(text) : undefined }));
};

const requestOf = (operation: Operation): Arbitrary<Request> =>
  fc.tuple(fc.tuple(...operation.parameters.map(parameterOf)), bodyOf(operation)).map(([given, body]) => ({
    ...body, given: given.filter((each) => each !== null),
  }));

/** What a URL can carry: `encodeURIComponent` throws at a lone surrogate, and fetch would never send one. */
const wellFormed = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');

function readJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, '')); // which the gateway skips, too
  } catch {
    return undefined;
  }
}

const send = (caller: FuzzCaller, method: string, template: string, { given, raw, type }: Request): Promise<Answer> => {
  const of = (place: Parameter['in']): [string, string][] =>
    given.filter(({ parameter }) => parameter.in === place).map(({ parameter, text }) => [parameter.name, text]);
  const path = of('path').reduce((text, [name, value]) => text.replace(`{${name}}`, () => encodeURIComponent(value)), template);
  const query = new URLSearchParams(of('query')).toString();
  const headers = { ...Object.fromEntries(of('header')), ...(raw === null ? {} : { 'content-type': type }) };
  const options: CallOptions = {
    ...(caller.token === undefined ? {} : { token: caller.token }),
    headers: { ...headers, ...caller.headers }, ...(raw === null ? {} : { raw }),
  };
  return checked.send(method, query === '' ? path : `${path}?${query}`, options);
};

/** Whether a parameter is as declared; null where its text could be read in more than one way, such as `007` for a number. */
function fits({ parameter: { schema }, text }: Given): boolean | null {
  const { type } = shapeOf(schema);
  if (type === 'string') return Check(schema, text);
  if (type === 'integer' || type === 'number') {
    if (/^-?(0|[1-9]\d{0,14})$/.test(text)) return Check(schema, Number(text));
    return /^\D*$/.test(text) ? false : null;
  }
  return null;
}

/** A schema that says all there is to say about a text, so that what it lets through must be let through. */
const isExact = ({ parameter: { schema } }: Given): boolean => {
  const { type, pattern, enum: values } = shapeOf(schema);
  return type === 'integer' || pattern !== undefined || values !== undefined;
};

type Failure = {
  readonly message?: string;
  readonly error?: string;
  readonly code?: string;
  readonly sources?: readonly { readonly path: string; readonly message: string }[];
  /** What `/v1` calls them. */
  readonly detail?: string;
  readonly errors?: Failure['sources'];
};

/** A legacy route may have always answered bad requests with another status than 400. */
const invalidStatus = ({ responses }: Operation): number =>
  Number(Object.entries(responses)
    .find(([, { content }]) => Object.values(content ?? {}).some(({ examples }) => examples?.['invalid_request'] !== undefined))?.[0]);

function judge(caller: FuzzCaller, operation: Operation, request: Request, answer: Answer): void {
  const { status } = answer;
  // Who may call what is known before anything is looked at: gate-walk.test.ts.
  if (!caller.isOperator && (status === 401 || status === 403)) return;
  const { detail = '', errors = [], sources = errors, message = detail, error, code = error } = answer.body as Failure;
  const invalid = invalidStatus(operation);
  if (code === 'invalid_request') {
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) {
      expect([source.path, source.message]).toEqual([expect.stringMatching(/^(body|query|path|header)(\.|$)/), expect.stringMatching(/./)]);
    }
    expect(message).not.toBe('');
  }
  const schema = operation.requestBody?.content['application/json']?.schema;
  if (schema !== undefined && request.type !== 'application/json' && request.raw !== '') expect(status).toBe(415);
  else if (schema !== undefined && (request.json === undefined || !Check(schema, request.json))) {
    // What is larger than most routes take is not looked at there.
    const isLarge = Buffer.byteLength(request.raw ?? '') > BODY_BYTES_MAX;
    expect(isLarge ? [invalid, 413] : [invalid]).toContain(status);
  }
  // What a path names may not be there, which comes first as well as last.
  else if (request.given.some((each) => fits(each) === false)) {
    // So does an Idempotency-Key that names another request.
    const isNamed = request.given.some(({ parameter }) => parameter.name === 'Idempotency-Key') && '422' in operation.responses;
    const allowed = operation.parameters.some((each) => each.in === 'path') ? [invalid, 404] : [invalid];
    expect(isNamed ? [...allowed, 422] : allowed).toContain(status);
  }
  for (const each of request.given) {
    const name = `${each.parameter.in}.${each.parameter.name}`;
    if (isExact(each) && fits(each) === true) expect(sources.map(({ path }) => path)).not.toContain(name);
  }
}

type Step = { readonly caller: FuzzCaller; readonly method: string; readonly template: string; readonly operation: Operation;
  readonly request: Request };

test('whatever is sent, the answer is one that was declared, and a refusal moves no money', async () => {
  const routes = Object.entries(checked.document.paths).flatMap(([template, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method, template, operation })));
  const worthwhile = routes.filter(({ operation }) => operation['x-gate'] !== 'public');
  // Routes take turns at random, so that sessions are placed, ended, and ended again.
  const caller = fc.oneof(...callers.map(({ weight, ...each }) => ({ weight, arbitrary: fc.constant({ weight, ...each }) })));
  const step = fc.oneof(...worthwhile.map((route): Arbitrary<Step> =>
    fc.tuple(caller, requestOf(route.operation)).map(([by, request]) => ({
    ...route, request, caller: by, [fc.toStringMethod]: () => inspect({
      route: `${route.method} ${route.template}`, caller: by.name, raw: request.raw, type: request.type,
      given: request.given.map(({ parameter, text }) => [parameter.name, text]),
    }),
  }))));
  const worked = new Set<string>();
  const heard = new Set<string>();
  process.stdout.write(`fuzz: ${RUNS} requests, FUZZ_SEED=${SEED}\n`);
  const property = fc.asyncProperty(step, async ({ caller: by, method, template, operation, request }) => {
    const answer = await send(by, method.toUpperCase(), template, request);
    judge(by, operation, request, answer);
    const isRefused = answer.status >= 400 && answer.status < 500;
    const deeds = await ledger.deeds(answer.status);
    const route = `${method} ${template}`;
    if (isRefused || method === 'get') expect({ route, caller: by.name, deeds }).toEqual({ route, caller: by.name, deeds: [] });
    if (answer.status < 300) worked.add(operation.operationId);
    heard.add(by.name);
  });
  // A fuzzer that is always refused at the door finds nothing: most routes must have been let do their work. Which ones these requests
  // reach is chance, so there are more of them when they were too few.
  const isEnough = (): boolean => worked.size > worthwhile.length / 2 && heard.size === callers.length;
  for (let round = 0; round === 0 || (round < ROUNDS_MAX && !isEnough()); round += 1) {
    // What a request does depends on those before it: a smaller one is no simpler way to the same failure.
    await fc.assert(property, { numRuns: RUNS, endOnFailure: true, seed: SEED + round });
  }
  expect([...heard].sort()).toEqual(callers.map(({ name }) => name).sort());
  expect(worked.size).toBeGreaterThan(worthwhile.length / 2);
}, patience(900_000));

test('an address with a NUL in it, about which Postgres cannot even be asked, is answered by every route', async () => {
  const headers = { 'x-server-api-key': SERVER_KEY };
  const broken: string[] = [];
  for (const [template, item] of Object.entries(checked.document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const body = operation.requestBody === undefined ? {} : { body: {} };
      const path = template.replaceAll(/\{\w+\}/g, 'a%00b');
      const tried = [...(path === template ? [] : [path]), ...operation.parameters.filter((each) => each.in === 'query').map(({ name }) =>
        `${template.replaceAll(/\{\w+\}/g, 'a')}?${name}=a%00b`)];
      for (const each of tried) {
        const { status } = await checked.send(method.toUpperCase(), each, {
          token, headers, ...body,
        }).catch((error: unknown) => ({ status: String(error) }));
        if (typeof status === 'string' || status >= 500) broken.push(`${method} ${each}: ${status}`);
      }
    }
  }
  expect(broken).toEqual([]);
});
