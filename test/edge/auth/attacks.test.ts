import { createHmac, createSecretKey } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SignJWT } from 'jose';
import { ACCESS_SECRET, CHATSPARTY_SECRET, fakeGateway, send, signed, usualClaims, type FakeGateway } from '../../support/fake-gateway.js';

/** Numbers in the titles are those of docs/reliability.md#bounds-against-misuse. */
let gateway: FakeGateway;
beforeAll(async () => { gateway = await fakeGateway(); });
afterAll(async () => { await gateway.stop(); });

const claims = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  sub: 'alice', ...usualClaims(gateway.clock.nowMs), ...more,
});
const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
/** A token signed by hand, for what a library refuses to make: raw payload text, odd headers. */
const forge = (header: object, payload: unknown, secret = ACCESS_SECRET): string => {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
};
const HS256 = { alg: 'HS256', typ: 'JWT' };

async function answerTo(token: string): Promise<string> {
  const { status, body } = await gateway.call('GET', '/api/credits/balance', { token });
  if (status === 200) return '200';
  // The claim at fault: told of a verified signature only.
  const [source] = body['sources'] as { path: string }[];
  return `${status} ${String(body['message'])}${source === undefined ? '' : `, ${source.path}`}`;
}

describe('22 to 28: what may sign, and what the claims must be', () => {
  const iat = Math.floor(Date.now() / 1_000);

  test('a usual token is accepted', async () => {
    expect(await answerTo(await gateway.token({ sub: 'alice' }))).toBe('200');
  });

  test.each([
    ['22 alg none', () => `${encode({ alg: 'none' })}.${encode(claims())}.`],
    ['22 alg nOnE', () => `${encode({ alg: 'nOnE' })}.${encode(claims())}.`],
    ['22 alg none with a signature', () => forge({ alg: 'none' }, claims())],
    ['24 HS512', () => signed(ACCESS_SECRET, claims(), 'HS512')],
    ['24 HS384', () => signed(ACCESS_SECRET, claims(), 'HS384')],
    ['24 says ES256', () => forge({ alg: 'ES256' }, claims())],
    ['24 alg an array', () => forge({ alg: ['HS256'] }, claims())],
    ['31 unknown crit', () => forge({ ...HS256, crit: ['exp'] }, claims())],
    ['31 empty crit', () => forge({ ...HS256, crit: [] }, claims())],
    ['31 wrong secret', () => signed('x'.repeat(40), claims())],
    ['31 signature stripped', async () => `${(await gateway.token({ sub: 'alice' })).split('.').slice(0, 2).join('.')}.`],
    ['31 two parts', async () => (await gateway.token({ sub: 'alice' })).split('.').slice(0, 2).join('.')],
    ['31 four parts', async () => `${await gateway.token({ sub: 'alice' })}.x`],
    ['31 payload replaced', async () => {
      const [header, , signature] = (await gateway.token({ sub: 'alice' })).split('.');
      return `${header ?? ''}.${encode(claims({ role: 'admin' }))}.${signature ?? ''}`;
    }],
    ['31 padded base64', async () => `${await gateway.token({ sub: 'alice' })}=`],
    ['31 space inside', async () => (await gateway.token({ sub: 'alice' })).replace('.', '. ')],
    ['31 payload is not JSON', () => forge(HS256, 'not json')],
    ['31 payload is an array', () => forge(HS256, [1])],
    ['28 a refresh secret', () => signed('the-refresh-secret-of-the-auth-service-000', claims({ type: 'refresh' }))],
    ['not a token', () => 'nonsense'],
    ['25 a megabyte would not fit a header; 9 KB', () => 'a'.repeat(9_000)],
  ])('%s -> 401 Invalid token', async (_, make) => {
    expect(await answerTo(await make())).toBe('401 Invalid token');
  });

  test.each([
    ['25 kid path', { kid: '../../dev/null' }],
    ['25 kid SQL', { kid: "' or 1=1 --" }],
    ['25 kid URL', { kid: 'http://169.254.169.254/' }],
    ['26 jku', { jku: 'http://127.0.0.1:9/keys' }],
    ['26 x5u', { x5u: 'http://127.0.0.1:9/cert' }],
    ['26 jwk of the attacker', { jwk: { kty: 'oct', k: encode('attacker') } }],
  ])('%s in the header is not followed: only our key decides', async (_, extra) => {
    expect(await answerTo(forge({ ...HS256, ...extra }, claims(), 'attacker'))).toBe('401 Invalid token');
    expect(await answerTo(forge({ ...HS256, ...extra }, claims()))).toBe('200');
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['27 expired', { exp: iat - 600 }, '401 Token expired, token.exp'],
    ['27 expired within tolerance', { exp: iat - 59 }, '200'],
    ['27 expired just beyond tolerance', { exp: iat - 61 }, '401 Token expired, token.exp'],
    ['27 nbf in the future', { nbf: iat + 600 }, '401 Authentication failed, token.nbf'],
    ['27 nbf within tolerance', { nbf: iat + 59 }, '200'],
    ['27 nbf just beyond tolerance', { nbf: iat + 61 }, '401 Authentication failed, token.nbf'],
    ['28 nbf in the past', { nbf: iat - 600 }, '200'],
    ['27 iat within tolerance', { iat: iat + 59 }, '200'],
    ['27 iat in the future', { iat: iat + 61 }, '401 Authentication failed, token.iat'],
    ['27 iat too old, whatever exp says', { iat: iat - 3_700, exp: iat + 900 }, '401 Token expired, token.iat'],
    ['27 iat missing', { iat: undefined }, '200'],
    ['27 iat missing, and an exp beyond the age limit', { iat: undefined, exp: iat + 3_700 }, '401 Authentication failed, token.exp'],
    ['27 iat missing, exp too', { iat: undefined, exp: undefined }, '401 Authentication failed, token.exp'],
    ['27 iat null', { iat: null }, '401 Authentication failed, token.iat'],
    ['27 iat a string', { iat: String(iat) }, '401 Authentication failed, token.iat'],
    ['27 exp missing', { exp: undefined }, '401 Authentication failed, token.exp'],
    ['27 exp a string', { exp: String(iat + 900) }, '401 Authentication failed, token.exp'],
    ['27 exp null', { exp: null }, '401 Authentication failed, token.exp'],
    ['27 exp a fraction', { exp: iat + 900.5 }, '200'],
    ['27 year 9999 lasts as long as its age allows', { exp: 253_402_300_799 }, '200'],
    ['28 iss and aud of the flowise proxy', { iss: 'flowise-proxy-service', aud: 'flowise-api', jti: 'x' }, '200'],
    ['28 a refresh token', { type: 'refresh' }, '401 Invalid token type, token.type'],
    ['28 an id token', { type: 'id' }, '401 Invalid token type, token.type'],
    ['28 type in odd case', { type: 'Access' }, '401 Invalid token type, token.type'],
    ['28 type null', { type: null }, '401 Invalid token type, token.type'],
    ['28 no type', { type: undefined }, '200'],
    ['30 sub missing', { sub: undefined }, '401 Authentication failed, token.sub'],
    ['30 sub an object', { sub: { id: 'alice' } }, '401 Authentication failed, token.sub'],
    ['30 sub a number', { sub: 7 }, '401 Authentication failed, token.sub'],
    ['30 sub empty', { sub: '' }, '401 Authentication failed, token.sub'],
    ['30 sub of 129 characters', { sub: 'a'.repeat(129) }, '401 Authentication failed, token.sub'],
    ['30 sub of 128 characters', { sub: 'a'.repeat(128) }, '200'],
    ['16 sub with a brace', { sub: 'a}b' }, '401 Authentication failed, token.sub'],
    ['16 sub with NUL', { sub: 'a\u0000' }, '401 Authentication failed, token.sub'],
    ['16 sub with a line break', { sub: 'user\r\nX: y' }, '401 Authentication failed, token.sub'],
    ['16 sub __proto__ is a name like any other', { sub: '__proto__' }, '200'],
    ['29 role missing', { role: undefined }, '200'],
    ['29 role an array', { role: ['admin'] }, '200'],
    ['29 role an object', { role: { toString: 'admin' } }, '200'],
    ['29 role a number', { role: 1 }, '200'],
    ['29 role in odd case', { role: 'Admin' }, '200'],
    ['29 role with NUL', { role: 'admin\u0000' }, '200'],
    ['29 role with a space', { role: 'admin ' }, '200'],
    ['29 role constructor', { role: 'constructor' }, '200'],
    ['29 role User, as the flowise proxy mints it', { role: 'User' }, '200'],
  ])('%s', async (_, more, expected) => {
    gateway.clock.nowMs = iat * 1_000;
    expect(await answerTo(forge(HS256, JSON.stringify({ ...claims(), ...more })))).toBe(expected);
  });

  test('27 the tolerance is a setting', async () => {
    const strict = await fakeGateway({ environment: { JWT_CLOCK_TOLERANCE_SECONDS: '0' } });
    const statusOf = async (more: Record<string, unknown>): Promise<number> =>
      (await strict.call('GET', '/api/credits/balance', { token: await strict.token({ sub: 'alice', ...more }) })).status;
    const nowSeconds = Math.floor(strict.clock.nowMs / 1_000);
    expect([await statusOf({}), await statusOf({ iat: nowSeconds + 1 }), await statusOf({ exp: nowSeconds })]).toEqual([200, 401, 401]);
    await strict.stop();
  });

  test('27 exp of 1e400 is Infinity, not a date', async () => {
    const text = JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e400');
    expect(await answerTo(forge(HS256, text))).toBe('401 Authentication failed, token.exp');
  });

  test('31 duplicate claims: the last one counts, as JSON has it', async () => {
    const text = JSON.stringify(claims()).replace('{', '{"sub":"mallory",');
    const { body } = await gateway.call('GET', '/api/credits/balance', { token: forge(HS256, text) });
    expect(body['userId']).toBe('alice');
  });
});

