import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CreditGateway, GatewayError, type GatewayOptions } from '../../clients/typescript/src/index.js';

/** What the client sends again, under which name, and when it gives up: against a server that answers as each test tells it. */

type Seen = {
  readonly method: string; readonly path: string; readonly key: string | undefined; readonly body: unknown; readonly atMs: number;
};
type Step = (respond: (status: number, body: object | string, headers?: Record<string, string>) => void, cut: () => void) => void;

let server: Server;
let seen: Seen[];
let steps: Step[];
/** What is answered when no step is left. */
let rest: Step;

beforeEach(async () => {
  seen = [];
  steps = [];
  rest = (respond) => { respond(200, { id: 'done' }); };
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, path: url, key: headers['idempotency-key'] as string | undefined, body: text, atMs: performance.now() });
      (steps.shift() ?? rest)(
        (status, body, extra = {}) => {
          response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'r', ...extra });
          response.end(typeof body === 'string' ? body : JSON.stringify(body));
        },
        () => { request.socket.destroy(); },
      );
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const client = (options: Partial<GatewayOptions> = {}): CreditGateway =>
  new CreditGateway({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, apiKey: 'k', ...options });
const problem = (status: number, code: string, more: object = {}): [number, object, Record<string, string>] =>
  [status, { type: 'x', title: 'x', status, code, detail: 'why', errors: [], requestId: 'r', ...more }, {}];
const unavailable = (outcome: string, after: Record<string, string> = {}): Step =>
  (respond) => { const [status, body] = problem(503, 'ledger_unavailable', { outcome }); respond(status, body, after); };
const cut: Step = (_, reset) => { reset(); };
const failureOf = (work: Promise<unknown>): Promise<GatewayError> =>
  work.then(() => { throw new Error('it did not fail'); }, (error: unknown) => error as GatewayError);

describe('what is sent again', () => {
  test.each<[string, Step]>([
    ['a reset connection', cut], ['503 unknown', unavailable('unknown')], ['503 not_executed', unavailable('not_executed')],
    ['429', (respond) => { respond(...problem(429, 'rate_limited')); }], ['502 of a proxy', (respond) => { respond(502, '<html>'); }],
    ['504 of a proxy', (respond) => { respond(504, '<html>'); }], ['an answer that breaks off', (respond, reset) => {
      respond(200, '{"id"', { 'content-length': '100' });
      setTimeout(reset, 20);
    }],
  ])('after %s: the same write, under the same name', async (_, failure) => {
    steps = [failure, failure];
    expect(await client().charges.create({ account: 'a', amount: '1' })).toEqual({ id: 'done' });
    expect(seen.map(({ method, path, key, body }) => [method, path, key, body]))
      .toEqual(Array.from({ length: 3 }, () => [
        'POST', '/v1/charges', expect.stringMatching(/^[\da-f-]{36}$/), '{"account":"a","amount":"1"}',
      ]));
    expect(new Set(seen.map(({ key }) => key)).size).toBe(1);
  });

  test('every write has a name: a key of its own, its caller\'s, or the id of a hold', async () => {
    const credits = client();
    await credits.holds.place({ account: 'a', amount: 1 });
    await credits.holds.place({ account: 'a', amount: 1 }, { idempotencyKey: 'mine' });
    await credits.holds.extend('h', { leaseSeconds: 60 });
    await credits.holds.settle('h', { use: 'reported' });
    await credits.limits.remove('a/b', 'daily', undefined, { ifMatch: '"1"' });
    expect(seen.map(({ method, path, key, body }) => [method, path, key, body])).toEqual([
      ['POST', '/v1/holds', undefined, expect.stringMatching(/"id":"[\da-f-]{36}"/)],
      ['POST', '/v1/holds', 'mine', '{"account":"a","amount":1}'],
      ['POST', '/v1/holds/h/extend', expect.any(String), '{"leaseSeconds":60}'],
      ['POST', '/v1/holds/h/settle', undefined, '{"use":"reported"}'],
      ['DELETE', '/v1/accounts/a%2Fb/limits/daily', expect.any(String), ''],
    ]);
  });

  test.each<[number, string]>([
    [400, 'invalid_request'], [402, 'limit_reached'], [409, 'hold_resolved'], [422, 'idempotency_key_reused'], [500, 'internal'],
  ])('a refusal is not: %d %s', async (status, code) => {
    rest = (respond) => { respond(...problem(status, code, { first: { captured: '1' } })); };
    expect(await failureOf(client().holds.settle('h', { amount: 1 })))
      .toMatchObject({ status, code, requestId: 'r', first: { captured: '1' } });
    expect(seen).toHaveLength(1);
  });

  test('an id that would name another path is not sent at all', async () => {
    await expect(Promise.resolve().then(() => client().holds.settle('..', { amount: 1 }))).rejects.toThrow(TypeError);
    await expect(Promise.resolve().then(() => client().accounts.get(''))).rejects.toThrow(TypeError);
    expect(seen).toEqual([]);
  });
});

