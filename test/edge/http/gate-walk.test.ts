import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { JWTPayload } from 'jose';
import { listRoutes } from '../../../src/compose/app.js';
import { anyone, type Gate } from '../../../src/edge/auth/allow.js';
import type { AddRoute } from '../../../src/edge/http/routes.js';
import { API_SCOPES, type Principal, type ServerScope } from '../../../src/kit/principal.js';
import { wholeDocument } from '../../support/documents.js';
import { fakeGateway, send, signed, usualClaims, type CallOptions } from '../../support/fake-gateway.js';
import { startGateway, type TestGateway } from '../../support/gateway.js';

/**
 * Every route against every kind of caller, over real HTTP. Who may call what is decided here once more, by hand from
 * docs/contracts/accounting-service.md#endpoints and docs/contracts/README.md#c-07, so that a gate that was mistyped in
 * a route line is found, and a new route forces a decision.
 * Pages for people are no part of the document that is walked here: test/edge/console/gates.test.ts walks them.
 */
type Expected =
  | 'public' | 'any' | 'supervisor' | 'admin' | ServerScope
  | 'users and services' | 'services' | 'service readers' | 'readers' | 'holders';

const GATES: Readonly<Record<string, Expected>> = {
  // Credits
  'POST /api/credits/add': 'supervisor',
  'PUT /api/credits/adjust': 'supervisor',
  'POST /api/credits/allocate': 'supervisor',
  'POST /api/credits/allocate-by-email': 'admin',
  'DELETE /api/credits/allocations/{id}': 'supervisor',
  'GET /api/credits/allocations/all': 'supervisor',
  'GET /api/credits/balance': 'any',
  'GET /api/credits/balance/{userId}': 'supervisor',
  'POST /api/credits/calculate': 'any',
  'POST /api/credits/calculate-cost': 'any',
  'POST /api/credits/check': 'any',
  'GET /api/credits/check/{amount}': 'any',
  'POST /api/credits/deduct': 'any',
  'GET /api/credits/pricing': 'any',
  'POST /api/credits/pricing': 'admin',
  'DELETE /api/credits/pricing/{provider}/{modelName}': 'admin',
  'GET /api/credits/pricing/{provider}/{modelName}': 'any',
  'POST /api/credits/pricing/initialize': 'admin',
  'DELETE /api/credits/remove': 'supervisor',
  'POST /api/credits/set': 'supervisor',
  'GET /api/credits/statistics': 'any',
  'GET /api/credits/total-balance': 'any',
  'GET /api/credits/transactions': 'any',
  'POST /api/credits/validate': 'any',
  'POST /credits/add': 'supervisor',
  'GET /credits/balance': 'any',
  'POST /credits/calculate-cost': 'any',
  'GET /credits/check/{amount}': 'any',
  'GET /credits/pricing': 'any',
  'POST /credits/pricing': 'admin',
  'DELETE /credits/pricing/{provider}/{modelName}': 'admin',
  'GET /credits/pricing/{provider}/{modelName}': 'any',
  'POST /credits/pricing/initialize': 'admin',
  'GET /credits/statistics': 'any',
  'GET /credits/transactions': 'any',
  'POST /credits/validate': 'any',
  // Streaming sessions
  'POST /api/streaming-sessions/abort': 'any',
  'GET /api/streaming-sessions/active': 'any',
  'GET /api/streaming-sessions/active/{userId}': 'supervisor',
  'GET /api/streaming-sessions/active/all': 'admin',
  'POST /api/streaming-sessions/finalize': 'any',
  'POST /api/streaming-sessions/initialize': 'any',
  'GET /api/streaming-sessions/recent': 'supervisor',
  'GET /api/streaming-sessions/recent/{userId}': 'supervisor',
  // Usage
  'POST /api/usage/record': 'any',
  'GET /api/usage/stats': 'any',
  'GET /api/usage/stats/{userId}': 'supervisor',
  'GET /api/usage/system-stats': 'admin',
  // Credits process
  'POST /api/credits-process/end': 'credits-process',
  'POST /api/credits-process/end-multimodel': 'credits-process',
  'POST /api/credits-process/start': 'credits-process',
  'POST /api/feature-usage-logs': 'telemetry',
  'POST /api/token-process/end': 'credits-process',
  'POST /api/token-process/end-multimodel': 'credits-process',
  'POST /api/token-process/start': 'credits-process',
  'POST /api/user-wallets/give-bonus-credits': 'wallets',
  'POST /api/user-wallets/give-bonus-credits/server': 'wallets',
  'POST /api/user-wallets/give-initial-credits': 'wallets',
  'POST /api/user-wallets/give-initial-credits/server': 'wallets',
  'POST /api/user-wallets/server/give-bonus-credits': 'wallets',
  'POST /api/user-wallets/server/give-initial-credits': 'wallets',
  // Administration
  'GET /api/admin/feature-endpoints': 'admin',
  'POST /api/admin/feature-endpoints': 'admin',
  'DELETE /api/admin/feature-endpoints/{id}': 'admin',
  'PATCH /api/admin/feature-endpoints/{id}': 'admin',
  'GET /api/admin/packages': 'admin',
  'POST /api/admin/packages': 'admin',
  'DELETE /api/admin/packages/{id}': 'admin',
  'PATCH /api/admin/packages/{id}': 'admin',
  'GET /api/admin/server-keys': 'admin',
  'POST /api/admin/server-keys': 'admin',
  'DELETE /api/admin/server-keys/{keyId}': 'admin',
  'GET /api/admin/subscriptions': 'admin',
  'POST /api/admin/subscriptions': 'admin',
  'DELETE /api/admin/subscriptions/{id}': 'admin',
  'POST /api/admin/users': 'admin',
  // Ledger
  'DELETE /v1/account-plans/{accountId}': 'admin',
  'GET /v1/account-plans/{accountId}': 'admin',
  'PUT /v1/account-plans/{accountId}': 'admin',
  'GET /v1/accounts/{accountId}': 'readers',
  'GET /v1/accounts/{accountId}/balance': 'readers',
  'GET /v1/accounts/{accountId}/entries': 'readers',
  'GET /v1/accounts/{accountId}/entries/{seq}': 'readers',
  'GET /v1/accounts/{accountId}/lots': 'readers',
  'GET /v1/accounts/{accountId}/terms': 'readers',
  'PUT /v1/accounts/{accountId}/terms': 'services',
  'DELETE /v1/accounts/{accountId}/terms': 'services',
  'GET /v1/accounts/{accountId}/low-balance': 'readers',
  'PUT /v1/accounts/{accountId}/low-balance': 'services',
  'DELETE /v1/accounts/{accountId}/low-balance': 'services',
  'POST /v1/accounts/{accountId}/freeze': 'admin',
  'POST /v1/accounts/{accountId}/thaw': 'admin',
  'GET /v1/accounts/{accountId}/explain': 'readers',
  'GET /v1/accounts/{accountId}/limits': 'readers',
  'DELETE /v1/accounts/{accountId}/limits/{limitId}': 'services',
  'GET /v1/accounts/{accountId}/limits/{limitId}': 'readers',
  'PUT /v1/accounts/{accountId}/limits/{limitId}': 'services',
  'GET /v1/accounts/{accountId}/members': 'readers',
  'DELETE /v1/accounts/{accountId}/members/{spender}': 'services',
  'GET /v1/accounts/{accountId}/members/{spender}': 'readers',
  'PUT /v1/accounts/{accountId}/members/{spender}': 'services',
  'GET /v1/holds': 'users and services',
  'POST /v1/holds': 'holders',
  'GET /v1/holds/{holdId}': 'users and services',
  'POST /v1/holds/{holdId}/extend': 'holders',
  'POST /v1/holds/{holdId}/progress': 'holders',
  'POST /v1/holds/{holdId}/settle': 'holders',
  'POST /v1/holds/{holdId}/void': 'holders',
  'GET /v1/api-keys': 'admin',
  'POST /v1/api-keys': 'admin',
  'PATCH /v1/api-keys/{keyId}': 'admin',
  'DELETE /v1/api-keys/{keyId}': 'admin',
  'POST /v1/api-keys/{keyId}/rotate': 'admin',
  'POST /v1/batch': 'holders',
  'GET /v1/changes': 'admin',
  'POST /v1/charges': 'users and services',
  'GET /v1/entries': 'any',
  'GET /v1/events': 'users and services',
  'POST /v1/grants': 'services',
  'DELETE /v1/grants/{grantId}': 'services',
  'GET /v1/models/costs': 'supervisor',
  'GET /v1/plans': 'admin',
  'DELETE /v1/plans/{planId}': 'admin',
  'GET /v1/plans/{planId}': 'admin',
  'PUT /v1/plans/{planId}': 'admin',
  'GET /v1/prices/{book}': 'admin',
  'PUT /v1/prices/{book}': 'admin',
  'GET /v1/prices/{book}/aliases': 'admin',
  'GET /v1/prices/{book}/history': 'admin',
  'PUT /v1/prices/{book}/terms': 'admin',
  'GET /v1/reconciliation': 'admin',
  'POST /v1/reconciliation': 'admin',
  'POST /v1/quotes': 'users and services',
  'POST /v1/referrals': 'admin',
  'POST /v1/refunds': 'services',
  'GET /v1/refusals': 'supervisor',
  'GET /v1/shards': 'admin',
  'GET /v1/usage': 'users and services',
  'POST /v1/transfers': 'services',
  'GET /v1/transfers/{id}': 'service readers',
  'GET /v1/webhooks': 'services',
  'POST /v1/webhooks': 'services',
  'DELETE /v1/webhooks/{webhookId}': 'services',
  'GET /v1/webhooks/{webhookId}': 'services',
  'PUT /v1/webhooks/{webhookId}': 'services',
  'GET /v1/webhooks/{webhookId}/deliveries': 'services',
  'GET /v1/webhooks/{webhookId}/deliveries/{deliveryId}': 'services',
  'POST /v1/webhooks/{webhookId}/deliveries/{deliveryId}/resend': 'services',
  'POST /v1/webhooks/{webhookId}/rotate': 'services',
  // Operations
  'GET /api/health': 'public',
  'GET /docs': 'public',
  'GET /docs/errors': 'public',
  'GET /docs/reference.js': 'public',
  'GET /docs/start.js': 'public',
  'GET /health': 'public',
  'GET /livez': 'public',
  'GET /metrics': 'public',
  'GET /openapi-legacy.json': 'public',
  'GET /openapi.json': 'public',
  'GET /readyz': 'public',
};

