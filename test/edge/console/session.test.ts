import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import { mintToken } from '../../../src/edge/auth/mint-token.js';
import { localPath } from '../../../src/edge/console/session.js';
import { sessionName } from '../../../src/edge/console/sessions.js';
import { rawRedis } from '../../support/redis-address.js';
import { redisUrl } from '../../support/servers.js';
import { consoleLab, formOf, hiddenOf, logIn as startSession, operator, OURS, sendPlainly, type Lab } from './lab.js';

/** The login of the console: who gets a cookie, what the cookie allows, and which requests count as same-origin. */
let lab: Lab;
let redis: Redis;
let url: string;
const token = (sub: string, role: string): Promise<string> => lab.gateway.token({ sub, role });
beforeAll(async () => {
  lab = await consoleLab();
  redis = rawRedis(redisUrl());
  ({ url } = lab.gateway);
});
afterAll(async () => {
  redis.disconnect();
  await lab.stop();
});

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const logIn = (fields: Readonly<Record<string, string>>, headers: Record<string, string> = OURS) =>
  sendPlainly(`${url}/console/login`, 'POST', { raw: formOf(fields), headers: { ...FORM, ...headers } });

describe('the login', () => {
  test('begins a session in an HttpOnly, SameSite=Strict cookie, which does not have the token', async () => {
    const value = await token('ops', 'admin');
    const { status, headers } = await logIn({ token: ` Bearer ${value}\n` });
    expect([status, headers.get('location')]).toEqual([303, '/console']);
    const [pair, ...attributes] = headers.get('set-cookie')?.split('; ') ?? [];
    expect(pair).toMatch(/^cg_console=[A-Za-z0-9_-]{43}$/);
    expect(attributes).toEqual(['Path=/console', 'Max-Age=43200', 'HttpOnly', 'SameSite=Strict']);
  });

  test('sets Secure when the browser used https', async () => {
    const { headers } = await logIn({ token: await token('ops', 'admin') }, { ...OURS, 'x-forwarded-proto': 'https, http' });
    expect(headers.get('set-cookie')).toMatch(/; Secure$/);
  });

  test('redirects to the requested page, but only inside the console', async () => {
    const value = await token('ops', 'admin');
    expect((await logIn({ token: value, next: '/console/accounts/alice?before=7' })).headers.get('location'))
      .toBe('/console/accounts/alice?before=7');
    for (const next of [
      'https://evil.example/console', '//evil.example/console', '/console/../v1/entries', '/consoles', '/console\\..\\..',
      '/console/login', 'javascript:alert(1)',
    ]) {
      expect([next, (await logIn({ token: value, next })).headers.get('location')]).toEqual([next, '/console']);
    }
    expect(localPath('/console/%2e%2e/docs', '')).toBe('');
    expect((await sendPlainly(`${url}/console/accounts/alice?before=7`, 'GET')).headers.get('location'))
      .toBe('/console/login?next=%2Fconsole%2Faccounts%2Falice%3Fbefore%3D7');
  });

  test('refuses invalid tokens and tokens without an operator role, and never shows them', async () => {
    const user = await token('mallory', 'user');
    const forged = await mintToken(randomBytes(32).toString('hex'), { sub: 'root', role: 'admin' }, 600, Date.now());
    for (const [value, expected] of [['nonsense-token', 401], [forged, 401], ['x'.repeat(4_000), 401], [user, 403]] as const) {
      const { status, headers, text } = await logIn({ token: value });
      expect([status, headers.get('set-cookie'), text.includes(value)]).toEqual([expected, null, false]);
      expect(text).toContain('role="note"');
    }
    expect((await logIn({})).status).toBe(400);
  });

  test('supervisors see everything and change nothing', async () => {
    await lab.api('root', 'POST', '/api/credits/allocate', { userId: 'alice', credits: 1 }, 'admin');
    const value = await token('boss', 'supervisor');
    expect((await logIn({ token: value, next: '/console/accounts/alice' })).headers.get('location')).toBe('/console/accounts/alice');
    const boss = operator(url, value);
    for (const path of ['/console', '/console/accounts/alice', '/console/dead-letters', '/console/audit', '/console/queues']) {
      const { status, text } = await boss.get(path);
      expect([path, status, /action="[^"]*compare"|href="[^"]*\/(grant|freeze|replay)"/.test(text)]).toEqual([path, 200, false]);
    }
    for (const path of ['grant', 'compare', 'freeze', 'holds/h/void']) {
      expect([path, (await boss.post(`/console/accounts/alice/${path}`, { credits: '1', reason: 'x' })).status]).toEqual([path, 403]);
    }
    expect((await boss.get('/console/accounts/alice/grant')).status).toBe(403);
    expect((await boss.post('/console/session/end', { operator: 'root', reason: 'x' })).status).toBe(403);
  });
});