describe('time', () => {
  test('Retry-After is waited for', async () => {
    steps = [unavailable('not_executed', { 'retry-after': '1' })];
    await client().accounts.get('a');
    expect((seen[1]?.atMs ?? 0) - (seen[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test('a Retry-After beyond the deadline ends it at once', async () => {
    rest = unavailable('not_executed', { 'retry-after': '60' });
    expect(await failureOf(client().accounts.get('a')))
      .toMatchObject({ code: 'ledger_unavailable', outcome: 'not_executed', retryAfterMs: 60_000 });
    expect(seen).toHaveLength(1);
  });

  test('an earlier try whose outcome is unknown makes the whole unknown', async () => {
    steps = [cut];
    rest = unavailable('not_executed', { 'retry-after': '60' });
    expect(await failureOf(client().charges.create({ account: 'a', amount: 1 })))
      .toMatchObject({ code: 'ledger_unavailable', outcome: 'unknown' });
  });

  test('a server that does not answer is asked again within the deadline, which covers all tries', async () => {
    rest = () => undefined;
    const startedAt = performance.now();
    const failure = await failureOf(client({ deadlineMs: 2_500 }).charges.create({ account: 'a', amount: 1 }));
    expect(failure).toMatchObject({ code: 'unreachable', status: 0, outcome: 'unknown' });
    expect(performance.now() - startedAt).toBeGreaterThan(1_250);
    expect(seen.length).toBeGreaterThan(1);
    expect(new Set(seen.map(({ key }) => key)).size).toBe(1);
  });

  test('a connection that was never made is known to have done nothing', async () => {
    const credits = client({ deadlineMs: 300 });
    server.close();
    expect(await failureOf(credits.charges.create({ account: 'a', amount: 1 })))
      .toMatchObject({ code: 'unreachable', outcome: 'not_executed' });
  });

  test('an abort ends the call with its own reason, also between two tries', async () => {
    const aborting = new AbortController();
    steps = [(respond) => {
      unavailable('not_executed', { 'retry-after': '5' })(respond, () => undefined);
      setTimeout(() => { aborting.abort(new Error('left')); }, 50);
    }];
    await expect(client().accounts.get('a', { signal: aborting.signal })).rejects.toThrow('left');
    expect(seen).toHaveLength(1);
  });
});

test('what is not the gateway is told apart', async () => {
  rest = (respond) => { respond(404, '<html>'); };
  expect(await failureOf(client().accounts.get('a'))).toMatchObject({ code: 'unexpected_answer', status: 404 });
  rest = (respond) => { respond(200, '<html>'); };
  expect(await failureOf(client().accounts.get('a'))).toMatchObject({ code: 'unexpected_answer', status: 200 });
  rest = (respond) => { respond(302, '', { location: '/elsewhere' }); };
  expect(await failureOf(client().accounts.get('a'))).toMatchObject({ code: 'unexpected_answer', status: 302 });
  expect(seen).toHaveLength(3);
});

test('the key may be fetched anew for each request', async () => {
  let calls = 0;
  await client({ apiKey: () => Promise.resolve(`k${calls += 1}`) }).accounts.get('a');
  expect(calls).toBe(1);
});