/** Callers with a token. `other` is a user who asks for what belongs to the owner. */
const CLAIMS = {
  refreshToken: { sub: 'owner', role: 'admin', type: 'refresh' },
  user: { sub: 'owner', role: 'user' },
  other: { sub: 'other', role: 'enduser' },
  supervisor: { sub: 'boss', role: 'supervisor' },
  admin: { sub: 'root', role: 'admin' },
} as const satisfies Record<string, JWTPayload & Record<string, unknown>>;
/** `fullKey` and `narrowKey` are API keys of services, as bearer tokens: with every scope, and with `holds` alone. */
type Caller = 'noToken' | keyof typeof CLAIMS | 'forgedKey' | 'serverKey' | 'telemetryKey' | 'fullKey' | 'narrowKey';

/** What becomes of each caller: 401, 403, or let in, whatever the handler then makes of it. */
type Verdict = 401 | 403 | 'let in';
type Verdicts = Readonly<Record<Caller, Verdict>>;
const REFUSED: Verdicts = {
  noToken: 401, refreshToken: 401, user: 401, other: 401, supervisor: 401, admin: 401, forgedKey: 401, serverKey: 401, telemetryKey: 401,
  fullKey: 401, narrowKey: 401,
};
const server: Verdicts = { ...REFUSED, serverKey: 'let in', telemetryKey: 403 };
const VERDICTS: Readonly<Record<Expected, Verdicts>> = {
  public: {
    noToken: 'let in', refreshToken: 'let in', user: 'let in', other: 'let in', supervisor: 'let in', admin: 'let in',
    forgedKey: 'let in', serverKey: 'let in', telemetryKey: 'let in', fullKey: 'let in', narrowKey: 'let in',
  },
  any: { ...REFUSED, user: 'let in', other: 'let in', supervisor: 'let in', admin: 'let in' },
  supervisor: { ...REFUSED, user: 403, other: 403, supervisor: 'let in', admin: 'let in' },
  admin: { ...REFUSED, user: 403, other: 403, supervisor: 403, admin: 'let in' },
  // A supervisor acts as a user. `other` is let in by the gate; the account is the route's business.
  'users and services': {
    ...REFUSED, user: 'let in', other: 'let in', supervisor: 'let in', admin: 'let in', fullKey: 'let in', narrowKey: 403,
  },
  // The scope of `narrowKey`.
  holders: {
    ...REFUSED, user: 'let in', other: 'let in', supervisor: 'let in', admin: 'let in', fullKey: 'let in', narrowKey: 'let in',
  },
  services: { ...REFUSED, user: 403, other: 403, supervisor: 403, admin: 'let in', fullKey: 'let in', narrowKey: 403 },
  'service readers': { ...REFUSED, user: 403, other: 403, supervisor: 'let in', admin: 'let in', fullKey: 'let in', narrowKey: 403 },
  // The path names the account of `user`.
  readers: { ...REFUSED, user: 'let in', other: 403, supervisor: 'let in', admin: 'let in', fullKey: 'let in', narrowKey: 403 },
  'credits-process': server,
  wallets: server,
  telemetry: { ...server, telemetryKey: 'let in' },
};
const callers = Object.keys(REFUSED) as Caller[];