describe('31: the header', () => {
  const status = async (headers: Record<string, string>): Promise<unknown> => {
    const { status, body } = await gateway.call('GET', '/api/credits/balance', { headers });
    return `${status} ${String(body['message'])}`;
  };

  test('no header, another scheme, lower case, no token', async () => {
    const token = await gateway.token({ sub: 'alice' });
    const required = '401 Authentication token required';
    expect(await status({})).toBe(required);
    expect(await status({ authorization: `bearer ${token}` })).toBe(required);
    expect(await status({ authorization: `BEARER ${token}` })).toBe(required);
    expect(await status({ authorization: token })).toBe(required);
    expect(await status({ authorization: 'Bearer ' })).toBe(required);
    expect(await status({ authorization: 'Basic YTpi' })).toBe(required);
    expect(await status({ authorization: `Bearer  ${token}` })).toBe('401 Invalid token');
    expect(await status({ 'x-access-token': token })).toBe(required);
    expect((await gateway.call('GET', `/api/credits/balance?token=${token}&access_token=${token}`)).status).toBe(401);
  });

  test('two Authorization headers: the first decides, whatever order', async () => {
    const good = await gateway.token({ sub: 'alice' });
    const raw = (first: string, second: string): Promise<string> => new Promise((resolve) => {
      const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => {
        socket.write(`GET /api/credits/balance HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer `
          + `${first}\r\nAuthorization: Bearer ${second}\r\nConnection: close\r\n\r\n`);
      });
      let text = '';
      socket.on('data', (chunk) => { text += chunk.toString(); });
      socket.on('close', () => { resolve(text.split('\r\n')[0] ?? ''); });
    });
    expect(await raw(good, 'forged')).toBe('HTTP/1.1 200 OK');
    expect(await raw('forged', good)).toBe('HTTP/1.1 401 Unauthorized');
  });

  test('X-User-ID and a userId in the body say nothing about who calls', async () => {
    const token = await gateway.token({ sub: 'alice' });
    const { body } = await gateway.call('GET', '/api/credits/balance', { token, headers: { 'x-user-id': 'bob' } });
    expect(body['userId']).toBe('alice');
  });
});