describe('a cookie', () => {
  test('admits no invalid token, and no Authorization header', async () => {
    const expired = await lab.gateway.token({ sub: 'root', role: 'admin' });
    for (const [name, headers] of [
      ['none', {}], ['garbage', { cookie: 'cg_console=abc' }], ['unknown', { cookie: `cg_console=${'A'.repeat(43)}` }],
      ['a token', { cookie: `cg_console=${expired}` }],
      ['header', { authorization: `Bearer ${expired}` }],
    ] as const) {
      const { status, headers: answer } = await sendPlainly(`${url}/console`, 'GET', { headers });
      expect([name, status, answer.get('location')]).toEqual([name, 303, '/console/login']);
    }
  });

  test('is deleted by the logout, and its session is over wherever the cookie was copied to', async () => {
    const cookie = await begin('root', 'admin');
    const { status, headers } = await post('/console/logout', cookie);
    expect([status, headers.get('location'), headers.get('set-cookie')]).toEqual([
      303, '/console/login', 'cg_console=; Path=/console; Max-Age=0; HttpOnly; SameSite=Strict',
    ]);
    expect(await isOpen(cookie)).toBe(false);
  });

  test('does not open the API', async () => {
    const cookie = await begin('root', 'admin');
    expect((await sendPlainly(`${url}/api/credits/balance`, 'GET', { headers: { cookie } })).status).toBe(401);
    expect((await sendPlainly(`${url}/api/credits/allocate`, 'POST', {
      headers: { cookie, 'content-type': 'application/json' }, raw: '{"userId":"m","credits":5}',
    })).status).toBe(401);
  });
});

const begin = async (sub: string, role: string): Promise<string> => startSession(url, await token(sub, role));
const isOpen = async (cookie: string): Promise<boolean> =>
  (await sendPlainly(`${url}/console/session`, 'GET', { headers: { cookie } })).status === 200;
const post = (path: string, cookie: string, form: Readonly<Record<string, string>> = {}) =>
  sendPlainly(url + path, 'POST', { raw: formOf(form), headers: { ...FORM, ...OURS, cookie } });

describe('a session', () => {
  test('ends with all others of its operator, also by another administrator, and a later one is open', async () => {
    const [first, second, others] = [await begin('ada', 'admin'), await begin('ada', 'supervisor'), await begin('bea', 'admin')];
    expect((await post('/console/logout-everywhere', first)).headers.get('location')).toBe('/console/login');
    expect(await Promise.all([first, second, others].map(isOpen))).toEqual([false, false, true]);
    const later = await begin('ada', 'supervisor');
    expect(await isOpen(later)).toBe(true);

    const form = { operator: 'ada', reason: 'lost a laptop' };
    const confirmation = hiddenOf((await post('/console/session/end', others, form)).text);
    expect(await isOpen(later)).toBe(true);
    expect((await post('/console/session/end', others, confirmation)).text).toContain('All sessions of ada are ended');
    expect(await Promise.all([later, others].map(isOpen))).toEqual([false, true]);
  });

  /** Where Redis has the session of a cookie. */
  const keyOf = (cookie: string): string =>
    `${lab.gateway.redisNamespace}:console:session:${sessionName(cookie.slice('cg_console='.length))}`;

  test('is over when nobody clicks for CONSOLE_IDLE_SECONDS; a page that reloads itself is no click', async () => {
    const cookie = await begin('cleo', 'admin');
    const leftAfter = async (path: string): Promise<number> => {
      await redis.expire(keyOf(cookie), 100);
      expect((await sendPlainly(url + path, 'GET', { headers: { cookie } })).status).toBe(200);
      return redis.ttl(keyOf(cookie));
    };
    expect(await leftAfter('/console?reload=1')).toBeLessThanOrEqual(100);
    expect(await leftAfter('/console/queues/api/queues')).toBeLessThanOrEqual(100);
    expect(await leftAfter('/console/session')).toBeGreaterThan(1_700);
    expect((await sendPlainly(`${url}/console`, 'GET', { headers: { cookie } })).text).toContain('data-live-seconds="5"');
    await redis.pexpire(keyOf(cookie), 0); // its time runs out
    expect(await isOpen(cookie)).toBe(false);
  });

  test('is of no use to a reader of Redis, who finds neither its id nor its token', async () => {
    const value = await token('dora', 'admin');
    const cookie = await startSession(url, value);
    const kept = await redis.get(keyOf(cookie)) ?? '';
    expect(kept.length).toBeGreaterThan(100);
    for (const secret of [value, value.split('.')[1] ?? '', cookie.slice(-43)]) {
      expect(`${keyOf(cookie)} ${kept} ${Buffer.from(kept, 'base64').toString('latin1')}`).not.toContain(secret);
    }
    // Nor is it another session's, under whose name somebody puts it.
    const other = await begin('eve', 'supervisor');
    await redis.set(keyOf(other), kept);
    expect(await isOpen(other)).toBe(false);
  });
});