type Line = { readonly name: string; readonly method: string; readonly path: string };

let gateway: TestGateway;
let lines: readonly Line[];
const credentials = new Map<Caller, CallOptions>();
beforeAll(async () => {
  const key = randomBytes(32).toString('hex');
  const secret = randomBytes(32).toString('hex');
  gateway = await startGateway({ environment: { SERVER_API_KEYS: key, JWT_ACCESS_SECRET: secret } });
  const { paths } = await wholeDocument(gateway.url);
  lines = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => ({ name: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), path })));
  credentials.set('noToken', {});
  for (const [caller, claims] of Object.entries(CLAIMS)) {
    credentials.set(caller as Caller, { token: await signed(secret, { ...usualClaims(Date.now()), ...claims }) });
  }
  const made = await send(`${gateway.url}/api/admin/server-keys`, 'POST', {
    ...credentials.get('admin'), body: { name: 'metrics', scopes: ['telemetry'] },
  });
  const keys = { serverKey: key, forgedKey: randomBytes(32).toString('hex'), telemetryKey: String(made.body['key']) } as const;
  for (const [caller, scopes] of [['fullKey', API_SCOPES], ['narrowKey', ['holds']]] as const) {
    const { body } = await send(`${gateway.url}/v1/api-keys`, 'POST', {
      ...credentials.get('admin'), body: { name: caller, scopes, reason: 'test' },
    });
    credentials.set(caller, { token: String(body['key']) });
  }
  for (const [caller, value] of Object.entries(keys)) credentials.set(caller as Caller, { headers: { 'x-server-api-key': value } });
});
afterAll(async () => { await gateway.stop(); });

