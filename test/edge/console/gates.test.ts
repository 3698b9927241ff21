import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { listRoutes } from '../../../src/compose/app.js';
import type { Route } from '../../../src/edge/http/routes.js';
import { DOCUMENTS } from '../../support/documents.js';
import { fakeConsole, type FakeConsole } from '../../support/fake-console.js';
import { fakeGateway, signed, usualClaims, CHATSPARTY_SECRET, type FakeGateway } from '../../support/fake-gateway.js';
import { OURS, sendPlainly } from './lab.js';

/** Each page of the console with each kind of caller. The expected gates are written by hand, as in gate-walk.test.ts. */
type Expected = 'public' | 'admin' | 'supervisor';

const ACCOUNT = '/console/accounts/:accountId';
const HOLD = `${ACCOUNT}/holds/:holdId`;
const both = (path: string): [string, Expected][] => [[`GET ${path}`, 'admin'], [`POST ${path}`, 'admin']];
const GATES: Readonly<Record<string, Expected>> = Object.fromEntries([
  ['GET /console/login', 'public'],
  ['POST /console/login', 'public'],
  ['POST /console/logout', 'supervisor'],
  ['POST /console/logout-everywhere', 'supervisor'],
  ['GET /console/session', 'supervisor'],
  ...both('/console/session/end'),
  ['GET /console/audit', 'supervisor'],
  ['GET /console', 'supervisor'],
  ['GET /console/live.js', 'public'],
  ['GET /console/runbook', 'supervisor'],
  ['GET /console/find', 'supervisor'],
  ...[
    'accounts', 'holds', 'lots', 'refusals', 'limits', 'pools', 'prices', 'plans', 'features', 'keys', 'webhooks', 'webhooks/deliveries',
    'dead-letters',
  ].flatMap((list): [string, Expected][] => [[`GET /console/${list}`, 'supervisor'], [`GET /console/${list}.csv`, 'supervisor']]),
  ['GET /console/prices/import', 'supervisor'],
  ['POST /console/prices/import', 'supervisor'],
  ...both('/console/webhooks/:endpointId/deliveries/:deliveryId/resend'),
  [`GET ${ACCOUNT}`, 'supervisor'],
  [`GET ${HOLD}`, 'supervisor'],
  ...['grant', 'adjust', 'freeze', 'thaw'].flatMap((name) => both(`${ACCOUNT}/${name}`)),
  [`POST ${ACCOUNT}/compare`, 'admin'],
  ...['settle', 'void'].flatMap((name) => both(`${HOLD}/${name}`)),
  ...[':letterId/replay', ':letterId/discard', 'codes/:code/replay'].flatMap((name) => both(`/console/dead-letters/${name}`)),
  ['GET /console/queues', 'supervisor'],
  ['GET /console/queues/*rest', 'supervisor'],
  ...['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => [`${method} /console/queues/*rest`, 'admin']),
]) as Record<string, Expected>;

let console_: FakeConsole;
let gateway: FakeGateway;
let pages: readonly Route[];
beforeAll(async () => {
  console_ = fakeConsole();
  gateway = await fakeGateway({ console: console_.deps });
  pages = listRoutes(gateway.deps).filter(({ page }) => page !== undefined);
});
afterAll(async () => { await gateway.stop(); });

/** Asks in a session that was begun with a token, however it came to be. */
const ask = async (path: string, method: string, token: string | null) => sendPlainly(`${gateway.url}${
  path.replaceAll(/:\w+/g, 'owner').replace('*rest', 'api/queues')
}`, method, {
  headers: {
    ...OURS, ...(token === null ? {} : { cookie: `cg_console=${await console_.deps.sessions.start('whoever', token)}` }),
    ...(method === 'GET' ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
  },
  ...(method === 'GET' ? {} : { raw: 'token=x' }),
});

test('every page has an expected gate, and no page is part of the API', async () => {
  expect(pages.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(Object.keys(GATES).sort());
  for (const path of DOCUMENTS) expect((await gateway.call('GET', path)).text).not.toContain('/console');
});

test('every caller gets exactly as far as its gate allows', async () => {
  const claims = usualClaims(gateway.clock.nowMs);
  const callers: readonly (readonly [string, string | null])[] = [
    ['no token', null], ['expired', await gateway.token({ sub: 'root', role: 'admin', iat: 1_000, exp: 2_000 })],
    ['refresh', await gateway.token({ sub: 'root', role: 'admin', type: 'refresh' })],
    ['chatsparty', await signed(CHATSPARTY_SECRET, { ...claims, userId: 'root', role: 'admin' })],
    ['user', await gateway.token({ sub: 'owner' })], ['supervisor', await gateway.token({ sub: 'boss', role: 'supervisor' })],
    ['admin', await gateway.token({ sub: 'root', role: 'admin' })],
  ];
  const isKnown = (caller: string): boolean => !['no token', 'expired', 'refresh'].includes(caller);
  for (const { method, path } of pages) {
    const expected = GATES[`${method} ${path}`];
    if (expected === undefined || expected === 'public') continue;
    for (const [caller, token] of callers) {
      const { status, headers } = await ask(path, method, token);
      const isLetIn = caller === 'admin' || (caller === 'supervisor' && expected === 'supervisor');
      const verdict = headers.get('location')?.startsWith('/console/login') === true && !path.startsWith('/console/logout')
        ? 'to the login'
        : status === 403 ? 403 : 'let in';
      const wanted = isLetIn ? 'let in' : isKnown(caller) ? 403 : 'to the login';
      if (path.startsWith('/console/logout') && !isKnown(caller)) continue; // a logout redirects to the login, too
      expect({ page: `${method} ${path}`, caller, verdict }).toEqual({ page: `${method} ${path}`, caller, verdict: wanted });
    }
  }
  expect(console_.compared).toEqual(['owner']); // the administrator's
  expect(console_.decided).toEqual([]); // nothing without a reason and a confirmation
  expect(new Set(console_.board.map((line) => line.split(' ').slice(0, 2).join(' ')))).toEqual(new Set([
    'supervisor GET', 'admin GET', 'admin POST', 'admin PUT', 'admin PATCH', 'admin DELETE',
  ]));
});

test('no other spelling of a path bypasses its gate', async () => {
  const user = await gateway.token({ sub: 'owner' });
  for (const { method, path } of pages.filter(({ gate }) => gate.kind !== 'public')) {
    for (const spelling of [
      `${path}/`, path.toUpperCase(), `${path}?role=admin`, path.replace('/console', '//console'),
      path.replace('/console', '/console/.'), `${path};x`, path.replace('console', '%63onsole'),
    ]) {
      for (const token of [null, user]) {
        const { status } = await ask(spelling, method, token);
        expect([method, spelling, [303, 403, 404].includes(status)]).toEqual([method, spelling, true]);
      }
    }
  }
  expect(console_.froze).toEqual([]);
  expect(console_.compared).toEqual(['owner']);
});

test('a token is not written to the log', async () => {
  const token = await gateway.token({ sub: 'root', role: 'admin' });
  await ask('/console', 'GET', token);
  await sendPlainly(`${gateway.url}/console/login`, 'POST', {
    headers: { ...OURS, 'content-type': 'application/x-www-form-urlencoded' }, raw: `token=${token}`,
  });
  expect(JSON.stringify(gateway.logged)).not.toContain(token.slice(-20));
});