describe('another site', () => {
  const host = (): string => new URL(url).host;
  const STRANGERS: readonly (readonly [string, () => Record<string, string>])[] = [
    ['says nothing', () => ({})], ['cross-site', () => ({ 'sec-fetch-site': 'cross-site' })],
    ['a neighbour', () => ({ 'sec-fetch-site': 'same-site' })], ['typed', () => ({ 'sec-fetch-site': 'none' })],
    ['forged origin', () => ({ 'sec-fetch-site': 'cross-site', origin: `http://${host()}` })],
    ['other origin', () => ({ origin: 'https://evil.example' })], ['null', () => ({ origin: 'null' })],
    ['prefix', () => ({ origin: `http://${host()}.evil.example` })],
  ];
  test.each(STRANGERS)('%s: its forms are refused', async (_, headers) => {
    const form = { credits: '5', reason: 'x' };
    for (const path of ['/console/accounts/alice/grant', '/console/logout', '/console/queues/api/queues/pause']) {
      expect([path, (await lab.root.post(path, form, headers())).status]).toEqual([path, 403]);
    }
    expect((await logIn({ token: await token('ops', 'admin') }, headers())).headers.get('set-cookie')).toBeNull();
  });

  test('pages of the console are accepted, also with an Origin header alone', async () => {
    for (const headers of [OURS, { origin: `http://${host()}` }]) {
      expect((await lab.root.post('/console/accounts/alice/grant', { credits: '5', days: '30', reason: 'x' }, headers)).status).toBe(200);
    }
  });

  test('cannot read or frame the pages', async () => {
    const { headers } = await sendPlainly(`${url}/console/login`, 'GET', { headers: { origin: 'https://evil.example' } });
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('same-origin');
    expect(headers.get('content-security-policy'))
      .toMatch(new RegExp("^default-src 'none'; style-src 'sha256-[^']+'; script-src 'self'; connect-src 'self'; "
        + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'$"));
  });
});

describe('a form', () => {
  const post = (raw: string, type = 'application/x-www-form-urlencoded', more: Record<string, string> = {}) =>
    sendPlainly(`${url}/console/login`, 'POST', { raw, headers: { 'content-type': type, ...OURS, ...more } });

  test.each<[string, () => ReturnType<typeof post>, number]>([
    ['JSON', () => post('{"token":"x"}', 'application/json'), 415],
    ['another charset', () => post('token=x', 'application/x-www-form-urlencoded; charset=utf-16'), 415],
    ['compressed', () => post('token=x', undefined, { 'content-encoding': 'gzip' }), 415],
    ['too large', () => post(`token=${'x'.repeat(9_000)}`), 413],
    ['not UTF-8', () => post('token=%ff%fe'), 400],
    ['a cut escape', () => post('token=%e'), 400],
    ['raw bytes', () => post('token=ä'), 400],
    ['a NUL', () => post('token=a%00b'), 400],
    ['a field twice', () => post('token=a&token=b'), 400],
    ['nothing', () => post(''), 400],
  ])('%s is refused with a page', async (_, send, status) => {
    const answer = await send();
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('set-cookie')]).toEqual([
      status, 'text/html; charset=utf-8', null,
    ]);
  });
});