/** Gates that a user passes; what belongs to another account is the route's business. */
const ADMITS_USERS: ReadonlySet<Expected> = new Set(['public', 'any', 'users and services', 'readers', 'holders']);

const verdictOf = (status: number): Verdict => (status === 401 || status === 403 ? status : 'let in');
const CODES: ReadonlyMap<number, string> = new Map([[401, 'unauthenticated'], [403, 'forbidden']]);

const ask = ({ method, path }: Line, caller: Caller, spelling: (path: string) => string = (text) => text) =>
  send(gateway.url + spelling(path.replaceAll(/\{\w+\}/g, 'owner')), method, {
    ...credentials.get(caller), ...(method === 'GET' ? {} : { body: {} }),
  });

test('for every route it was decided who may call it, and no decision is left over', () => {
  expect(lines.map(({ name }) => name).sort()).toEqual(Object.keys(GATES).sort());
});

test('every caller gets as far as was decided', async () => {
  for (const line of lines) {
    const expected = GATES[line.name];
    if (expected === undefined) continue; // the test above says so
    for (const caller of callers) {
      const { status, body } = await ask(line, caller);
      expect({ route: line.name, caller, verdict: verdictOf(status) }).toEqual({
        route: line.name, caller, verdict: VERDICTS[expected][caller],
      });
      const code = CODES.get(status);
      if (code !== undefined) expect([line.name, body['code'] ?? body['error']]).toEqual([line.name, code]);
    }
  }
});