describe('issuers', () => {
  test('ChatsParty: subject is userId; no role is believed', async () => {
    const token = await signed(CHATSPARTY_SECRET, {
      ...usualClaims(gateway.clock.nowMs), type: undefined, userId: 'cuid123', role: 'admin',
    });
    const balance = await gateway.call('GET', '/api/credits/balance', { token });
    expect([balance.status, balance.body['userId']]).toEqual([200, 'cuid123']);
    const allocate = await gateway.call('POST', '/api/credits/allocate', { token, body: { userId: 'cuid123', credits: 5 } });
    expect([allocate.status, allocate.body['message']]).toEqual([403, 'Admin access required']);
  });

  test('ChatsParty: a token without userId is refused, even with a sub', async () => {
    const token = await signed(CHATSPARTY_SECRET, { ...usualClaims(gateway.clock.nowMs), sub: 'alice' });
    expect(await answerTo(token)).toBe('401 Authentication failed, token.userId');
  });

  test('JWT_REQUIRE_TYPE asks role-bearing issuers for a type, and ChatsParty still not', async () => {
    const strict = await fakeGateway({ environment: { JWT_REQUIRE_TYPE: 'true' } });
    const untyped = { ...usualClaims(strict.clock.nowMs), type: undefined };
    const access = await send(`${strict.url}/api/credits/balance`, 'GET', {
      token: await signed(ACCESS_SECRET, { ...untyped, sub: 'alice' }),
    });
    expect([access.status, access.body['message']]).toEqual([401, 'Invalid token type']);
    const chatsparty = await send(`${strict.url}/api/credits/balance`, 'GET', {
      token: await signed(CHATSPARTY_SECRET, { ...untyped, userId: 'cuid' }),
    });
    expect(chatsparty.status).toBe(200);
    await strict.stop();
  });

  test('every 401 names the scheme and leaks nothing', async () => {
    const key = createSecretKey('short', 'utf8');
    const weak = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(key).catch(() => 'unsignable');
    const { status, headers, body } = await gateway.call('GET', '/api/credits/balance', { token: weak });
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Bearer');
    expect(Object.keys(body).sort()).toEqual(['error', 'message', 'requestId', 'sources', 'status', 'success']);
    expect(JSON.stringify(gateway.logged)).not.toContain(weak);
  });
});
