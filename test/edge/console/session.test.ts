import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mintToken } from '../../../src/edge/auth/mint-token.js';
import { localPath } from '../../../src/edge/console/session.js';
import { consoleLab, formOf, operator, OURS, sendPlainly, type Lab } from './lab.js';

/** The login of the console: who gets a cookie, what the cookie allows, and which requests count as same-origin. */
let lab: Lab;
let url: string;
const token = (sub: string, role: string): Promise<string> => lab.gateway.token({ sub, role });
beforeAll(async () => {
  lab = await consoleLab();
  ({ url } = lab.gateway);
});
afterAll(async () => { await lab.stop(); });

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const logIn = (fields: Readonly<Record<string, string>>, headers: Record<string, string> = OURS) =>
  sendPlainly(`${url}/console/login`, 'POST', { raw: formOf(fields), headers: { ...FORM, ...headers } });

describe('the login', () => {
  test('stores the token in an HttpOnly, SameSite=Strict cookie', async () => {
    const value = await token('ops', 'admin');
    const { status, headers } = await logIn({ token: ` Bearer ${value}\n` });
    expect([status, headers.get('location')]).toEqual([303, '/console']);
    const [pair, ...attributes] = headers.get('set-cookie')?.split('; ') ?? [];
    expect(pair).toBe(`cg_console=${value}`);
    const age = Number(attributes.find((each) => each.startsWith('Max-Age='))?.slice('Max-Age='.length));
    expect(attributes.filter((each) => !each.startsWith('Max-Age='))).toEqual(['Path=/console', 'HttpOnly', 'SameSite=Strict']);
    expect(age).toBeGreaterThan(0);
    expect(age).toBeLessThanOrEqual(600);
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
      expect(text).toContain('role="status"');
    }
    expect((await logIn({})).status).toBe(400);
  });

  test('redirects supervisors to the queues, the only page they may see', async () => {
    const value = await token('boss', 'supervisor');
    expect((await logIn({ token: value, next: '/console/accounts/alice' })).headers.get('location')).toBe('/console/queues');
    const boss = operator(url, value);
    for (const path of [
      '/console', '/console/accounts?who=alice', '/console/accounts/alice', '/console/accounts/alice/grant',
      '/console/accounts/alice/holds/h',
    ]) {
      expect([path, (await boss.get(path)).status]).toEqual([path, 403]);
    }
    expect((await boss.post('/console/accounts/alice/grant', { credits: '1', reason: 'x' })).status).toBe(403);
    expect((await boss.get('/console/queues')).status).toBe(200);
  });
});

describe('a cookie', () => {
  test('admits no invalid token, and no Authorization header', async () => {
    const expired = await lab.gateway.token({ sub: 'root', role: 'admin' });
    for (const [name, headers] of [
      ['none', {}], ['garbage', { cookie: 'cg_console=abc' }], ['tampered', { cookie: `cg_console=${expired.slice(0, -4)}AAAA` }],
      ['header', { authorization: `Bearer ${expired}` }],
    ] as const) {
      const { status, headers: answer } = await sendPlainly(`${url}/console`, 'GET', { headers });
      expect([name, status, answer.get('location')]).toEqual([name, 303, '/console/login']);
    }
  });

  test('is deleted by the logout', async () => {
    const { status, headers } = await lab.root.post('/console/logout', {});
    expect([status, headers.get('location'), headers.get('set-cookie')]).toEqual([
      303, '/console/login', 'cg_console=; Path=/console; Max-Age=0; HttpOnly; SameSite=Strict',
    ]);
  });

  test('does not open the API', async () => {
    const cookie = `cg_console=${await token('root', 'admin')}`;
    expect((await sendPlainly(`${url}/api/credits/balance`, 'GET', { headers: { cookie } })).status).toBe(401);
    expect((await sendPlainly(`${url}/api/credits/allocate`, 'POST', {
      headers: { cookie, 'content-type': 'application/json' }, raw: '{"userId":"m","credits":5}',
    })).status).toBe(401);
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
      .toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/);
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