test('no spelling of a path leads around its gate', async () => {
  const spellings: ((path: string) => string)[] = [
    (path) => `${path}/`, (path) => path.toUpperCase(), (path) => `${path}?role=admin`, (path) => `${path}/?`, (path) => `${path};x=1`,
    (path) => path.replace('/api/', '/api//'), (path) => `${path}%20`, (path) => `${path}%00`,
    (path) => path.replace(/(\w)$/, (last) => `%${last.charCodeAt(0).toString(16)}`),
  ];
  for (const line of lines.filter(({ name }) => !ADMITS_USERS.has(GATES[name] ?? 'admin'))) {
    for (const spelling of spellings) {
      for (const caller of ['noToken', 'user'] as const) {
        const { status } = await ask(line, caller, spelling);
        expect({ route: spelling(line.path), caller, status, isRefused: [401, 403, 404].includes(status) }).toEqual({
          route: spelling(line.path), caller, status, isRefused: true,
        });
      }
    }
  }
});

test('a refused caller does not reach the ledger', async () => {
  const fake = await fakeGateway();
  const [refresh, user] = await Promise.all([
    fake.token({ ...usualClaims(fake.clock.nowMs), ...CLAIMS.refreshToken }), fake.token(CLAIMS.user),
  ]);
  for (const { method, path, gate } of listRoutes(fake.deps)) {
    if (gate.kind === 'public') continue;
    for (const refused of [{}, { token: refresh }, ...(gate.kind === 'roles' ? [{ token: user }] : [])]) {
      await fake.call(method, path.replaceAll(/:\w+/g, 'owner'), { ...refused, ...(method === 'GET' ? {} : { body: {} }) });
    }
  }
  expect(fake.ledger.calls).toEqual([]);
  await fake.stop();
});

describe('the type system', () => {
  test('has no route without a gate', () => {
    const attempt = (add: AddRoute): void => {
      // @ts-expect-error -- a gate is a parameter of its own, without a default
      add('GET', '/x', { summary: 'x', replies: {} }, () => undefined);
      // @ts-expect-error -- and nothing but a gate will do
      add('GET', '/x', undefined, { summary: 'x', replies: {} }, () => undefined);
      // @ts-expect-error -- a gate of roles names at least one
      const none: Gate = { kind: 'roles', roles: [] };
      add('GET', '/x', none, { summary: 'x', replies: {} }, () => undefined);
      add('GET', '/x', anyone(), { summary: 'x', replies: {} }, (_, { principal }) => {
        // @ts-expect-error -- behind a public gate there is no principal
        const caller: Principal = principal;
        expect(caller).toBeNull();
      });
    };
    expect(attempt).toBeInstanceOf(Function); // that it compiles is the test
  });
});
